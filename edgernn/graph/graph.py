"""Values, nodes and graphs: what a model is between its Keras file and a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from edgernn.graph.operators import Operator, Scan

DType = Literal["float32", "int32", "bool", "int8", "int16", "int64", "float16"]


@dataclass(frozen=True)
class Quantization:
    """real = scale * (integer - zero_point).

    Attributes:
        scales: one, or one per element of `axis`.
        zero_point: 0 for weights and 16-bit activations.
        axis: the channels' axis when there are several scales.
    """

    scales: tuple[float, ...]
    zero_point: int = 0
    axis: int = 0

    @property
    def scale(self) -> float:
        """The only scale of a per-tensor quantization."""
        (scale,) = self.scales
        return scale

    def quantize(self, real: np.ndarray, dtype: str) -> np.ndarray:
        """Round to the nearest representable integer, saturating at the type's ends."""
        limits = np.iinfo(dtype)
        integers = np.round(real / self._broadcast(real.ndim)) + self.zero_point
        return np.asarray(np.clip(integers, limits.min, limits.max), dtype)

    def dequantize(self, integers: np.ndarray) -> np.ndarray:
        """The real values, float32."""
        shifted = integers.astype("f8") - self.zero_point
        return np.asarray(shifted * self._broadcast(integers.ndim), "f4")

    def _broadcast(self, rank: int) -> np.ndarray | float:
        if len(self.scales) == 1:
            return self.scales[0]
        return np.reshape(np.asarray(self.scales), [-1 if k == self.axis else 1 for k in range(rank)])


@dataclass(frozen=True, eq=False)
class Value:
    """A named tensor: a graph input, a node's output, or, where `data` is set, a constant.

    Attributes:
        name: unique within a model, bodies of scans included.
        shape: without the batch axis.
        dtype: float32 until quantization decides otherwise.
        data: the constant's array, in `dtype`.
        quantization: how the integers stand for reals, or None.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType = "float32"
    data: np.ndarray | None = None
    quantization: Quantization | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def constant(self) -> np.ndarray:
        """The data of a value that is known to be a constant."""
        if self.data is None:
            raise ValueError(f"value '{self.name}' is no constant")
        return self.data


@dataclass(frozen=True, eq=False)
class Node:
    """One operator applied to values.

    Attributes:
        layer: the Keras layer it came from, for messages and per-layer reports.
    """

    operator: Operator
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layer: str = ""

    @property
    def output(self) -> Value:
        """The only output of a node that has one."""
        (output,) = self.outputs
        return output


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in execution order between inputs and outputs."""

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]

    def walk(self) -> Iterator[Node]:
        """All nodes, those inside scans after their scan."""
        for node in self.nodes:
            yield node
            if isinstance(node.operator, Scan):
                yield from node.operator.body.walk()

    def consumers(self) -> dict[Value, list[Node]]:
        """For each value, the nodes of this graph (not of bodies) that read it."""
        table: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in dict.fromkeys(node.inputs):
                table.setdefault(value, []).append(node)
        return table

    def producers(self) -> dict[Value, Node]:
        """For each value that a node of this graph makes, that node."""
        return {value: node for node in self.nodes for value in node.outputs}


@dataclass
class Rewrite:
    """Collects new nodes while a pass walks over a graph, and the values that replace old ones."""

    nodes: list[Node] = field(default_factory=list)
    replaced: dict[Value, Value] = field(default_factory=dict)

    def __call__(self, value: Value) -> Value:
        """The present form of `value`."""
        while value in self.replaced:
            value = self.replaced[value]
        return value

    def keep(self, node: Node) -> None:
        """Copy a node, with its inputs replaced."""
        self.nodes.append(replace(node, inputs=tuple(self(value) for value in node.inputs)))

    def graph(self, old: Graph) -> Graph:
        """The rewritten graph, without nodes whose results nobody uses."""
        outputs = tuple(self(value) for value in old.outputs)
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
        return replace(old, outputs=outputs, nodes=tuple(reversed(kept)))


def map_bodies(graph: Graph, function: Callable[[Graph], Graph]) -> Graph:
    """The graph with `function` applied to the body of every scan, innermost first."""
    nodes = []
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            body = function(map_bodies(node.operator.body, function))
            node = replace(node, operator=replace(node.operator, body=body))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))
