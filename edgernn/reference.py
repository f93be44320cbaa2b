"""The float reference: what a graph computes, in NumPy, on many samples at once.

Every array has a leading sample axis here; constants have none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

import numpy as np

from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.graph.shapes import windows

Observer = Callable[[Value, np.ndarray], None]
Array = np.ndarray
Compute = Callable[[Node, list[Array], Observer | None], list[Array]]


def evaluate(
    graph: Graph,
    inputs: Mapping[str, Array],
    observe: Observer | None = None,
    longest: int | None = None,
    compute: Compute | None = None,
) -> dict[str, Array]:
    """Run a float graph. Numbers that float32 cannot hold become infinite or NaN, without a warning.

    Args:
        graph: before quantization.
        inputs: one array `[samples, *shape]` per graph input, by name.
        observe: called with every value and its array, once per step inside scans.
        longest: steps of a scan that are computed; those behind are taken to repeat them. None computes all.
        compute: what an operator computes, if not in 32-bit floats.

    Returns:
        One array `[samples, *shape]` per graph output, by name.
    """
    arrays = {value: np.asarray(inputs[value.name]) for value in graph.inputs}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        run(graph, arrays, observe, compute or (compute_float if longest is None else _shortened(longest)))
    return {value.name: _read(arrays, value, next(iter(inputs.values())).shape[0]) for value in graph.outputs}


def run(
    graph: Graph, arrays: dict[Value, Array], observe: Observer | None = None, compute: Compute | None = None
) -> None:
    """Compute every node of `graph` into `arrays`, which holds the inputs.

    Args:
        graph: to run.
        arrays: its inputs, by value; all other values are added.
        observe: called with every value and its array.
        compute: what an operator computes, if not in float: another arithmetic.
    """
    compute = compute or compute_float
    if observe:
        for value in graph.inputs:
            observe(value, arrays[value])
    for node in graph.nodes:
        operands = [arrays[value] if value.data is None else value.data for value in node.inputs]
        for value, array in zip(node.outputs, compute(node, operands, observe), strict=True):
            arrays[value] = array
            if observe:
                observe(value, array)


def compute_wide(node: Node, x: list[Array], observe: Observer | None) -> list[Array]:
    """One operator in 64-bit floats: what 32 bits of them round is the difference."""
    wide = [array.astype("f8") if array.dtype == "f4" else array for array in x]
    if isinstance(node.operator, Scan):
        return scan(node.operator, node, wide, observe, compute_wide)
    return compute_float(node, wide, observe)


def _read(arrays: Mapping[Value, Array], value: Value, samples: int) -> Array:
    if value.data is not None:
        return np.broadcast_to(value.data, (samples, *value.shape))
    return arrays[value]


def _lead(value: Value, array: Array, rank: int) -> Array:
    """Align a value for elementwise work: constants and short shapes get axes between samples and their own."""
    if value.data is not None:
        return array
    return array.reshape(array.shape[0], *(1,) * (rank - len(value.shape)), *array.shape[1:])


def _axis(axis: int, rank: int) -> int:
    return axis % rank + 1


def compute_float(node: Node, x: list[Array], observe: Observer | None) -> list[Array]:
    """One operator on float numbers; those that only move numbers do so with any."""
    operator, values = node.operator, node.inputs
    rank = max(len(value.shape) for value in values)
    match operator:
        case ops.Affine(operands=count, bias=bias):
            products = [operand @ kernel.T for operand, kernel in zip(x[:count], x[count:], strict=False)]
            total = functools.reduce(np.add, products)  # broadcasts, should an operand be a constant
            return [total + x[-1] if bias else total]
        case ops.Binary(function=function):
            return [BINARY[function](*(_lead(v, a, rank) for v, a in zip(values, x, strict=True)))]
        case ops.Unary(function=function, alpha=alpha):
            return [UNARY[function](x[0], alpha)]
        case ops.Softmax():
            shifted = np.exp(x[0] - x[0].max(-1, keepdims=True))
            return [shifted / shifted.sum(-1, keepdims=True)]
        case ops.Reduce(function=function, axis=axis, keepdims=keepdims):
            return [_REDUCE[function](x[0], axis=_axis(axis, rank), keepdims=keepdims)]
        case ops.Reshape(shape=shape):
            return [x[0].reshape(x[0].shape[0], *shape)]
        case ops.Broadcast(shape=shape):
            return [np.broadcast_to(_lead(values[0], x[0], len(shape)), (x[0].shape[0], *shape))]
        case ops.Transpose(permutation=permutation):
            return [x[0].transpose(0, *(k + 1 for k in permutation))]
        case ops.Concat(axis=axis):
            samples = max(a.shape[0] for v, a in zip(values, x, strict=True) if v.data is None)
            parts = [
                a if v.data is None else np.broadcast_to(a, (samples, *a.shape)) for v, a in zip(values, x, strict=True)
            ]
            return [np.concatenate(parts, axis=_axis(axis, rank))]
        case ops.Split(sizes=sizes, axis=axis):
            return np.split(x[0], np.cumsum(sizes)[:-1], axis=_axis(axis, rank))
        case ops.Slice(begin=begin, end=end, stride=stride):
            return [x[0][:, begin:end:stride]]
        case ops.Pad(before=before, after=after):
            return [np.pad(x[0], [(0, 0), (before, after), *[(0, 0)] * (rank - 1)])]
        case ops.Reverse():
            return [x[0][:, ::-1]]
        case ops.Gather():
            return [x[0][x[1].astype("i8")]]
        case ops.Conv(stride=stride, dilation=dilation, bias=bias):
            seen = taps(x[0], x[1].shape[1], stride, dilation)
            return [np.einsum("nski,oki->nso", seen, x[1], optimize=True) + (x[2] if bias else 0)]
        case ops.DepthwiseConv(stride=stride, dilation=dilation, bias=bias):
            seen = taps(x[0], x[1].shape[0], stride, dilation)
            wide = np.repeat(seen, x[1].shape[1] // x[0].shape[-1], axis=-1)
            return [np.einsum("nskc,kc->nsc", wide, x[1]) + (x[2] if bias else 0)]
        case ops.Pool():
            return [_pool(operator, x[0])]
        case ops.Differs(value=value, rows=rows):
            different = x[0] != np.asarray(value, x[0].dtype)
            return [different.any(-1) if rows else different]
        case ops.Or():
            return [np.logical_or(*(_lead(v, a, rank) for v, a in zip(values, x, strict=True)))]
        case ops.Select():
            return [np.where(*(_lead(v, a, rank) for v, a in zip(values, x, strict=True)))]
        case ops.Unstack():
            return [x[0][:, k] for k in range(x[0].shape[1])]
        case ops.Stack():
            return [np.stack(x, axis=1)]
        case ops.Requantize() | ops.FusedLstm():
            raise ValueError("a lowered graph has no float reference; run its artifact")
        case Scan():
            return scan(operator, node, x, observe, compute_float)
        case _ as unreachable:
            assert_never(unreachable)


def taps(x: Array, size: int, stride: int, dilation: int) -> Array:
    """Windows `[samples, windows, size, channels]` of x `[samples, steps, channels]`."""
    count = windows(x.shape[1], size, stride, dilation)
    index = np.arange(count)[:, None] * stride + np.arange(size) * dilation
    return x[:, index]


def same_padding(steps: int, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after that `same` padding adds, TensorFlow's rule: the odd one goes behind."""
    total = max(0, (-(-steps // stride) - 1) * stride + dilation * (size - 1) + 1 - steps)
    return total // 2, total - total // 2


def _pool(operator: ops.Pool, x: Array) -> Array:
    steps = x.shape[1]
    mean = operator.function == "mean"
    padding = same_padding(steps, operator.size, operator.stride) if operator.same else (0, 0)
    beside = [(0, 0)] * (x.ndim - 2)
    padded = np.pad(x, [(0, 0), padding, *beside], constant_values=0 if mean else -np.inf)
    seen = taps(padded, operator.size, operator.stride, 1)
    if not mean:
        return np.asarray(seen.max(axis=2))
    real = np.pad(np.ones((1, steps), x.dtype), [(0, 0), padding])  # what was added counts for nothing
    count = taps(real, operator.size, operator.stride, 1).sum(axis=2)
    return np.asarray(seen.sum(axis=2) / count.reshape(1, -1, *[1] * (x.ndim - 2)))


def _shortened(longest: int) -> Compute:
    """Float arithmetic that computes only the first steps of a long loop."""

    def compute(node: Node, x: list[Array], observe: Observer | None) -> list[Array]:
        operator = node.operator
        if not isinstance(operator, Scan):
            return compute_float(node, x, observe)
        results = scan(replace(operator, steps=min(operator.steps, longest)), node, x, observe, compute)
        again = np.arange(operator.steps) % longest
        return [*results[: operator.carries], *(array[:, again] for array in results[operator.carries :])]

    return compute


def scan(operator: Scan, node: Node, x: list[Array], observe: Observer | None, compute: Compute) -> list[Array]:
    """A loop in some arithmetic."""
    samples = max(a.shape[0] for v, a in zip(node.inputs, x, strict=True) if v.data is None)
    full = [
        a if v.data is None else np.broadcast_to(a, (samples, *a.shape)) for v, a in zip(node.inputs, x, strict=True)
    ]
    carries, sequences = full[: operator.carries], full[operator.carries :]
    stacked: list[list[Array]] = []
    for step in reversed(range(operator.steps)) if operator.reverse else range(operator.steps):
        arrays = dict(
            zip(operator.body.inputs, [*carries, *(sequence[:, step] for sequence in sequences)], strict=True)
        )
        run(operator.body, arrays, observe, compute)
        results = [_read(arrays, value, samples) for value in operator.body.outputs]
        carries = results[: operator.carries]
        stacked.append(results[operator.carries :])
    if operator.reverse:
        stacked.reverse()
    return [*carries, *(np.stack(column, axis=1) for column in zip(*stacked, strict=True))]


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # never overflows; and the answer is as exact near 0 as elsewhere
    return np.asarray(np.where(x < 0, small, 1) / (1 + small))


def _softplus(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _erf(x: Array) -> Array:
    """The error function, elementwise; NumPy has none."""
    from math import erf

    return np.asarray(np.vectorize(erf, otypes=[x.dtype])(x))


_REDUCE: Mapping[ops.ReduceFunction, Callable[..., Array]] = {"mean": np.mean, "sum": np.sum, "max": np.max}

BINARY: Mapping[ops.BinaryFunction, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al., 2017, section 3

# Each takes x and alpha; alpha matters to leaky_relu and elu only.
UNARY: Mapping[ops.UnaryFunction, Callable[[Array, float], Array]] = {
    "sigmoid": lambda x, _: _sigmoid(x),
    "tanh": lambda x, _: np.tanh(x),
    "relu": lambda x, _: np.maximum(x, 0),
    "relu6": lambda x, _: np.clip(x, 0, 6),
    "leaky_relu": lambda x, alpha: np.where(x < 0, np.float32(alpha) * x, x),
    "elu": lambda x, alpha: np.where(x < 0, np.float32(alpha) * np.expm1(np.minimum(x, 0)), x),
    "selu": lambda x, _: (
        np.float32(_SELU_SCALE) * np.where(x < 0, np.float32(_SELU_ALPHA) * np.expm1(np.minimum(x, 0)), x)
    ),
    "gelu": lambda x, _: 0.5 * x * (1 + _erf(x / np.float32(np.sqrt(2)))),
    "gelu_tanh": lambda x, _: 0.5 * x * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + 0.044715 * x**3))),
    "silu": lambda x, _: x * _sigmoid(x),
    "softplus": lambda x, _: _softplus(x),
    "softsign": lambda x, _: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x, _: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x, _: x * np.clip(x / 6 + 0.5, 0, 1),
    "exponential": lambda x, _: np.exp(x),
    "mish": lambda x, _: x * np.tanh(_softplus(x)),
    "abs": lambda x, _: np.abs(x),
    "log": lambda x, _: np.log(x),
    "reciprocal": lambda x, _: 1 / np.where(x == 0, np.inf, x),
    "rsqrt": lambda x, _: 1 / np.sqrt(x),
}
