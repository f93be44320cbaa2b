"""The tensors of an integer graph by the scale that they share, and what it would take to give them 16 bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.quantization.arithmetic import Arithmetic
from edgernn.quantization.simulated import weights_of


@dataclass(frozen=True)
class Costs:
    """What computing costs on a target, in roughly nanoseconds; measured on one, of use for the others' order.

    Attributes:
        call: of an operator of 8 bits.
        element: that it computes.
        mac: a multiply-accumulate of it.
        wide_call: of an operator of 16 bits, the same for a conversion to or from it.
        wide_element: that it computes.
        wide_mac: a multiply-accumulate of it.
        byte: of memory that a tensor takes more.
    """

    call: float
    element: float
    mac: float
    wide_call: float
    wide_element: float
    wide_mac: float
    byte: float = 0.0


@dataclass(frozen=True)
class Part:
    """Tensors of one scale, and what their rounding and saturation alone do to the answer.

    Attributes:
        name: of the tensor that is made first.
        layer: that makes it.
        dtype: its integer type; of weights, int8.
        error: root mean square over the outputs' standard deviation, the largest over the outputs.
        weights: whether it is a constant.
        widened: names of float values that would have to get 16 bits for this error to go; of weights, the name of the
            product that would have to have a scale for each of its rows.
        cost: of that, in roughly nanoseconds per inference on a phone.
    """

    name: str
    layer: str
    dtype: str
    error: float
    weights: bool
    widened: frozenset[str]
    cost: float


@dataclass(frozen=True)
class Group:
    """What is rounded together.

    Attributes:
        members: values of the integer graph that are the same integers, or weights.
        made: names of the float values whose numbers they are, each once; those that only move numbers excepted.
        part: what is known of it.
    """

    members: tuple[Value, ...]
    made: tuple[str, ...]
    part: Part


def whole_cost(graph: Graph, costs: Costs) -> float:
    """What one inference costs."""
    return sum(times * _cost(node, costs) for node, times in _walk(graph))


def computed_numbers(graph: Graph) -> int:
    """How many numbers one inference computes."""
    return sum(times * value.size for node, times in _walk(graph) for value in node.outputs)


def groups_of(integers: Graph, floats: Graph, arithmetic: Arithmetic, costs: Costs) -> Iterator[Group]:
    """Every group of tensors that can be rounded or not, with a `Part` whose error is still unknown.

    Args:
        integers: quantized.
        floats: what it was made from.
        arithmetic: it was made for.
        costs: on the target.
    """
    places = _Places(integers)
    known = {value.name for node in floats.walk() for value in (*node.inputs, *node.outputs) if value.data is None}

    def real(value: Value) -> str:
        name, _ = places.origin(value)
        return name if name in known else name.removesuffix("_coarse").removesuffix("_int8")

    for members in _tied(integers, arithmetic):
        made = [places.makers[value] for value in members if value in places.makers]
        makers = [at for at in made if not _moves(at[0], arithmetic)]
        widened, cost = set[str](), costs.call + costs.byte * max(value.size for value in members)
        for node, times in makers:
            names, changed = places.needed(node, times, members)
            widened.update(names, (value.name for changing, _ in changed for value in changing.outputs))
            cost += sum(often * _cost(changing, costs, wide=True) for changing, often in changed)
        given = [value for value in members if value in integers.inputs]
        if given:
            changed = places.narrow_readers(members)
            widened.update((value.name for value in given), (v.name for node, _ in changed for v in node.outputs))
            cost += sum(often * _cost(changing, costs, wide=True) for changing, often in changed)
        name, layer = real(members[0]), places.origin(members[0])[1]
        able = frozenset(widened) if members[0].dtype == "int8" and widened <= known else frozenset[str]()
        made_here = [value for node, _ in makers for value in node.outputs if value in members]
        sources = tuple(dict.fromkeys(map(real, (*given, *made_here) or members)))
        yield Group(tuple(members), sources, Part(name, layer, members[0].dtype, 0.0, False, able, cost))
    for node, _ in places.nodes:
        weights = weights_of(node)
        if weights is not None and weights.quantization is not None:
            per_row = len(weights.quantization.scales) > 1 or not isinstance(node.operator, ops.Affine)
            name = node.output.name.removesuffix("_coarse")
            able = frozenset[str]() if per_row or name not in known else frozenset([name])
            part = Part(weights.name, node.layer, weights.dtype, 0.0, True, able, math.inf)
            yield Group((weights,), (weights.name,), part)


class _Places:
    """Who makes and who reads the values of an integer graph, and how often."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = list(_walk(graph))
        self.outputs = set(graph.outputs)
        self.makers = {value: at for at in self.nodes for value in at[0].outputs}
        self.readers: dict[Value, list[tuple[Node, int]]] = {}
        for at in self.nodes:
            for value in at[0].inputs:
                self.readers.setdefault(value, []).append(at)

    def needed(self, node: Node, times: int, members: list[Value]) -> tuple[list[str], list[tuple[Node, int]]]:
        """What must have 16 bits so that what this node makes has: names of inputs and outputs, and other nodes."""
        if not isinstance(node.operator, ops.Requantize):
            return [], [(node, times)]
        if node.inputs[0].dtype == "float32":  # the model's input; wider it helps only where it is read so
            return [node.inputs[0].name], self.narrow_readers(members)
        if node.output in self.outputs:  # whose type is the caller's concern
            return [], []
        return [], self.narrow_readers(members)  # a copy for those that read it

    def origin(self, value: Value) -> tuple[str, str]:
        """The name of what a tensor is, or is a copy of, and the layer that makes it."""
        while value in self.makers and isinstance(self.makers[value][0].operator, ops.Requantize):
            value = self.makers[value][0].inputs[0]
        maker = self.makers.get(value)
        return value.name, (maker[0].layer if maker is not None else "") or self._reader(value)

    def _reader(self, value: Value) -> str:
        """The layer that reads a value, or what others, of no layer, make of it."""
        readers = [node for node, _ in self.readers.get(value, [])]
        made = [result for node in readers if not node.layer for result in node.outputs]
        return next((layer for layer in (*(node.layer for node in readers), *map(self._reader, made)) if layer), "")

    def narrow_readers(self, members: list[Value]) -> list[tuple[Node, int]]:
        """Those that compute with 8 bits from any of these values."""
        found = [at for value in members for at in self.readers.get(value, [])]
        return [at for at in found if not isinstance(at[0].operator, Scan) and at[0].outputs[0].dtype == "int8"]


def _moves(node: Node, arithmetic: Arithmetic) -> bool:
    return isinstance(node.operator, Scan) or len(arithmetic.tied(node)) == 1


def _walk(graph: Graph, times: int = 1) -> Iterator[tuple[Node, int]]:
    """All nodes and how often each is computed."""
    for node in graph.nodes:
        yield node, times
        if isinstance(node.operator, Scan):
            yield from _walk(node.operator.body, times * node.operator.steps)


def _cost(node: Node, costs: Costs, *, wide: bool = False) -> float:
    """Of a node; or, `wide`, how much more it costs with 16 bits and the conversions about it."""
    if isinstance(node.operator, Scan):
        return 0.0
    elements = sum(value.size for value in node.outputs)
    weights = weights_of(node)
    macs = 0
    if weights is not None:
        macs = weights.size * (elements // max(node.outputs[0].shape[-1], 1))
    if wide:
        return 2 * (costs.wide_call + costs.wide_element * elements) + macs * (costs.wide_mac - costs.mac)
    return costs.call + costs.element * elements + macs * costs.mac


def _tied(graph: Graph, arithmetic: Arithmetic) -> list[list[Value]]:
    """Quantized activations that are the same integers, in the order in which they are made."""
    parent: dict[Value, Value] = {}

    def find(value: Value) -> Value:
        while parent.setdefault(value, value) is not value:
            value = parent[value]
        return value

    def same(a: Value, b: Value) -> None:
        if a.data is None and b.data is None and (a.dtype, a.quantization) == (b.dtype, b.quantization):
            parent[find(b)] = find(a)

    for node, _ in _walk(graph):
        if isinstance(node.operator, Scan):
            body, carries = node.operator.body, node.operator.carries
            for outside, inside in zip(node.inputs, body.inputs, strict=True):
                same(outside, inside)
            for k, (outside, inside) in enumerate(zip(node.outputs, body.outputs, strict=True)):
                same(inside, outside)
                if k < carries:
                    same(inside, body.inputs[k])
        elif node.outputs[0].quantization is not None:
            for k in arithmetic.tied(node):
                for value in node.outputs:
                    same(node.inputs[k], value)
    groups: dict[Value, list[Value]] = {}
    order = [*graph.inputs, *(v for node, _ in _walk(graph) for v in (*_body_inputs(node), *node.outputs))]
    for value in dict.fromkeys(order):
        if value.quantization is not None and value.data is None and value.dtype in ("int8", "int16"):
            groups.setdefault(find(value), []).append(value)
    return list(groups.values())


def _body_inputs(node: Node) -> tuple[Value, ...]:
    return node.operator.body.inputs if isinstance(node.operator, Scan) else ()
