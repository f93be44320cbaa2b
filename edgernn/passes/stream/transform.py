"""The walk over a window model that makes its stream; pure, from graph to graph, so that every back end has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream import rules
from edgernn.passes.stream.edges import Edge, Output, State, Streamed, per_hop_shape, renamed
from edgernn.passes.stream.loops import recur
from edgernn.passes.stream.memory import Memory
from edgernn.passes.stream.pointwise import EACH, on_hop
from edgernn.passes.stream.reductions import running
from edgernn.passes.stream.rules import NoStreamError
from edgernn.passes.stream.windows import pad, slide

_LARGEST_HOP = 1024


def stream(graph: Graph, hop: int | None = None, lookahead: int = 0) -> Streamed:
    """The stream of a model over a window.

    Args:
        graph: float or quantized; its sequences have their time axis first.
        hop: frames per step; None takes the fewest that the model's strides allow.
        lookahead: for how many frames an answer may be late, since a layer looks ahead.

    Raises:
        NoStreamError: a rule is broken.
    """
    frames = hop or 1
    while True:
        try:
            return _Stream(graph, frames, lookahead).streamed()
        except NoStreamError as error:
            if hop is not None or not error.hop or error.hop > _LARGEST_HOP:
                raise
            frames = error.hop


class _Stream:
    """The values of the window model as values of one step."""

    def __init__(self, graph: Graph, hop: int, lookahead: int) -> None:
        self.graph, self.hop, self.lookahead = graph, hop, lookahead
        self.memory = Memory()
        self.edges: dict[Value, Edge] = {}
        self.single: dict[Value, Value] = {}  # without a time axis, in every step anew
        self.skip: dict[Value, int] = {}  # hops before such a value is valid
        self.fixed: set[Value] = set()  # depends on no sequence
        self.inputs: list[Value] = []
        self.timed: list[bool] = []

    def streamed(self) -> Streamed:
        self._bind_inputs()
        for node in self.graph.nodes:
            self._node(node)
        outputs = [self._output(value) for value in self.graph.outputs]
        for node in self.memory.nodes:
            self._check_size(node.outputs, node.layer)
        states = self.memory.states
        graph = replace(
            self.graph,
            inputs=(*self.inputs, *(state.value for state in states)),
            outputs=(*(value for value, _ in outputs), *(state.next for state in states)),
            nodes=tuple(self.memory.nodes),
        )
        known = tuple(output for _, output in outputs)
        return Streamed(graph, tuple(states), known, self.hop, tuple(self.timed))

    def _bind_inputs(self) -> None:
        shapes = [value.shape for value in self.graph.inputs]
        wide = any(len(shape) > 1 for shape in shapes)
        lengths = {shape[0] for shape in shapes if len(shape) > wide}
        if len(lengths) != 1:
            raise NoStreamError(rules.SEQUENCE, self.graph.name, f"inputs of the shapes {[list(s) for s in shapes]}")
        (steps,) = lengths
        for value in self.graph.inputs:
            vector = wide and len(value.shape) == 1 and value.dtype == "float32"
            timed = value.shape[:1] == (steps,) and not vector
            self.timed.append(timed)
            if timed:
                element = value.shape[1:]
                frame = replace(value, shape=per_hop_shape(element, self.hop))
                self.edges[value] = Edge(frame, self.hop)
                self.inputs.append(frame)
            else:
                self.fixed.add(value)
                self.inputs.append(value)
        self._check_size(self.inputs, self.graph.name)

    def _check_size(self, values: Sequence[Value], layer: str) -> None:
        largest = max((value.size for value in values), default=0)
        if largest > rules.LARGEST_STEP:
            raise NoStreamError(rules.SHORT, layer, f"{largest} in a hop of {self.hop} frames")

    # --- nodes ------------------------------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        timed = any(value in self.edges for value in node.inputs)
        if isinstance(node.operator, Scan) and timed:
            self._scan(node, node.operator)
        elif timed:
            self._sequence(node)
        elif isinstance(node.operator, ops.Broadcast) and self._spans(node):
            self._spread(node, node.operator)
        else:
            self._single(node)

    def _single(self, node: Node) -> None:
        """A node beside the sequences: once in every step."""
        self.memory.nodes.append(replace(node, inputs=tuple(self.single.get(v, v) for v in node.inputs)))
        if all(value.data is not None or value in self.fixed for value in node.inputs):
            self.fixed.update(node.outputs)
        skip = max((self.skip.get(value, 0) for value in node.inputs), default=0)
        self.skip.update(dict.fromkeys(node.outputs, skip))

    def _spans(self, node: Node) -> bool:
        source, shape = node.inputs[0], node.output.shape
        steps = next(value.shape[0] for value in self.edges)
        fixed = source.data is not None or source in self.fixed
        return (
            fixed and len(shape) > 1 and shape[0] == steps and (len(source.shape) < len(shape) or source.shape[0] == 1)
        )

    def _spread(self, node: Node, operator: ops.Broadcast) -> None:
        """The same for every frame."""
        value = renamed(node.output, "", per_hop_shape(node.output.shape[1:], self.hop))
        source = node.inputs[0]
        if self.hop == 1 and len(source.shape) == len(operator.shape):
            source = self.memory.reshaped(source, source.shape[1:], node.layer)
        self.memory.emit(ops.Broadcast(value.shape), (source,), value, node.layer)
        self.edges[node.output] = Edge(value, self.hop)

    def _sequence(self, node: Node) -> None:
        """A node that reads sequences, and is no loop."""
        operator, x = node.operator, node.inputs[0]
        steps = x.shape[0] if x.shape else 0
        match operator:
            case ops.Pad(before=before, after=after):
                edge = self.memory.masked(self.edges[x], node.layer)
                self.edges[node.output] = replace(edge, wait=edge.wait - before, ahead=edge.ahead + after)
            case ops.Slice(begin=begin, end=end) if end - begin == 1 and end == steps:
                self._last(node)
            case ops.Slice(begin=begin, end=end, stride=1) if end - begin > 1:
                edge = self._begun(self.edges[x], node.layer)
                ahead = edge.ahead - (steps - end)
                self.edges[node.output] = replace(edge, wait=edge.wait + begin, ahead=ahead)
            case ops.Conv(stride=stride, dilation=dilation):
                self._convolve(node, (node.inputs[1].shape[1] - 1) * dilation, stride)
            case ops.DepthwiseConv(stride=stride, dilation=dilation):
                self._convolve(node, (node.inputs[1].shape[0] - 1) * dilation, stride)
            case ops.Pool():
                self._pool(node, operator)
            case ops.Reduce(function=function, axis=axis) if axis % len(x.shape) == 0:
                edge = self._ended(x, node.layer)
                value = running(self.memory, edge, function, node)
                self.single[node.output] = self.memory.reshaped(value, node.output.shape, node.layer)
                self.skip[node.output] = edge.hops(edge.per_hop - 1)
            case ops.Reverse():
                raise NoStreamError(rules.FORWARD, node.layer, "a reversed sequence")
            case _:
                self._elementwise(node)

    def _elementwise(self, node: Node) -> None:
        """What does the same to every element."""
        edges = self._aligned(node)
        first = edges[0]
        read = [value for value in node.inputs if value in self.edges]
        operator = on_hop(node, read, first.per_hop)
        rank = max(len(value.shape) for value in read)
        inputs = tuple(self._operand(node, value, rank, first.per_hop) for value in node.inputs)
        ahead = max(edge.ahead for edge in edges)
        outputs = []
        for value in node.outputs:
            outputs.append(replace(value, shape=per_hop_shape(value.shape[1:], first.per_hop)))
            self.edges[value] = Edge(outputs[-1], first.per_hop, first.wait, ahead)
        self.memory.nodes.append(replace(node, operator=operator, inputs=inputs, outputs=tuple(outputs)))

    def _operand(self, node: Node, value: Value, rank: int, count: int) -> Value:
        """An operand in one hop; a constant with an axis of one step loses that with the step."""
        if value in self.edges:
            return self.edges[value].value
        if value.data is None and value not in self.fixed:
            raise NoStreamError(rules.WHOLE, node.layer, f"'{value.name}', known only at the end")
        leads = isinstance(node.operator, (*EACH, ops.Concat)) and not isinstance(node.operator, ops.Gather)
        if not leads or len(value.shape) < rank or not rank:
            return self.single.get(value, value)
        if value.shape[0] != 1:
            if value.data is None or (value.data != value.data[:1]).any():
                raise NoStreamError(rules.SAME_WEIGHTS, node.layer, f"'{value.name}'")
            value = replace(value, shape=(1, *value.shape[1:]), data=value.data[:1])
        if isinstance(node.operator, ops.Concat) and count > 1 and value.data is not None:
            return replace(value, shape=(count, *value.shape[1:]), data=np.repeat(value.data, count, axis=0))
        if count > 1:
            return value
        if value.data is None:
            return self.memory.reshaped(value, value.shape[1:], node.layer)
        return replace(value, shape=value.shape[1:], data=value.data[0])

    def _aligned(self, node: Node) -> list[Edge]:
        """The sequences that a node reads, all waiting as long as the slowest."""
        read = [value for value in dict.fromkeys(node.inputs) if value in self.edges]
        if len(read) > 1 or not isinstance(node.operator, (ops.Requantize, ops.Reshape)):  # those keep zeros
            for value in read:
                self.edges[value] = self._begun(self.edges[value], node.layer)
        wait = max(self.edges[value].wait for value in read)
        rates = {self.edges[value].per_hop for value in read}
        if len(rates) > 1:
            raise NoStreamError(rules.WHOLE, node.layer, "sequences of different rates")
        for value in read:
            self.edges[value] = self.memory.delayed(self.edges[value], wait, node.layer)
        return [self.edges[value] for value in read]

    def _convolve(self, node: Node, context: int, stride: int) -> None:
        edge = self._begun(self.edges[node.inputs[0]], node.layer, -context)
        self.edges[node.output] = slide(self.memory, node, edge, context, stride, self.hop)

    def _pool(self, node: Node, pool: ops.Pool) -> None:
        edge, padded = pad(self.memory, node, pool, self.edges[node.inputs[0]])
        edge = self._begun(edge, node.layer, 1 - pool.size)
        node = replace(node, operator=replace(pool, same=False))
        result = slide(self.memory, node, edge, pool.size - 1, pool.stride, self.hop, padded=padded)
        self.edges[node.output] = self.memory.masked(result, node.layer) if padded else result

    def _last(self, node: Node) -> None:
        """The last element so far."""
        edge = self._ended(node.inputs[0], node.layer)
        value = edge.value
        if edge.per_hop > 1:
            part = renamed(value, "_last", (1, *edge.element))
            value = self.memory.emit(ops.Slice(edge.per_hop - 1, edge.per_hop), (value,), part, node.layer)
        self.single[node.output] = self.memory.reshaped(value, node.output.shape, node.layer)
        self.skip[node.output] = edge.hops(edge.per_hop - 1)

    def _present(self, value: Value, layer: str) -> Edge:
        """A sequence without padding before it, that does not look further ahead than is allowed."""
        edge = self.edges[value] = self._begun(self.edges[value], layer)
        frames = edge.ahead * self.hop // edge.per_hop
        if frames > self.lookahead:
            plural = "s" if frames > 1 else ""
            raise NoStreamError(rules.PRESENT, layer, f"it looks {frames} frame{plural} ahead")
        return edge

    def _ended(self, value: Value, layer: str) -> Edge:
        """A sequence whose last element so far is what the window's last one would be: late where that is cropped."""
        edge = self._present(value, layer)
        edge = self.edges[value] = self.memory.delayed(edge, edge.wait - edge.ahead, layer)
        return edge

    def _begun(self, edge: Edge, layer: str, least: int = 0) -> Edge:
        """A sequence whose padding before the first frame is none, or what a convolution takes up.

        Other padding comes first if the rest may be late by as much.
        """
        led = least - edge.wait
        if led <= 0:
            return edge
        if -(-(edge.ahead + led) * self.hop // edge.per_hop) > self.lookahead:
            raise NoStreamError(rules.LED, layer, f"{led} elements before the first frame")
        return self.memory.delayed(edge, least, layer)

    # --- loops ------------------------------------------------------------------------------------------------------

    def _scan(self, node: Node, scan: Scan) -> None:
        """A loop over the stream: as many steps as the hop has elements, from the states of the last one."""
        if scan.reverse:
            raise NoStreamError(rules.FORWARD, node.layer, "a recurrence that runs from the end")
        if any(isinstance(inner.operator, Scan) for inner in scan.body.nodes):
            raise NoStreamError(rules.FLAT_LOOP, node.layer, "a loop in every step")
        initial, sequences = node.inputs[: scan.carries], node.inputs[scan.carries :]
        if any(value.data is None for value in initial):
            raise NoStreamError(rules.KNOWN_START, node.layer, "a state that the model computes")
        if any(value not in self.edges for value in sequences):
            raise NoStreamError(rules.WHOLE, node.layer, "a sequence that is known only at the end")
        read = set(self.graph.outputs) | {value for each in self.graph.nodes for value in each.inputs}
        for value in sequences:
            self._present(value, node.layer)
            if read.intersection(node.outputs[: scan.carries]):
                self._ended(value, node.layer)
        edge = self._aligned(node)[0]
        following, columns = recur(self.memory, node, scan, [self.edges[value] for value in sequences])
        for value, start, end in zip(scan.body.inputs, initial, following, strict=False):
            self.memory.states.append(State(value, end, start))
        self.single.update(zip(node.outputs, following, strict=False))
        self.skip.update(dict.fromkeys(node.outputs[: scan.carries], edge.hops(edge.per_hop - 1)))
        for value, column in zip(node.outputs[scan.carries :], columns, strict=True):
            self.edges[value] = Edge(column, edge.per_hop, edge.wait, edge.ahead)

    def _output(self, value: Value) -> tuple[Value, Output]:
        if value in self.edges:
            edge = self._present(value, value.name)
            skip = edge.hops(edge.per_hop - 1)
            return edge.value, Output(skip, edge.per_hop, max(0, edge.wait - skip * edge.per_hop))
        return self.single.get(value, value), Output(self.skip.get(value, 0))
