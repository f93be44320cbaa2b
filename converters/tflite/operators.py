"""One TFLite operator, or a few, for every operator of the graph except the loop."""

from __future__ import annotations

from typing import assert_never

import numpy as np

from edgernn.converters.tflite.convolution import lower_conv, lower_pool
from edgernn.converters.tflite.detours import cast, cut_bools, take_detour, transpose_by_packing
from edgernn.converters.tflite.flatbuffer import schema
from edgernn.converters.tflite.functions import lower_unary
from edgernn.converters.tflite.loop import Loop, lower_scan
from edgernn.converters.tflite.movement import lower_concat, lower_pad, lower_slice, lower_transpose
from edgernn.converters.tflite.subgraph import Subgraph, reshape, weights
from edgernn.graph import Graph, Node, Scan
from edgernn.graph import operators as ops

_BINARY = {"add": "ADD", "sub": "SUB", "mul": "MUL", "maximum": "MAXIMUM", "minimum": "MINIMUM", "div": "DIV"}
_REDUCE = {"mean": "MEAN", "sum": "SUM", "max": "REDUCE_MAX"}


def lower_graph(graph: Graph, subgraph: Subgraph, form: Loop) -> None:
    """Append the operators of `graph` to `subgraph`."""
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            lower_scan(node, node.operator, subgraph, form, lower_graph)
        else:
            lower_node(node, subgraph)


def lower_node(node: Node, g: Subgraph) -> None:
    """Append one node other than a scan."""
    detour = take_detour(node, g)
    if detour is not None:
        lower_node(detour, g)
        cast(g, detour.output, node.output)
        return
    operator, x = node.operator, node.inputs[0]
    outputs = [g.tensor(value) for value in node.outputs]
    dtype = x.dtype

    def axis_of(axis: int) -> int:
        return axis % len(x.shape) + 1

    match operator:
        case ops.Affine():
            _affine(node, operator, g)
        case ops.Binary(function=function):
            _binary(node, function, g)
        case ops.Unary():
            lower_unary(node, operator, g)
        case ops.Softmax():
            g.emit("SOFTMAX", [g.batched(x)], outputs, dtype, options="SoftmaxOptions", beta=1.0)
        case ops.Reduce(function=function, axis=axis, keepdims=keepdims):
            inputs = [g.batched(x), g.integers([axis_of(axis)])]
            g.emit(_REDUCE[function], inputs, outputs, dtype, options="ReducerOptions", keepDims=keepdims)
        case ops.Reshape(shape=shape):
            reshape(g, g.batched(x), outputs[0], (1, *shape))
        case ops.Transpose(permutation=permutation) if dtype == "int32":
            transpose_by_packing(g, x, outputs[0], permutation)
        case ops.Transpose(permutation=permutation):
            lower_transpose(node, permutation, g)
        case ops.Concat(axis=axis):
            lower_concat(node, axis_of(axis), g)
        case ops.Split(sizes=sizes, axis=axis) if dtype == "bool":
            cut_bools(g, x, outputs, sizes, axis_of(axis))
        case ops.Split(sizes=sizes, axis=axis):
            _split(g, g.batched(x), outputs, sizes, axis_of(axis), dtype)
        case ops.Slice():
            lower_slice(node, operator, g)
        case ops.Pad():
            lower_pad(node, operator, g)
        case ops.Reverse():
            g.emit("REVERSE_V2", [g.batched(x), g.integers([1])], outputs, dtype, options="ReverseV2Options")
        case ops.Broadcast(shape=shape):
            g.emit(
                "BROADCAST_TO", [g.batched(x), g.integers([1, *shape])], outputs, dtype, options="BroadcastToOptions"
            )
        case ops.Gather():
            inputs = [weights(g, x), g.batched(node.inputs[1])]
            g.emit("GATHER", inputs, outputs, node.output.dtype, options="GatherOptions", axis=0)
        case ops.Conv() | ops.DepthwiseConv():
            lower_conv(node, operator, g)
        case ops.Pool():
            lower_pool(node, operator, g)
        case ops.Differs(value=value, rows=rows):
            _differs(node, value, g, rows=rows)
        case ops.Or():
            inputs = [g.tensor(value) for value in node.inputs]
            g.emit("LOGICAL_OR", inputs, outputs, dtype, options="LogicalOrOptions")
        case ops.Select():
            inputs = [g.batched(value) for value in node.inputs]
            g.emit("SELECT_V2", inputs, outputs, dtype, options="SelectV2Options")
        case ops.FusedLstm():
            _fused_lstm(node, g)
        case ops.Unstack() if dtype == "bool":
            cut_bools(g, x, outputs, (1,) * len(outputs), 1, drop=True)
        case ops.Unstack():
            count = len(outputs)
            g.emit("UNPACK", [g.batched(x)], outputs, dtype, options="UnpackOptions", num=count, axis=1)
        case ops.Stack():
            inputs = [g.batched(value) for value in node.inputs]
            g.emit("PACK", inputs, outputs, dtype, options="PackOptions", valuesCount=len(inputs), axis=1)
        case ops.Requantize() if x.data is not None:  # LiteRT leaves what it dequantizes of a constant behind as zeros
            form = node.output.quantization
            real = x.quantization.dequantize(x.data) if x.quantization else x.data
            data = form.quantize(real, node.output.dtype) if form else real
            reshape(g, g.constant(data[None], form), outputs[0], (1, *x.shape))
        case ops.Requantize():
            if node.output.dtype == "float32":
                g.emit("DEQUANTIZE", [g.batched(x)], outputs, dtype, options="DequantizeOptions")
            else:
                at_least = 2 if node.output.dtype == "int16" else 1
                g.emit("QUANTIZE", [g.batched(x)], outputs, dtype, options="QuantizeOptions", at_least=at_least)
        case Scan():
            raise ValueError("a scan is lowered by its form")
        case _ as unreachable:
            assert_never(unreachable)


def _binary(node: Node, function: str, g: Subgraph) -> None:
    code = _BINARY[function]
    inputs = [g.batched(value) if value.shape == node.output.shape else g.tensor(value) for value in node.inputs]
    extra = {"potScaleInt16": False} if code in ("ADD", "SUB") and node.output.dtype == "int16" else {}
    options = "MaximumMinimumOptions" if code in ("MAXIMUM", "MINIMUM") else f"{code.title()}Options"
    g.emit(code, inputs, [g.tensor(node.output)], node.output.dtype, options=options, **extra)


def _split(g: Subgraph, source: int, outputs: list[int], sizes: tuple[int, ...], axis: int, dtype: str) -> None:
    if len(set(sizes)) == 1:
        inputs = [g.integers(axis), source]
        g.emit("SPLIT", inputs, outputs, dtype, options="SplitOptions", numSplits=len(sizes))
    else:
        inputs = [source, g.integers(sizes), g.integers(axis)]
        g.emit("SPLIT_V", inputs, outputs, dtype, options="SplitVOptions", numSplits=len(sizes))


def _affine(node: Node, operator: ops.Affine, g: Subgraph) -> None:
    if operator.operands != 1:
        raise ValueError("an Affine of several operands is joined or separated before it is lowered")
    x, kernel = node.inputs[:2]
    bias = g.tensor(node.inputs[2]) if operator.bias else -1
    attributes: dict[str, object] = {}
    at_least = 1
    if len(x.shape) > 1:
        attributes["keepNumDims"], at_least = True, 5
    if bias < 0:
        at_least = 6
    hybrid = x.dtype == "float32" and kernel.dtype == "int8" and not operator.widen
    inputs = [g.batched(x), weights(g, kernel, widen=operator.widen), bias]
    g.emit(
        "FULLY_CONNECTED",
        inputs,
        [g.tensor(node.output)],
        x.dtype,
        hybrid=hybrid,
        at_least=at_least,
        options="FullyConnectedOptions",
        **attributes,
    )


def _differs(node: Node, value: float, g: Subgraph, *, rows: bool) -> None:
    """Rows differ if the largest |x - value| of the row is not zero; TFLite-Micro has no REDUCE_ANY."""
    x = node.inputs[0]
    source = g.batched(x)
    if rows:
        shape = (1, *x.shape)
        if value:
            shifted = g.scratch(shape, x)
            constant = g.constant(np.asarray(value, x.dtype))
            g.emit("SUB", [source, constant], [shifted], x.dtype, options="SubOptions")
            source = shifted
        magnitude, largest = g.scratch(shape, x), g.scratch(shape[:-1], x)
        g.emit("ABS", [source], [magnitude], x.dtype, options="AbsOptions")
        axis = g.integers([len(shape) - 1])
        g.emit("REDUCE_MAX", [magnitude, axis], [largest], x.dtype, options="ReducerOptions", keepDims=False)
        source, value = largest, 0.0
    inputs = [source, g.constant(np.asarray(value, x.dtype))]
    g.emit("NOT_EQUAL", inputs, [g.tensor(node.output)], x.dtype, options="NotEqualOptions")


def _fused_lstm(node: Node, g: Subgraph) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM without peepholes, projection and normalization.

    Its two states are variables that LiteRT and TFLite-Micro keep between calls, until they are reset.
    """
    x, *constants = node.inputs
    kernels, recurrent, biases = constants[:4], constants[4:8], constants[8:]
    units = node.output.shape[-1]
    states = [g.variable((1, units)) for _ in range(2)]
    absent = -1
    inputs = [
        g.batched(x),
        *(weights(g, value) for value in (*kernels, *recurrent)),
        *[absent] * 3,
        *(g.tensor(value) for value in biases),
        *[absent] * 2,
        *states,
        *[absent] * 4,
    ]
    hybrid = kernels[0].dtype == "int8"
    g.emit(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        inputs,
        [g.tensor(node.output)],
        "float32",
        at_least=2 if hybrid else 1,
        options="UnidirectionalSequenceLSTMOptions",
        fusedActivationFunction=schema().ActivationFunctionType.TANH,
        timeMajor=False,
    )
