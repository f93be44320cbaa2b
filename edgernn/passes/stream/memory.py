"""Rings, delay lines and flags: what a stream remembers beside the states of its recurrent layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from edgernn.graph import Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream.edges import Edge, State, renamed


@dataclass
class Memory:
    """Collects the nodes of a step, and the states that they read and write."""

    nodes: list[Node] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    _rings: dict[tuple[Value, int, bool], Value] = field(default_factory=dict)
    _flags: dict[int, Value] = field(default_factory=dict)

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
            ring = renamed(value, f"/ring{count}{'_lowest' * lowest}", (count, *edge.element))
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
        return replace(edge, value=self.reshaped(late, edge.value.shape, layer), wait=wait)

    def waits(self, hops: int) -> Value:
        """A flag `[1]` that is set during the first `hops` hops: a ring of flags that were all set at the beginning."""
        if hops not in self._flags:
            ring = Value(f"waits/{hops}", (hops,), "bool")
            clear = Value(f"waits/{hops}_clear", (1,), "bool", np.zeros(1, bool))
            flag, following = (
                replace(ring, name=f"{ring.name}_now", shape=(1,)),
                replace(ring, name=f"{ring.name}_next"),
            )
            if hops == 1:
                self.emit(ops.Reshape((1,)), (ring,), flag, "")
                self.emit(ops.Reshape((1,)), (clear,), following, "")
            else:
                self.emit(ops.Slice(0, 1), (ring,), flag, "")
                rest = replace(ring, name=f"{ring.name}_rest", shape=(hops - 1,))
                self.emit(ops.Slice(1, hops), (ring,), rest, "")
                self.emit(ops.Concat(0), (rest, clear), following, "")
            self.states.append(State(ring, following, replace(ring, data=np.ones(hops, bool))))
            self._flags[hops] = flag
        return self._flags[hops]

    def masked(self, edge: Edge, layer: str, *, lowest: bool = False) -> Edge:
        """The edge with zeros, or with its type's lowest number, in the slots before its first element."""
        hops = [edge.hops(slot) for slot in range(edge.per_hop)]
        if not any(hops):
            return edge
        value = edge.value
        constant = blank(renamed(value, "_fill", (1,)), lowest=lowest)
        parts = []
        for hop in range(edge.per_hop):  # a slice of its own for every slot: few, since hops are short
            slot = value
            if edge.per_hop > 1:
                slot = self.emit(
                    ops.Slice(hop, hop + 1), (value,), renamed(value, f"_{hop}", (1, *edge.element)), layer
                )
            if hops[hop]:
                inputs = (self.waits(hops[hop]), constant, slot)
                slot = self.emit(ops.Select(), inputs, renamed(slot, "_or_fill", slot.shape), layer)
            parts.append(slot)
        if edge.per_hop == 1:
            return replace(edge, value=parts[0])
        joined = self.emit(ops.Concat(0), tuple(parts), renamed(value, "_masked", value.shape), layer)
        return replace(edge, value=joined)


def blank(value: Value, *, lowest: bool = False) -> Value:
    """A constant that stands for zeros, or of the lowest number of the type."""
    number: float = value.quantization.zero_point if value.quantization is not None else 0
    if lowest:
        number = int(np.iinfo(value.dtype).min) if value.dtype != "float32" else float(np.finfo(np.float32).min)
    return replace(value, name=f"{value.name}_0", data=np.full(value.shape, number, value.dtype))
