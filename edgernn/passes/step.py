"""One step of a whole model: a graph over sequences becomes one over single frames, its loops' states in and out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops

_ALONG_LAST = (ops.Affine, ops.Softmax)
_EACH = (ops.Binary, ops.Unary, ops.Requantize, ops.Select, ops.Or, ops.Gather)


class NoStepError(Exception):
    """The model cannot be run step by step; the message says why."""


@dataclass(frozen=True)
class Step:
    """A model's step.

    Attributes:
        graph: inputs are a frame of each input of the model, then the states; outputs are the model's, as if its
            sequence ended with this frame, then the new states.
        initial: the states before the first frame; constants.
    """

    graph: Graph
    initial: tuple[Value, ...]

    @property
    def frames(self) -> tuple[Value, ...]:
        """The inputs that are no states."""
        return self.graph.inputs[: len(self.graph.inputs) - len(self.initial)]

    @property
    def states(self) -> tuple[Value, ...]:
        """The inputs that are."""
        return self.graph.inputs[len(self.graph.inputs) - len(self.initial) :]


def single_step(graph: Graph) -> Step:
    """The step of a model whose inputs are sequences `[steps, ...]`.

    Raises:
        NoStepError: an operator looks at several steps at once, or into the future.
    """
    lengths = {value.shape[0] for value in graph.inputs if value.shape}
    if len(lengths) != 1 or not any(isinstance(node.operator, Scan) for node in graph.nodes):
        raise NoStepError("it has no recurrent layer over its input's steps")
    return _Stepping(graph, lengths.pop()).step()


class _Stepping:
    """The values of the graph as values of one step."""

    def __init__(self, graph: Graph, steps: int) -> None:
        self.graph, self.steps = graph, steps
        self.now: dict[Value, Value] = {value: replace(value, shape=value.shape[1:]) for value in graph.inputs}
        self.last: dict[Value, Value] = {}  # values without a time axis
        self.nodes: list[Node] = []
        self.states: list[Value] = []
        self.initial: list[Value] = []
        self.results: list[Value] = []

    def step(self) -> Step:
        for node in self.graph.nodes:
            self._node(node)
        outputs = tuple(self.now.get(value) or self.last.get(value) or value for value in self.graph.outputs)
        frames = tuple(self.now[value] for value in self.graph.inputs)
        inputs = (*frames, *self.states)
        graph = replace(self.graph, inputs=inputs, outputs=(*outputs, *self.results), nodes=tuple(self.nodes))
        return Step(graph, tuple(self.initial))

    def _node(self, node: Node) -> None:
        timed = [value in self.now for value in node.inputs]
        if isinstance(node.operator, Scan):
            self._scan(node, node.operator)
        elif not any(timed):
            inputs = tuple(self.last.get(value, value) for value in node.inputs)
            self.nodes.append(replace(node, inputs=inputs))
        else:
            self._frame(node)

    def _frame(self, node: Node) -> None:
        operator = node.operator
        match operator:
            case ops.Slice(begin=begin, end=end) if end - begin == 1 and end == self.steps:
                self._last(node)
                return
            case ops.Reshape(shape=shape) if shape[:1] == (self.steps,):
                operator = ops.Reshape(shape[1:])
            case ops.Concat(axis=axis) | ops.Split(axis=axis) | ops.Reduce(axis=axis) if axis % self._rank(node) > 0:
                operator = replace(operator, axis=axis if axis < 0 else axis - 1)
            case ops.Broadcast(shape=shape) if shape[:1] == (self.steps,):
                operator = ops.Broadcast(shape[1:])
            case ops.Differs(rows=rows) if rows or len(node.inputs[0].shape) > 0:
                pass
            case _ if isinstance(operator, _EACH) or (isinstance(operator, _ALONG_LAST) and self._rank(node) > 1):
                pass
            case _:
                raise NoStepError(f"layer '{node.layer}' ({type(operator).__name__}) looks at several steps at once")
        outputs = tuple(replace(value, shape=value.shape[1:]) for value in node.outputs)
        rank = max(len(value.shape) for value in node.inputs if value in self.now)
        elementwise = isinstance(operator, _EACH)
        inputs = tuple(self._operand(value, rank if elementwise else 0) for value in node.inputs)
        self.nodes.append(replace(node, operator=operator, inputs=inputs, outputs=outputs))
        self.now.update(zip(node.outputs, outputs, strict=True))

    @staticmethod
    def _rank(node: Node) -> int:
        return len(node.inputs[0].shape)

    def _operand(self, value: Value, rank: int) -> Value:
        """The value in one step; a constant that spans all steps loses that axis."""
        if value in self.now:
            return self.now[value]
        if value.data is not None and len(value.shape) == rank > 0 and value.shape[0] == 1:
            return replace(value, shape=value.shape[1:], data=value.data[0])
        if value.data is not None and len(value.shape) > 1 and value.shape[0] == self.steps > 1:
            raise NoStepError(f"constant '{value.name}' differs from step to step")
        return self.last.get(value, value)

    def _last(self, node: Node) -> None:
        """The last step is this one."""
        result = node.output
        self.nodes.append(Node(ops.Reshape(result.shape), (self.now[node.inputs[0]],), (result,), node.layer))

    def _scan(self, node: Node, scan: Scan) -> None:
        if scan.reverse:
            raise NoStepError(f"layer '{node.layer}' runs from the end of the sequence")
        initial, sequences = node.inputs[: scan.carries], node.inputs[scan.carries :]
        if any(value.data is None for value in initial):
            raise NoStepError(f"layer '{node.layer}' begins with a state that the model computes")
        if not all(value in self.now for value in sequences):
            raise NoStepError(f"layer '{node.layer}' reads a sequence that is not the input's")
        states, frames = scan.body.inputs[: scan.carries], scan.body.inputs[scan.carries :]
        self.states += states
        self.initial += initial
        replaced = {inside: self.now[outside] for inside, outside in zip(frames, sequences, strict=True)}
        for step in scan.body.nodes:
            if isinstance(step.operator, Scan):
                raise NoStepError(f"layer '{step.layer}' has a loop of its own in every step")
            self.nodes.append(replace(step, inputs=tuple(replaced.get(value, value) for value in step.inputs)))
        outputs = tuple(replaced.get(value, value) for value in scan.body.outputs)
        self.results += outputs[: scan.carries]
        self.last.update(zip(node.outputs[: scan.carries], outputs, strict=False))
        self.now.update(zip(node.outputs[scan.carries :], outputs[scan.carries :], strict=True))
