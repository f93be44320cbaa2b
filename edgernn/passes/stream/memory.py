"""Rings, delay lines and flags: what a stream remembers beside the states of its recurrent layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from edgernn.graph import Names, Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream.edges import Edge, State, renamed


@dataclass
class Memory:
    """Collects the nodes of a step, and the states that they read and write.

    Attributes:
        nodes: in order.
        states: in order; their names, which callers know them by, are unique.
        names: that states have.
    """

    nodes: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    names: Names = field(default_factory=Names)
    _rings: dict[tuple[Value, int, bool], Value] = field(default_factory=dict)
    _flags: dict[tuple[int, int], Value] = field(default_factory=dict)
    _masked: dict[tuple[Value, int, bool], Value] = field(default_factory=dict)

    def emit(self, operator: ops.Operator, inputs: tuple[Value, ...], output: Value, layer: str) -> Value:
        """Append a node with one output, which is returned."""
        self.nodes.append(Node(operator, inputs, (output,), layer))
        return output

    def reshaped(self, value: Value, shape: tuple[int, ...], layer: str) -> Value:
        """The value in another shape; itself if it has that already."""
        if value.shape == shape:
            return value
        return self.emit(ops.Reshape(shape), (value,), renamed(value, f"_as_{len(shape)}d", shape), layer)

    def ring(self, edge: Edge, count: int, layer: str, *, lowest: bool = False) -> Value:
        """The last `count` elements before this hop and those of the hop `[count + per_hop, ...]`.

        Before the first element there are zeros, or the type's lowest number.
        """
        hop = (edge.per_hop, *edge.element)
        if not count:
            return self.reshaped(edge.value, hop, layer)
        key = (edge.value, count, lowest)
        if key not in self._rings:
            value = edge.value
            name = self.names(f"{value.name}/ring{count}{'_lowest' * lowest}")
            ring = replace(value, name=name, shape=(count, *edge.element), data=None)
            frames = self.reshaped(value, hop, layer)
            joined = renamed(ring, "_full", (count + edge.per_hop, *edge.element))
            self.emit(ops.Concat(0), (ring, frames), joined, layer)
            following = renamed(ring, "_next", ring.shape)
            self.emit(ops.Slice(edge.per_hop, edge.per_hop + count), (joined,), following, layer)
            self.states.append(State(ring, following, blank(ring, lowest=lowest)))
            self._rings[key] = joined
        return self._rings[key]

    def delayed(self, edge: Edge, wait: int, layer: str) -> Edge:
        """The edge with a longer wait; what comes before its first element are zeros."""
        count = wait - edge.wait
        if count <= 0:
            return edge
        joined = self.ring(edge, count, layer)
        late = renamed(edge.value, f"_late{count}", (edge.per_hop, *edge.element))
        self.emit(ops.Slice(0, edge.per_hop), (joined,), late, layer)
        value = self.reshaped(late, edge.value.shape, layer)
        return replace(edge, value=value, wait=wait, ahead=edge.ahead + count)

    def begun(self, edge: Edge) -> Value:
        """Flags `[per_hop]`, set for the slots from the first element on: a line of flags that were all clear before.

        They begin clear since a runtime's reset makes zeros of all that it keeps.
        """
        count, per_hop = edge.wait, edge.per_hop
        key = (count, per_hop)
        if key not in self._flags:
            line = Value(self.names(f"begun/{count}"), (count,), "bool")
            new = Value(f"{line.name}_set", (per_hop,), "bool", np.ones(per_hop, bool))
            joined = replace(line, name=f"{line.name}_full", shape=(count + per_hop,))
            self.emit(ops.Concat(0), (line, new), joined, "")
            flags = replace(line, name=f"{line.name}_now", shape=(per_hop,))
            self.emit(ops.Slice(0, per_hop), (joined,), flags, "")
            following = replace(line, name=f"{line.name}_next")
            self.emit(ops.Slice(per_hop, per_hop + count), (joined,), following, "")
            self.states.append(State(line, following, replace(line, data=np.zeros(count, bool))))
            self._flags[key] = flags
        return self._flags[key]

    def masked(self, edge: Edge, layer: str, *, lowest: bool = False) -> Edge:
        """The edge with zeros, or with its type's lowest number, in the slots before its first element."""
        if edge.wait <= 0:
            return edge
        key = (edge.value, edge.wait, lowest)
        if key not in self._masked:
            value = edge.value
            flags = self.begun(edge)
            if edge.per_hop > 1:
                flags = self.reshaped(flags, (edge.per_hop, *[1] * len(edge.element)), layer)
            constant = blank(renamed(value, "_fill", (1,)), lowest=lowest)
            self._masked[key] = self.emit(
                ops.Select(), (flags, value, constant), renamed(value, "_or_fill", value.shape), layer
            )
        return replace(edge, value=self._masked[key])


def blank(value: Value, *, lowest: bool = False) -> Value:
    """A constant that stands for zeros, or of the lowest number of the type."""
    number: float = value.quantization.zero_point if value.quantization is not None else 0
    if lowest:
        number = int(np.iinfo(value.dtype).min) if value.dtype != "float32" else float(np.finfo(np.float32).min)
    return replace(value, name=f"{value.name}_0", data=np.full(value.shape, number, value.dtype))
