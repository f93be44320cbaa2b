"""Shape and type of every operator's outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

import numpy as np

from edgernn.graph import operators as ops
from edgernn.graph.graph import DType, Value

Signature = tuple[tuple[int, ...], DType]


def windows(steps: int, size: int, stride: int, dilation: int = 1) -> int:
    """How many windows of `size` taps fit into `steps`, moving by `stride`."""
    return max(0, (steps - dilation * (size - 1) - 1) // stride + 1)


def counts(operator: ops.Operator) -> tuple[int, float, int | None]:
    """The least and the most inputs of an operator, and how many outputs it has, None being one per row."""
    match operator:
        case ops.Affine(operands=operands, bias=bias):
            inputs = 2 * operands + bias
            return inputs, inputs, 1
        case ops.Conv(bias=bias) | ops.DepthwiseConv(bias=bias):
            return 2 + bias, 2 + bias, 1
        case ops.Binary() | ops.Or() | ops.Gather():
            return 2, 2, 1
        case ops.Select():
            return 3, 3, 1
        case ops.FusedLstm():
            return 13, 13, 1
        case ops.Concat() | ops.Stack():
            return 1, math.inf, 1
        case ops.Split(sizes=sizes):
            return 1, 1, len(sizes)
        case ops.Scan(body=body):
            return len(body.inputs), len(body.inputs), len(body.outputs)
        case ops.Unstack():
            return 1, 1, None
        case (
            ops.Unary()
            | ops.Softmax()
            | ops.Reduce()
            | ops.Reshape()
            | ops.Transpose()
            | ops.Slice()
            | ops.Pad()
            | ops.Reverse()
            | ops.Broadcast()
            | ops.Pool()
            | ops.Differs()
            | ops.Requantize()
        ):
            return 1, 1, 1
        case _ as unreachable:
            assert_never(unreachable)


def infer(operator: ops.Operator, inputs: Sequence[Value]) -> list[Signature]:
    """Shape and dtype of each output of `operator` on `inputs`.

    Raises:
        ValueError: the inputs do not fit (a fault of the caller, not of the user).
    """
    x = inputs[0]
    steps, dtype = x.shape[:1], x.dtype
    match operator:
        case ops.Affine(operands=count):
            return [((*x.shape[:-1], inputs[count].shape[0]), dtype)]
        case ops.Binary() | ops.Or():
            return [(tuple(np.broadcast_shapes(x.shape, inputs[1].shape)), dtype)]
        case ops.Unary() | ops.Softmax() | ops.Reverse() | ops.Requantize():
            return [(x.shape, dtype)]
        case ops.Differs(rows=rows):
            return [(x.shape[:-1] if rows else x.shape, "bool")]
        case ops.Select():
            return [(tuple(np.broadcast_shapes(*(value.shape for value in inputs))), inputs[1].dtype)]
        case ops.Reduce(axis=axis, keepdims=keepdims):
            axis %= len(x.shape)
            return [((*x.shape[:axis], *([1] if keepdims else []), *x.shape[axis + 1 :]), dtype)]
        case ops.Reshape(shape=shape):
            if int(np.prod(shape)) != x.size:
                raise ValueError(f"cannot reshape {x.shape} to {shape}")
            return [(shape, dtype)]
        case ops.Broadcast(shape=shape):
            return [(shape, dtype)]
        case ops.Transpose(permutation=permutation):
            return [(tuple(x.shape[k] for k in permutation), dtype)]
        case ops.FusedLstm():
            return [((steps[0], inputs[1].shape[0]), dtype)]
        case ops.Unstack():
            return [(x.shape[1:], dtype)] * steps[0]
        case ops.Stack():
            return [((len(inputs), *x.shape), dtype)]
        case ops.Concat(axis=axis):
            axis %= len(x.shape)
            return [((*x.shape[:axis], sum(v.shape[axis] for v in inputs), *x.shape[axis + 1 :]), dtype)]
        case ops.Split(sizes=sizes, axis=axis):
            axis %= len(x.shape)
            if sum(sizes) != x.shape[axis]:
                raise ValueError(f"cannot split {x.shape} along {axis} into {sizes}")
            return [((*x.shape[:axis], size, *x.shape[axis + 1 :]), dtype) for size in sizes]
        case ops.Slice(begin=begin, end=end, stride=stride):
            return [((len(range(begin, end, stride)), *x.shape[1:]), dtype)]
        case ops.Pad(before=before, after=after):
            return [((steps[0] + before + after, *x.shape[1:]), dtype)]
        case ops.Gather():
            return [((*inputs[1].shape, x.shape[1]), "float32" if dtype == "float16" else dtype)]
        case ops.Conv(stride=stride, dilation=dilation):
            out, size, _ = inputs[1].shape
            return [((windows(steps[0], size, stride, dilation), out), dtype)]
        case ops.DepthwiseConv(stride=stride, dilation=dilation):
            size, out = inputs[1].shape
            return [((windows(steps[0], size, stride, dilation), out), dtype)]
        case ops.Pool(size=size, stride=stride, same=same):
            count = -(-steps[0] // stride) if same else windows(steps[0], size, stride)
            return [((count, *x.shape[1:]), dtype)]
        case ops.Scan(body=body, carries=carries, steps=length):
            finals = [(value.shape, value.dtype) for value in body.outputs[:carries]]
            return [*finals, *(((length, *value.shape), value.dtype) for value in body.outputs[carries:])]
        case _ as unreachable:
            assert_never(unreachable)
