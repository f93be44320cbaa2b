"""Operators that do the same to every element of a sequence, as they work on a hop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgernn.graph import Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream import rules
from edgernn.passes.stream.edges import per_hop_shape
from edgernn.passes.stream.rules import NoStreamError

EACH = (ops.Binary, ops.Unary, ops.Requantize, ops.Select, ops.Or, ops.Gather, ops.Differs)
_ALONG_LAST = (ops.Affine, ops.Softmax)
_BROADCASTING = (ops.Binary, ops.Select, ops.Or)


def on_hop(node: Node, sequences: Sequence[Value], count: int) -> ops.Operator:
    """The operator on `count` elements; on one, the time axis is gone.

    Args:
        node: in the window model.
        sequences: those of its inputs that have a time axis, which comes first.
        count: elements per hop.

    Raises:
        NoStreamError: it mixes steps.
    """
    operator, x = node.operator, sequences[0]
    rank, shape = len(x.shape), node.outputs[0].shape
    drop = 1 if count == 1 else 0
    if isinstance(operator, _BROADCASTING) and any(len(value.shape) != len(shape) for value in sequences):
        raise NoStreamError(rules.WHOLE, node.layer, "every step with every other one")
    match operator:
        case ops.Reshape() if shape[:1] == x.shape[:1]:
            return ops.Reshape(per_hop_shape(shape[1:], count))
        case ops.Broadcast() if shape[:1] == x.shape[:1]:
            return ops.Broadcast(per_hop_shape(shape[1:], count))
        case ops.Transpose(permutation=(0, *rest)):
            return ops.Transpose(tuple(k - drop for k in rest) if drop else operator.permutation)
        case ops.Concat(axis=axis) | ops.Split(axis=axis) | ops.Reduce(axis=axis) if axis % rank > 0:
            return replace(operator, axis=axis if axis < 0 else axis - drop)
        case _ if isinstance(operator, EACH) or (isinstance(operator, _ALONG_LAST) and rank > 1):
            return operator
    raise NoStreamError(rules.WHOLE, node.layer, type(operator).__name__)
