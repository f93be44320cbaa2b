"""Builds a graph node by node, inferring shapes and keeping names unique."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgernn.graph import operators as ops
from edgernn.graph.graph import Graph, Node, Value
from edgernn.graph.shapes import infer

# What only changes the shape or the order of the elements.
_MOVES = (ops.Reshape, ops.Transpose, ops.Slice, ops.Reverse, ops.Broadcast, ops.Pad)


class Names:
    """Hands out names that are unique within one model, deterministically."""

    def __init__(self) -> None:
        """Start with no names taken."""
        self._taken: dict[str, int] = {}

    def __call__(self, wanted: str) -> str:
        """`wanted`, with a number behind it if it is taken."""
        count = self._taken.get(wanted)
        self._taken[wanted] = 1 if count is None else count + 1
        return wanted if count is None else self(f"{wanted}_{count}")


class Builder:
    """A graph under construction.

    Attributes:
        layer: put on every node made from now on, and in front of its values' names.
    """

    def __init__(self, name: str, names: Names | None = None) -> None:
        """An empty graph; a scan's body shares the names of the graph around it."""
        self.name = name
        self.names = names or Names()
        self.layer = ""
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self._moved: dict[Value, Value] = {}  # to the input that its elements come from

    def body(self, name: str) -> Builder:
        """A builder for the body of a scan of this graph."""
        inner = Builder(f"{self.name}/{name}", self.names)
        inner.layer = self.layer
        return inner

    def input(self, name: str, shape: Sequence[int], dtype: str = "float32") -> Value:
        """Declare a graph input."""
        value = Value(self.names(name), tuple(shape), dtype)  # type: ignore[arg-type]
        self.inputs.append(value)
        self._moved[value] = value
        return value

    def moved_input(self, value: Value) -> Value | None:
        """The graph input whose elements `value` consists of, if they were only moved on the way."""
        return self._moved.get(value)

    def constant(self, name: str, data: np.ndarray) -> Value:
        """A constant value; float64 becomes float32, int64 becomes int32."""
        array = np.asarray(data)
        array = array.astype({"f": "float32", "i": "int32", "u": "int32", "b": "bool"}[array.dtype.kind], copy=False)
        array = array.view()  # read-only here, whatever its owner does
        array.setflags(write=False)
        return Value(self._scoped(name), array.shape, array.dtype.name, array)  # type: ignore[arg-type]

    def apply(self, operator: ops.Operator, *inputs: Value, name: str = "") -> Value:
        """Add a node with one output and return that output."""
        (output,) = self.apply_many(operator, *inputs, name=name)
        return output

    def apply_many(self, operator: ops.Operator, *inputs: Value, name: str = "") -> tuple[Value, ...]:
        """Add a node and return its outputs."""
        label = self._label(operator, name)
        outputs = tuple(Value(self._scoped(label), shape, dtype) for shape, dtype in infer(operator, inputs))
        self.nodes.append(Node(operator, tuple(inputs), outputs, self.layer))
        if isinstance(operator, _MOVES) and (source := self._moved.get(inputs[0])) is not None:
            self._moved[outputs[0]] = source
        return outputs

    def affine(self, *pairs: tuple[Value, Value], bias: Value | None = None, name: str = "") -> Value:
        """The sum of W x over `(x, W)` pairs, plus the bias."""
        operator = ops.Affine(len(pairs), bias is not None)
        biases = () if bias is None else (bias,)
        return self.apply(operator, *(x for x, _ in pairs), *(w for _, w in pairs), *biases, name=name)

    def add(self, a: Value, b: Value, name: str = "") -> Value:
        """Elementwise a + b."""
        return self.apply(ops.Binary("add"), a, b, name=name)

    def subtract(self, a: Value, b: Value, name: str = "") -> Value:
        """Elementwise a - b."""
        return self.apply(ops.Binary("sub"), a, b, name=name)

    def multiply(self, a: Value, b: Value, name: str = "") -> Value:
        """Elementwise a * b."""
        return self.apply(ops.Binary("mul"), a, b, name=name)

    def finish(self, *outputs: Value) -> Graph:
        """The graph that computes `outputs`."""
        return Graph(self.name, tuple(self.inputs), tuple(outputs), tuple(self.nodes))

    def _scoped(self, label: str) -> str:
        return self.names(f"{self.layer}/{label}" if self.layer else label)

    @staticmethod
    def _label(operator: ops.Operator, name: str) -> str:
        if name:
            return name
        function = getattr(operator, "function", None)
        return str(function or type(operator).__name__.lower())
