"""Convolutions and pooling in a stream: over the frames of a hop and those before it that a ring remembers."""

from __future__ import annotations

import math
from dataclasses import replace

from edgernn.graph import Node
from edgernn.graph import operators as ops
from edgernn.passes.stream import rules
from edgernn.passes.stream.edges import Edge, per_hop_shape, renamed
from edgernn.passes.stream.memory import Memory
from edgernn.passes.stream.rules import NoStreamError


def slide(memory: Memory, node: Node, edge: Edge, context: int, stride: int, hop: int, *, padded: int = 0) -> Edge:
    """Append an operator whose element j reads the elements j * stride to j * stride + context.

    Args:
        memory: where to.
        node: the operator over the window, without padding of its own.
        edge: what it reads; its wait is at least -context.
        context: elements that it reads beside the first.
        stride: elements that it reads per element that it gives.
        hop: frames per step of the stream.
        padded: elements of the window that are padding of the operator's own, the type's lowest number.

    Raises:
        NoStreamError: the stride does not divide the elements of a hop.
    """
    if edge.per_hop % stride:
        longer = hop * stride // math.gcd(edge.per_hop, stride)
        raise NoStreamError(rules.HOP, node.layer, f"a hop of {hop}, with {longer} it would work", hop=longer)
    count = edge.per_hop // stride
    wait = -(-(context + edge.wait - stride + 1) // stride)
    past = wait * stride - edge.wait  # elements before this hop that its first window reads
    joined = memory.ring(edge, max(0, past), node.layer, lowest=padded > 0)
    begin, length = max(0, -past), (count - 1) * stride + context + 1
    if (begin, length) != (0, joined.shape[0]):
        part = renamed(joined, "_read", (length, *edge.element))
        joined = memory.emit(ops.Slice(begin, begin + length), (joined,), part, node.layer)
    shape = (count, *node.output.shape[1:])
    result = renamed(node.output, "", shape)
    memory.nodes.append(replace(node, inputs=(joined, *node.inputs[1:]), outputs=(result,)))
    value = memory.reshaped(result, per_hop_shape(shape[1:], count), node.layer)
    there = (node.inputs[0].shape[0] + padded - edge.ahead - context - 1) // stride + 1
    return Edge(value, count, wait, node.output.shape[0] - there)


def pad(memory: Memory, node: Node, pool: ops.Pool, edge: Edge) -> tuple[Edge, int]:
    """What pooling with `padding='same'` reads, and how many elements it pads: none if its strides fit the window.

    Padded steps take no part, so that a maximum takes them for the lowest number there is.

    Raises:
        NoStreamError: a mean, whose windows at the beginning would be those of fewer frames.
    """
    steps = node.inputs[0].shape[0]
    padded = max((node.output.shape[0] - 1) * pool.stride + pool.size - steps, 0) if pool.same else 0
    if not padded:
        return edge, 0
    if pool.function == "mean":
        raise NoStreamError(rules.POOLED, node.layer, f"padding='same', which pads {padded} of {steps} steps")
    edge, before = memory.masked(edge, node.layer, lowest=True), padded // 2
    return replace(edge, wait=edge.wait - before, ahead=edge.ahead + padded - before), padded
