"""Global pooling over a stream: over all elements so far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgernn.graph import Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream import rules
from edgernn.passes.stream.edges import Edge, State, renamed
from edgernn.passes.stream.memory import Memory, blank
from edgernn.passes.stream.rules import NoStreamError


def running(memory: Memory, edge: Edge, function: ops.ReduceFunction, node: Node) -> Value:
    """The largest, the mean or the sum of all elements so far.

    A mean is carried as such, with the number of elements, and moved by what the hop differs from it (Welford, 1962):
    a sum would lose the last bits of a long stream.

    Raises:
        NoStreamError: a mean or a sum of integers.
    """
    if function == "max":
        return _largest(memory, memory.masked(edge, node.layer, lowest=True), node)
    if edge.value.dtype != "float32":
        raise NoStreamError(rules.EXACT, node.layer, f"a {function} of {edge.value.dtype}")
    total = _over_hop(memory, memory.masked(edge, node.layer), "sum", node)
    if function == "sum":
        state = _state(memory, node.output, "/sum", edge.element)
        return _kept(memory, state, blank(state), ops.Binary("add"), total, node)
    count = Value(memory.names(f"{node.output.name}/count"), (1,), "float32")
    number = _valid(memory, edge, node)
    count_now = _kept(memory, count, blank(count), ops.Binary("add"), number, node)
    mean = _state(memory, node.output, "/mean", edge.element)
    expected = _apply(memory, "mul", mean, number, "/expected", node)
    differs = _apply(memory, "sub", total, expected, "/differs", node)
    least = _apply(memory, "maximum", count_now, _number("/least", node, 1.0), "/divisor", node)
    moved = _apply(memory, "div", differs, least, "/moved", node)
    return _kept(memory, mean, blank(mean), ops.Binary("add"), moved, node)


def _largest(memory: Memory, edge: Edge, node: Node) -> Value:
    state = _state(memory, edge.value, "/largest", edge.element)
    hop = _over_hop(memory, edge, "max", node)
    return _kept(memory, state, blank(state, lowest=True), ops.Binary("maximum"), hop, node)


def _over_hop(memory: Memory, edge: Edge, function: ops.ReduceFunction, node: Node) -> Value:
    if edge.per_hop == 1:
        return edge.value
    result = renamed(edge.value, f"_{function}", edge.element)
    return memory.emit(ops.Reduce(function, 0), (edge.value,), result, node.layer)


def _state(memory: Memory, like: Value, suffix: str, shape: tuple[int, ...]) -> Value:
    return replace(like, name=memory.names(f"{like.name}{suffix}"), shape=shape, data=None)


def _kept(memory: Memory, state: Value, initial: Value, operator: ops.Operator, hop: Value, node: Node) -> Value:
    following = memory.emit(operator, (state, hop), renamed(state, "_next", state.shape), node.layer)
    memory.states.append(State(state, following, initial))
    return following


def _apply(memory: Memory, function: ops.BinaryFunction, a: Value, b: Value, suffix: str, node: Node) -> Value:
    result = renamed(node.output, suffix, a.shape)
    return memory.emit(ops.Binary(function), (a, b), result, node.layer)


def _number(suffix: str, node: Node, number: float) -> Value:
    return Value(f"{node.output.name}{suffix}", (1,), "float32", np.full(1, number, "f4"))


def _valid(memory: Memory, edge: Edge, node: Node) -> Value:
    """How many elements of the hop are none that the model still waits for."""
    if edge.wait <= 0:
        return _number("/always", node, float(edge.per_hop))
    each = Value(f"{node.output.name}/valid", (edge.per_hop, 1) if edge.per_hop > 1 else (1,), "float32")
    flags = memory.reshaped(memory.begun(edge), each.shape, node.layer)
    memory.emit(ops.Select(), (flags, _number("/one", node, 1.0), _number("/none", node, 0.0)), each, node.layer)
    return _over_hop(memory, replace(edge, value=each), "sum", node)
