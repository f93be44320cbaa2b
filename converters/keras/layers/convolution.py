"""Convolutions and pooling over time."""

from __future__ import annotations

import numpy as np

from edgernn.converters.keras.layers.activations import activate
from edgernn.converters.keras.use import Tensor, Use
from edgernn.graph import Value
from edgernn.graph import operators as ops
from edgernn.reference import same_padding


def window(use: Use) -> tuple[int, int, int]:
    """Size, stride and dilation of the window that a convolution or pooling layer moves over the time steps."""
    if "pool_size" in use.config:
        size = use.option("pool_size", 2)
        return size, use.option("strides", size), 1
    return use.option("kernel_size", 1), use.option("strides", 1), use.option("dilation_rate", 1)


def padding(use: Use) -> tuple[int, int]:
    """Zeros before and after that the layer's `padding` asks for."""
    size, stride, dilation = window(use)
    match use.config.get("padding", "valid"):
        case "same":
            return same_padding(use.steps, size, stride, dilation)
        case "causal":
            return dilation * (size - 1), 0
        case _:
            return 0, 0


def conv(use: Use) -> tuple[Tensor, ...]:
    """A convolution over time with padding valid, same or causal, stride and dilation."""
    _, stride, dilation = window(use)
    kernel = use.constant("kernel", np.transpose(use.layer.weights["kernel"], (2, 0, 1)))
    bias = _bias(use)
    y = use.b.apply(ops.Conv(stride, dilation, bool(bias)), _padded(use), kernel, *bias)
    return use.drop(activate(use, y))


def depthwise_conv(use: Use) -> tuple[Tensor, ...]:
    """A convolution over time of each channel by itself."""
    bias = _bias(use)
    return use.drop(activate(use, _depthwise(use, bias)))


def separable_conv(use: Use) -> tuple[Tensor, ...]:
    """A convolution over time of each channel by itself, then a matrix product over the channels."""
    kernel = use.constant("pointwise_kernel", use.layer.weights["pointwise_kernel"][0].T)
    bias = _bias(use)
    y = use.b.affine((_depthwise(use, []), kernel), bias=bias[0] if bias else None)
    return use.drop(activate(use, y))


def max_pooling(use: Use) -> tuple[Tensor, ...]:
    """The maximum of each window."""
    size, stride, _ = window(use)
    return use.drop(use.b.apply(ops.Pool("max", size, stride, use.config.get("padding") == "same"), use.x))


def average_pooling(use: Use) -> tuple[Tensor, ...]:
    """The mean of each window; padding takes no part."""
    size, stride, _ = window(use)
    return use.drop(use.b.apply(ops.Pool("mean", size, stride, use.config.get("padding") == "same"), use.x))


def global_max_pooling(use: Use) -> tuple[Tensor, ...]:
    """The maximum over all steps, masked ones included, as in Keras."""
    return use.drop(use.b.apply(ops.Reduce("max", 0, bool(use.config.get("keepdims"))), use.x))


def global_average_pooling(use: Use) -> tuple[Tensor, ...]:
    """The mean over all steps that are not masked."""
    keepdims = bool(use.config.get("keepdims"))
    if use.mask is None:
        return (Tensor(use.b.apply(ops.Reduce("mean", 0, keepdims), use.x)),)
    keep = use.b.apply(ops.Reshape((*use.mask.shape, 1)), use.mask, name="mask")
    one, zero = use.constant("one", np.ones(1, "f4")), use.constant("zero", np.zeros(1, "f4"))
    total = use.b.apply(ops.Reduce("sum", 0, keepdims), use.b.apply(ops.Select(), keep, use.x, zero), name="total")
    count = use.b.apply(ops.Reduce("sum", 0, keepdims), use.b.apply(ops.Select(), keep, one, zero), name="count")
    return (Tensor(use.b.apply(ops.Binary("div"), total, count)),)


def _bias(use: Use) -> list[Value]:
    bias = use.weight("bias")
    return [] if bias is None else [use.constant("bias", bias)]


def _padded(use: Use) -> Value:
    before, after = padding(use)
    return use.b.apply(ops.Pad(before, after), use.x) if before or after else use.x


def _depthwise(use: Use, bias: list[Value]) -> Value:
    """Keras's kernel `[size, in, multiplier]` as `[size, in * multiplier]`."""
    _, stride, dilation = window(use)
    weights = use.layer.weights["depthwise_kernel"]
    kernel = use.constant("depthwise_kernel", weights.reshape(weights.shape[0], -1))
    return use.b.apply(ops.DepthwiseConv(stride, dilation, bool(bias)), _padded(use), kernel, *bias)
