"""Convolution and pooling over time, as TFLite's 2-D kernels with a height of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgernn.converters.tflite.flatbuffer import schema
from edgernn.converters.tflite.subgraph import Subgraph, reshape, weights
from edgernn.graph import Node, Value
from edgernn.graph import operators as ops


def lower_conv(node: Node, operator: ops.Conv | ops.DepthwiseConv, g: Subgraph) -> None:
    """CONV_2D or DEPTHWISE_CONV_2D without padding (the graph pads explicitly)."""
    x, kernel = node.inputs[:2]
    channels = node.output.shape[-1]
    if isinstance(operator, ops.Conv):
        out, size, depth = kernel.shape
        code, shape, extra = "CONV_2D", (out, 1, size, depth), {}
    else:
        size = kernel.shape[0]
        code, shape = "DEPTHWISE_CONV_2D", (1, 1, size, channels)
        extra = {"depthMultiplier": channels // x.shape[-1]}
    filter_ = _filter(g, kernel, shape) if kernel.dtype != "float16" else weights(g, kernel, shape)
    bias = g.tensor(node.inputs[2]) if operator.bias else _no_bias(g, channels)
    s = schema()
    wide_in, wide_out = _as_image(g, x), g.scratch((1, 1, *node.output.shape), node.output)
    g.emit(
        code,
        [wide_in, filter_, bias],
        [wide_out],
        x.dtype,
        hybrid=x.dtype == "float32" and kernel.dtype == "int8",
        options=f"{'Conv2D' if code == 'CONV_2D' else 'DepthwiseConv2D'}Options",
        padding=s.Padding.VALID,
        strideW=operator.stride,
        strideH=operator.stride,  # XNNPACK wants square strides of depthwise kernels; the height is one anyway
        dilationWFactor=operator.dilation,
        dilationHFactor=1,
        **extra,
    )
    _flatten(g, wide_out, node.output)


def lower_pool(node: Node, operator: ops.Pool, g: Subgraph) -> None:
    """MAX_POOL_2D or AVERAGE_POOL_2D; both leave padded steps out."""
    x = node.inputs[0]
    s = schema()
    wide_in, wide_out = _as_image(g, x), g.scratch((1, 1, *node.output.shape), node.output)
    g.emit(
        "AVERAGE_POOL_2D" if operator.function == "mean" else "MAX_POOL_2D",
        [wide_in],
        [wide_out],
        x.dtype,
        options="Pool2DOptions",
        padding=s.Padding.SAME if operator.same else s.Padding.VALID,
        strideW=operator.stride,
        strideH=1,
        filterWidth=operator.size,
        filterHeight=1,
    )
    _flatten(g, wide_out, node.output)


def _filter(g: Subgraph, kernel: Value, shape: tuple[int, ...]) -> int:
    """The kernel in TFLite's layout; its channels' axis moves with it: first for CONV_2D, last for depthwise."""
    form = kernel.quantization
    if form is not None and len(form.scales) > 1:
        form = replace(form, axis=0 if form.axis == 0 else 3)
    return g.constant(kernel.constant.reshape(shape), form)


def _no_bias(g: Subgraph, channels: int) -> int:
    return g.constant(np.zeros(channels, "float32"))


def _as_image(g: Subgraph, x: Value) -> int:
    key = ("image", x)
    if key not in g.known:
        wide = g.scratch((1, 1, *x.shape), x)
        reshape(g, g.tensor(x), wide, (1, 1, *x.shape))
        g.known[key] = wide
    return g.known[key]


def _flatten(g: Subgraph, wide: int, value: Value) -> None:
    reshape(g, wide, g.tensor(value), (1, *value.shape))
