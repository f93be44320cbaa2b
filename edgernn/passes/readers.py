"""The products that read a value, also inside of loops, and weights that take over what happens to it before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops


@dataclass(frozen=True)
class Reader:
    """A product that multiplies a value.

    Attributes:
        node: the product.
        kernel: which of its inputs holds the weights.
        padded: whether zeros may stand for steps of the value.
    """

    node: Node
    kernel: int
    padded: bool

    @property
    def weights(self) -> np.ndarray:
        """In double precision, `[..., features]`."""
        return self.node.inputs[self.kernel].constant.astype("f8")

    def taking_over(self, times: np.ndarray, plus: np.ndarray) -> Node:
        """The product of x that equals this one of (times x + plus): W' = W times, b' = b + W plus."""
        node, operator = self.node, self.node.operator
        assert isinstance(operator, (ops.Affine, ops.Conv)), "readers are products"
        kernel, inputs = node.inputs[self.kernel], list(node.inputs)
        inputs[self.kernel] = replace(kernel, name=f"{kernel.name}_scaled", data=(self.weights * times).astype("f4"))
        if plus.any():
            shift = (self.weights * plus).reshape(kernel.shape[0], -1).sum(axis=1)
            name = f"{node.output.name}_bias"
            if operator.bias:
                shift = shift + inputs.pop().constant
            inputs.append(Value(name, shift.shape, "float32", shift.astype("f4")))
            operator = replace(operator, bias=True)
        return replace(node, operator=operator, inputs=tuple(inputs))


def readers(graph: Graph, value: Value, *, masked: bool = False) -> list[Reader]:
    """All products that read a value; none if something else reads it too, or one product twice.

    Args:
        graph: float.
        value: of it.
        masked: whether masks may be taken of the value besides.
    """
    found = [] if value in graph.outputs else _readers(graph, value, padded=False, masked=masked)
    return found if len({reader.node for reader in found}) == len(found) else []


def _readers(graph: Graph, value: Value, *, padded: bool, masked: bool = False) -> list[Reader]:
    found: list[Reader] = []
    for node in graph.nodes:
        if value not in node.inputs or (masked and isinstance(node.operator, ops.Differs)):
            continue
        inner = _readers_in(graph, node, value, padded)
        if not inner:
            return []
        found += inner
    return found


def _readers_in(graph: Graph, node: Node, value: Value, padded: bool) -> list[Reader]:
    match node.operator:
        case ops.Affine(operands=count):
            return [Reader(node, count + k, padded) for k in range(count) if node.inputs[k] is value]
        case ops.Conv():
            return [Reader(node, 1, padded)]
        case ops.Pad() if node.output not in graph.outputs:
            return _readers(graph, node.output, padded=True)
        case Scan(body=body, carries=carries):
            places = [k for k, given in enumerate(node.inputs) if given is value]
            if any(k < carries or body.inputs[k] in body.outputs for k in places):
                return []
            parts = [_readers(body, body.inputs[k], padded=padded) for k in places]
            return [reader for part in parts for reader in part] if all(parts) else []
        case _:
            return []


def exchanged(graph: Graph, changed: Mapping[Node, Node]) -> Graph:
    """The graph with other products in the places of some, also inside of loops."""
    nodes = []
    for node in graph.nodes:
        if isinstance(node.operator, Scan) and not changed.keys().isdisjoint(node.operator.body.walk()):
            body = exchanged(node.operator.body, changed)
            node = replace(node, operator=replace(node.operator, body=body, weights=None))
        nodes.append(changed.get(node, node))
    return replace(graph, nodes=tuple(nodes))
