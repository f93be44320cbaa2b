"""Elementwise functions: a kernel of the runtimes where both have one, else a table."""

from __future__ import annotations

from typing import Any

from edgernn.converters.tflite.subgraph import Subgraph
from edgernn.converters.tflite.tables import lower_table
from edgernn.graph import Node
from edgernn.graph import operators as ops

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
    lower_table(node, operator, g)
