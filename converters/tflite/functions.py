"""Elementwise functions: a kernel of the runtimes where both have one, else a table of 256 entries.

The table serves int8: CAST to int32, add 128, GATHER. It is exact, since an int8 tensor has only 256 values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgernn.converters.tflite.subgraph import Subgraph
from edgernn.graph import Node
from edgernn.graph import operators as ops
from edgernn.reference import UNARY

_KERNELS = {
    "sigmoid": ("LOGISTIC", ""),
    "tanh": ("TANH", ""),
    "relu": ("RELU", ""),
    "relu6": ("RELU6", ""),
    "leaky_relu": ("LEAKY_RELU", "LeakyReluOptions"),
    "abs": ("ABS", "AbsOptions"),
    "exponential": ("EXP", "ExpOptions"),
    "log": ("LOG", ""),
    "rsqrt": ("RSQRT", ""),
}
_HUGE = 1e30
_INTEGER_KERNELS = ("sigmoid", "tanh", "relu", "relu6", "leaky_relu", "abs")


def lower_unary(node: Node, operator: ops.Unary, g: Subgraph) -> None:
    """Append one function.

    Raises:
        ValueError: a float function that `decompose_functions` should have replaced.
    """
    (x,) = node.inputs
    output = g.tensor(node.output)
    if x.dtype == "float32" or operator.function in _INTEGER_KERNELS:
        if operator.function not in _KERNELS:
            raise ValueError(f"function '{operator.function}' has no float kernel")
        code, options = _KERNELS[operator.function]
        attributes: dict[str, Any] = {"alpha": operator.alpha} if operator.function == "leaky_relu" else {}
        g.emit(code, [g.batched(x)], [output], x.dtype, options=options, **attributes)
        return
    shape = (1, *x.shape)
    wide, index = g.scratch(shape, dtype="int32"), g.scratch(shape, dtype="int32")
    g.emit("CAST", [g.batched(x)], [wide], "int8", options="CastOptions")
    g.emit("ADD", [wide, g.integers(128)], [index], "int32", options="AddOptions")
    table = g.constant(_table(node, operator), node.output.quantization)
    g.emit("GATHER", [table, index], [output], "int8", options="GatherOptions", axis=0)


def _table(node: Node, operator: ops.Unary) -> np.ndarray:
    before, after = node.inputs[0].quantization, node.output.quantization
    if before is None or after is None or node.inputs[0].dtype != "int8":
        raise ValueError(f"function '{operator.function}' needs int8 on both sides")
    real = before.dequantize(np.arange(-128, 128, dtype="int32"))
    with np.errstate(all="ignore"):  # a table also covers what no input is, such as the root of a negative number
        values = np.nan_to_num(UNARY[operator.function](real, operator.alpha), nan=_HUGE, posinf=_HUGE, neginf=-_HUGE)
    return after.quantize(values, "int8")
