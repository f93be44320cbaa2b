"""Weights and biases as integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgernn.graph import DType, Quantization, Value
from edgernn.graph import operators as ops
from edgernn.quantization.rounding import round_to_data

_INT32_LIMIT = 2**31 - 1
# Of a bias as an integer, by the accumulator that it is the first term of: with 8-bit inputs, half of 31 bits; with
# 16-bit ones, what `largest_sum` leaves of 31, or the 40 that Ethos-U takes of 64.
_LARGEST_BIAS = {"int8": 2.0**30, "int32": 2.0**25, "int64": 2.0**39}
_NOTHING = 1e-20  # weights below are zero: nothing that they are multiplied with makes them count


def channel_axis(operator: ops.Operator) -> int:
    """The axis of a kernel that numbers the outputs."""
    return 1 if isinstance(operator, ops.DepthwiseConv) else 0


def symmetric(
    array: np.ndarray,
    *,
    axis: int | None = None,
    levels: int = 127,
    largest_sum: float = np.inf,
    least: np.ndarray | None = None,
) -> Quantization:
    """Zero point 0 and the largest magnitude at `levels`, per tensor or per element of `axis`.

    Args:
        array: real numbers.
        axis: that has a scale for each element.
        levels: the largest integer.
        largest_sum: of the integers' magnitudes that share a scale; where it would be passed, the scale is coarser.
        least: the smallest scale, per element of the output's axis; see `least_scale`.
    """
    others = None if axis is None else tuple(k for k in range(array.ndim) if k != axis)
    measured = [_measured(piece, others) for piece in (pieces(array) if not axis else [array])]
    largest, total = (np.concatenate(column) for column in zip(*measured, strict=True))
    if axis is None:
        largest, total = largest.max(keepdims=True), total.sum(keepdims=True)
    count = array.size / largest.size  # of numbers that share a scale, each of which may be rounded up by a half
    scales = np.maximum(np.where(largest > _NOTHING, largest, 1.0) / levels, total / max(largest_sum - count / 2, 1.0))
    if least is not None:
        scales = np.maximum(scales, least.max() if axis is None else least)
    return Quantization(tuple(float(np.float32(scale)) for scale in scales), 0, axis or 0)


def pieces(array: np.ndarray) -> list[np.ndarray]:
    """Views of some megabytes each along axis 0: what is computed of a large array need not all be there at once."""
    return np.array_split(array, max(1, min(array.nbytes >> 23, len(array)))) if array.ndim else [array]


def _measured(array: np.ndarray, others: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """The largest magnitude and the sum of magnitudes over some axes, or all; each at least one number."""
    magnitude = np.abs(array.astype("f8"))
    return np.atleast_1d(magnitude.max(axis=others, initial=0.0)), np.atleast_1d(magnitude.sum(axis=others))


def least_scale(bias: Value, x: Value, *, wide: bool) -> np.ndarray:
    """Per output, the smallest scale of weights in whose units, times the input's, the bias leaves room for the sum.

    Where weights are tiny beside the bias, a scale of their own would make an integer of it that no accumulator holds.
    """
    if x.quantization is None:
        raise ValueError("weights are quantized after their input")
    largest = _LARGEST_BIAS["int8" if x.dtype == "int8" else "int64" if wide else "int32"]
    return np.asarray(np.abs(bias.constant.astype("f8")) / (largest * x.quantization.scale))


def quantize_kernel(
    kernel: Value,
    operator: ops.Operator,
    *,
    per_channel: bool,
    largest_sum: float = np.inf,
    least: np.ndarray | None = None,
) -> Value:
    """int8 in [-127, 127]; convolutions always have one scale per output channel, as their kernels expect."""
    axis = channel_axis(operator) if per_channel or not isinstance(operator, ops.Affine) else None
    quantization = symmetric(kernel.constant, axis=axis, largest_sum=largest_sum, least=least)
    parts = pieces(kernel.constant) if axis is None else [kernel.constant]
    integers = np.concatenate([np.maximum(quantization.quantize(part, "int8"), -127) for part in parts])
    return replace(kernel, dtype="int8", data=integers, quantization=quantization)


def quantize_to_data(
    kernel: Value,
    bias: Value,
    moments: np.ndarray,
    *,
    per_channel: bool,
    largest_sum: float = np.inf,
    least: np.ndarray | None = None,
) -> tuple[Value, Value]:
    """int8 weights of an Affine rounded by `round_to_data`, and the real bias that goes with them."""
    quantization = symmetric(kernel.constant, axis=0 if per_channel else None, largest_sum=largest_sum, least=least)
    integers, shifted = round_to_data(kernel.constant, np.asarray(quantization.scales), moments, bias.constant)
    return replace(kernel, dtype="int8", data=integers, quantization=quantization), replace(bias, data=shifted)


def quantize_without_bias(kernel: Value, moments: np.ndarray) -> Value:
    """int8 weights of an Affine, one column of which is its bias."""
    quantization = symmetric(kernel.constant)
    integers, _ = round_to_data(kernel.constant, np.asarray(quantization.scales), moments)
    return replace(kernel, dtype="int8", data=integers, quantization=quantization)


def quantize_bias(bias: Value, x: Value, kernel: Value, operator: ops.Operator, *, wide: bool) -> Value:
    """Integers in units of input scale times kernel scale.

    TFLite accumulates 16-bit activations in the type of the bias. All its kernels read 64 bits there; the reference
    kernels alone read 32 bits in every operator, and CMSIS-NN, ESP-NN and HiFi take them for 64 in FULLY_CONNECTED.
    """
    if x.quantization is None or kernel.quantization is None:
        raise ValueError("a bias is quantized after its input and kernel")
    scales = tuple(float(np.float32(x.quantization.scale * scale)) for scale in kernel.quantization.scales)
    real = bias.constant.astype("f8")
    integers = np.round(real / np.asarray(scales))
    axis = channel_axis(operator)
    others = tuple(k for k in range(kernel.constant.ndim) if k != axis)
    magnitude = np.abs(kernel.constant.astype("i8")).sum(axis=others) * (-np.iinfo(x.dtype).min)
    # 16-bit DEPTHWISE_CONV_2D takes nothing else than int64.
    wide = wide or isinstance(operator, ops.DepthwiseConv) or bool(np.any(magnitude + np.abs(integers) > _INT32_LIMIT))
    dtype = "int64" if wide and x.dtype == "int16" else "int32"
    limit = np.iinfo(dtype).max
    integers = np.clip(integers, -limit, limit).astype(dtype)
    return replace(bias, dtype=dtype, data=integers, quantization=Quantization(scales, 0, 0))  # type: ignore[arg-type]


def zero_bias(name: str, rows: int) -> Value:
    """A float bias of zeros, for kernels that want one."""
    return Value(name, (rows,), "float32", np.zeros(rows, "f4"))


def limits(dtype: DType) -> tuple[int, int]:
    """Smallest and largest integer of an activation type."""
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)
