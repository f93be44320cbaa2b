"""The C back end's arithmetic, defined once: what an integer graph computes, bit for bit, in NumPy.

Activations are int16 that stand for integer * 2^-f; f is the tensor's number of fraction bits. Every operator's result
is the exact value in the output's unit, rounded to nearest with ties upward (floor(v + 1/2)) and saturated to 16 bits,
except where a function is interpolated between the entries of a table. Accumulators are exact in 32 bits; the bound
that makes them so is proven by `edgernn.converters.c.bounds` before any C is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np

from edgernn.converters.c.arithmetic import interpolate, round_shift, sat16
from edgernn.converters.c.scaling import Multiplier, align, divide_rounded, multiplier, rescale
from edgernn.converters.c.tables import FunctionTable, exponential_table, function_table
from edgernn.errors import InputError
from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.reference import Array, Observer, compute_float, run, same_padding, scan, taps

SOFTMAX_BITS = 15


def evaluate_integers(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run an integer graph.

    Args:
        graph: quantized with `CArithmetic`.
        inputs: one array `[samples, *shape]` per graph input, by name, in the input's type.

    Returns:
        One array `[samples, *shape]` per graph output, by name, in the output's type.
    """
    arrays = {value: np.asarray(inputs[value.name], value.dtype) for value in graph.inputs}
    run(graph, arrays, compute=compute_integers)
    return {value.name: arrays[value] for value in graph.outputs}


def evaluate_reals(graph: Graph, inputs: Mapping[str, Array], outputs: Sequence[str]) -> tuple[Array, ...]:
    """Run an integer graph on real samples.

    Args:
        graph: quantized with `CArithmetic`.
        inputs: one array `[samples, *shape]` per graph input, by name: reals, ids or masks.
        outputs: the names of those that are wanted.

    Returns:
        Their real values `[samples, *shape]`.
    """
    given = {
        value.name: inputs[value.name]
        if value.quantization is None
        else value.quantization.quantize(inputs[value.name], value.dtype)
        for value in graph.inputs
    }
    forms = {value.name: value.quantization for value in graph.outputs}
    found = evaluate_integers(graph, given)
    return tuple(found[name] if (form := forms[name]) is None else form.dequantize(found[name]) for name in outputs)


def fraction_bits(value: Value) -> int:
    """The f of a 16-bit value's scale 2^-f."""
    assert value.quantization is not None, "the quantizer gives every 16-bit value a scale"
    return -round(math.log2(value.quantization.scale))


def compute_integers(node: Node, x: list[Array], observe: Observer | None) -> list[Array]:
    """One operator of an integer graph."""
    operator, y = node.operator, node.outputs[0]
    if isinstance(operator, ops.Binary) and y.dtype == "float32":
        return compute_float(node, x, None)  # before a model's inputs become integers
    match operator:
        case Scan():
            return scan(operator, node, x, observe, compute_integers)
        case ops.Requantize():
            return [requantize(node.inputs[0], y, x[0])]
        case ops.Gather():
            return [x[0][np.clip(x[1].astype("i8"), 0, len(x[0]) - 1)]]  # edgernn_id in C
        case ops.Affine() | ops.Conv() | ops.DepthwiseConv():
            return [_product(node, x)]
        case ops.Binary(function=function):
            return [_binary(function, node, x)]
        case ops.Unary():
            return [_unary(node, x[0])]
        case ops.Softmax():
            return [_softmax(node.inputs[0], x[0])]
        case ops.Reduce():
            return [_reduce(operator, node, x[0])]
        case ops.Pool():
            return [_pool(operator, x[0])]
        case ops.Concat():
            return compute_float(node, [_aligned(v, a, y) for v, a in zip(node.inputs, x, strict=True)], None)
        case ops.Pad(before=before, after=after):
            zero = y.quantization.zero_point if y.quantization else 0
            padding = [(0, 0), (before, after), *[(0, 0)] * (x[0].ndim - 2)]
            return [np.asarray(np.pad(x[0], padding, constant_values=zero))]
        case (
            ops.Reshape()
            | ops.Broadcast()
            | ops.Transpose()
            | ops.Split()
            | ops.Slice()
            | ops.Reverse()
            | ops.Differs()
            | ops.Or()
            | ops.Select()
            | ops.Unstack()
            | ops.Stack()
        ):
            return compute_float(node, x, None)  # these only move integers about, or compare them
        case ops.FusedLstm():
            raise ValueError("a fused LSTM has no integer form")
        case _ as unreachable:
            assert_never(unreachable)


def requantize(source: Value, result: Value, x: Array) -> Array:
    """The same number in another type or unit; float32 only at a model's ends.

    From float: x * 2^f, rounded half away from zero, saturated. Between integers: (x - zero point) * ratio of the
    scales, by `rescale`.
    """
    if result.quantization is None:
        assert source.quantization is not None, "one side of a conversion is an integer"
        return x.astype("f4") * np.float32(source.quantization.scale)
    limits = np.iinfo(result.dtype)
    if source.quantization is None:
        scaled = x.astype("f4") * np.float32(1 / result.quantization.scale)
        rounded = np.trunc(np.clip(scaled, -40000, 40000) + np.copysign(np.float32(0.5), scaled))
        return np.asarray(np.clip(rounded, limits.min, limits.max), result.dtype)
    ratio = source.quantization.scale / result.quantization.scale
    largest = 255 if source.dtype == "int8" else 65535
    rescaled = rescale(x.astype("i8") - source.quantization.zero_point, multiplier(ratio, largest))
    return np.asarray(np.clip(rescaled + result.quantization.zero_point, limits.min, limits.max), result.dtype)


def _aligned(source: Value, x: Array, result: Value) -> Array:
    if source.quantization == result.quantization:
        return x  # flags and 8-bit numbers are only moved
    return sat16(align(x.astype("i8"), fraction_bits(source), fraction_bits(result)))


def product_multiplier(node: Node) -> tuple[Multiplier, int]:
    """How a product's accumulators become its output, and the largest absolute accumulator.

    Raises:
        InputError: an accumulator could pass 32 bits.
    """
    x, kernel, bias = node.inputs
    y = node.outputs[0]
    if x.quantization is None or kernel.quantization is None or y.quantization is None:
        raise ValueError("a product of an integer graph has scales")
    axis = 1 if isinstance(node.operator, ops.DepthwiseConv) else 0
    rows = tuple(k for k in range(kernel.constant.ndim) if k != axis)
    magnitude = np.abs(kernel.constant.astype("i8")).sum(axis=rows) * 32768 + np.abs(bias.constant.astype("i8"))
    largest = int(magnitude.max())
    if largest >= 2**31:
        raise InputError(
            f"layer '{node.layer}': an accumulator must fit 32 bits. Found: {largest}, for {kernel.shape} weights.",
            hint="make the layer narrower, or use --quantize float32.",
        )
    ratio = x.quantization.scale * np.asarray(kernel.quantization.scales) / y.quantization.scale
    return multiplier(ratio, largest), largest


def _product(node: Node, x: list[Array]) -> Array:
    """Exact int32 sums of int8 weights times int16 activations plus int32 biases, then scaled row by row."""
    operator, (a, kernel, bias) = node.operator, (array.astype("i8") for array in x)
    match operator:
        case ops.Affine():
            total = a @ kernel.T + bias
        case ops.Conv(stride=stride, dilation=dilation):
            total = np.einsum("nski,oki->nso", taps(a, kernel.shape[1], stride, dilation), kernel) + bias
        case ops.DepthwiseConv(stride=stride, dilation=dilation):
            windows = taps(a, kernel.shape[0], stride, dilation)
            wide = np.repeat(windows, kernel.shape[1] // a.shape[-1], axis=-1)
            total = np.einsum("nskc,kc->nsc", wide, kernel) + bias
        case _:
            raise AssertionError("the caller knows products")
    by, _ = product_multiplier(node)
    return sat16(rescale(total, by))


def _binary(function: ops.BinaryFunction, node: Node, x: list[Array]) -> Array:
    bits = [fraction_bits(value) for value in node.inputs]
    wanted = fraction_bits(node.outputs[0])
    a, b = (_leading(v, array.astype("i8"), node) for v, array in zip(node.inputs, x, strict=True))
    match function:
        case "add" | "sub":
            common = common_bits(*bits)
            left, right = align(a, bits[0], common), align(b, bits[1], common)
            return sat16(align(left + right if function == "add" else left - right, common, wanted))
        case "mul":
            return sat16(align(a * b, sum(bits), wanted))
        case "maximum":
            return sat16(align(np.maximum(a, b), bits[0], wanted))
        case "minimum":
            return sat16(align(np.minimum(a, b), bits[0], wanted))
        case "div":
            raise AssertionError("divisions have become reciprocals")
        case _ as unreachable:
            assert_never(unreachable)


def common_bits(a: int, b: int) -> int:
    """The fraction bits in which a sum is taken: the finer ones, as far as the coarser term then fits 32 bits."""
    return min(max(a, b), min(a, b) + 14)


def _leading(value: Value, array: Array, node: Node) -> Array:
    """Align an operand's axes with the widest operand's; constants have no sample axis."""
    if value.data is not None:
        return array
    rank = max(len(each.shape) for each in node.inputs)
    return array.reshape(array.shape[0], *(1,) * (rank - len(value.shape)), *array.shape[1:])


def _unary(node: Node, x: Array) -> Array:
    operator, source, result = node.operator, node.inputs[0], node.outputs[0]
    assert isinstance(operator, ops.Unary), "the caller knows functions"
    wide = x.astype("i8")
    if operator.function == "relu":
        return sat16(align(np.maximum(wide, 0), fraction_bits(source), fraction_bits(result)))
    if operator.function == "abs":
        return sat16(align(np.abs(wide), fraction_bits(source), fraction_bits(result)))
    table = function_table(node)
    if not table.power:
        return sat16(interpolate(table.entries, wide))
    return _power(table, wide)


def _power(table: FunctionTable, x: Array) -> Array:
    """X^power of a positive x, shifted up until its 15th bit is set, by an even number of bits for a square root."""
    positive = np.maximum(x, 1)
    up = 14 - np.floor(np.log2(positive)).astype("i8")
    half = table.power == -0.5
    if half:
        up -= up % 2
    index = (positive << up) - 8192 if half else (positive << up) - 16384
    piece, rest = index >> table.bits, index & ((1 << table.bits) - 1)
    entries = table.entries.astype("i8")
    y = entries[piece] + round_shift((entries[piece + 1] - entries[piece]) * rest, table.bits)
    return sat16(_shifted(y, table.output_shift - (up >> 1 if half else up)))


def _shifted(y: Array, by: Array) -> Array:
    """A right shift, rounded, by a number of bits that may be negative."""
    down = np.clip(by, 0, 31)
    rounded = np.where(by > 0, (y + ((1 << down) >> 1)) >> down, y)
    return np.asarray(rounded << np.clip(-by, 0, 31))


def _softmax(source: Value, x: Array) -> Array:
    """E = exp(x - max) from a table, in 15 bits; y = E / sum(E), rounded."""
    assert source.quantization is not None, "the quantizer gives it a scale"
    wide = x.astype("i8")
    below = wide - wide.max(-1, keepdims=True)
    powers = interpolate(exponential_table(source.quantization.scale).entries, below + 32768)
    return sat16(divide_rounded(powers << SOFTMAX_BITS, powers.sum(-1, keepdims=True)))


def _reduce(operator: ops.Reduce, node: Node, x: Array) -> Array:
    source, result = node.inputs[0], node.outputs[0]
    axis = operator.axis % len(source.shape) + 1
    if operator.function == "max":
        return np.asarray(x.max(axis=axis, keepdims=operator.keepdims))
    total = x.astype("i8").sum(axis=axis, keepdims=operator.keepdims)
    return sat16(rescale(total, reduce_multiplier(operator, source, result)))


def reduce_multiplier(operator: ops.Reduce, source: Value, result: Value) -> Multiplier:
    """How a sum over an axis becomes a mean or a sum in the output's unit."""
    count = source.shape[operator.axis]
    ratio = 2.0 ** (fraction_bits(result) - fraction_bits(source)) / (count if operator.function == "mean" else 1)
    return multiplier(ratio, 32768 * count)


def _pool(operator: ops.Pool, x: Array) -> Array:
    """Windows over axis 0; steps that `same` pads take no part."""
    before, after = same_padding(x.shape[1], operator.size, operator.stride) if operator.same else (0, 0)
    padding = [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)]
    real = np.pad(np.ones(x.shape, "i8"), padding)
    wide = np.pad(x.astype("i8"), padding)
    inside = taps(real, operator.size, operator.stride, 1)
    values = taps(wide, operator.size, operator.stride, 1)
    if operator.function == "max":
        return sat16(np.where(inside > 0, values, -32768).max(axis=2))
    return sat16(divide_rounded(values.sum(axis=2), inside.sum(axis=2)))
