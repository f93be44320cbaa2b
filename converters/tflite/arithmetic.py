"""TFLite's integer kernels: which types they take and which scales they insist on.

Read in LiteRT's `kernels/*.cc` and TFLite-Micro's `micro/kernels/*.cc`: LOGISTIC, TANH and SOFTMAX check their output
scale; data movement, pooling and selection copy integers, so both sides have one scale; 16-bit LOGISTIC and TANH are
exact where the input scale is 2^-12 (`kInputIntegerBits = 3`) or 2^-11.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgernn.converters.tflite.kernels.elementwise import SUM_RATIO
from edgernn.graph import DType, Node, Quantization, Value
from edgernn.graph import operators as ops

_BOTH: tuple[DType, ...] = ("int16", "int8")
_SIGMOID: dict[DType, Quantization] = {"int8": Quantization((1 / 256,), -128), "int16": Quantization((1 / 32768,))}
_TANH: dict[DType, Quantization] = {"int8": Quantization((1 / 128,)), "int16": Quantization((1 / 32768,))}
# Float functions with a kernel in both runtimes; the others are written as formulas.
FLOAT_KERNELS = (
    "sigmoid",
    "tanh",
    "relu",
    "relu6",
    "leaky_relu",
    "abs",
    "exponential",
    "log",
    "rsqrt",
)
_EXACT_16 = (2.0**-12, 2.0**-11)
_REACH: dict[tuple[str, DType], float] = {
    ("sigmoid", "int8"): 6.25,
    ("tanh", "int8"): 3.125,
    ("sigmoid", "int16"): 11.1,
    ("tanh", "int16"): 5.55,
}


_CLEAR = 2.002  # of the ratio where sums abort; no power of two, since LiteRT refuses some sums of those
_SHIFTED = 2.0**14  # 16 bits shifted so far fit 32
_ROOM = 2.0**30  # of what an accumulator becomes when it is scaled


class TfliteArithmetic:
    """The rules for both runtimes, LiteRT and TFLite-Micro."""

    def types(self, operator: ops.Operator) -> tuple[DType, ...]:
        """16 and 8 bits, except where one runtime has the 8-bit kernel only."""
        match operator:
            case ops.Gather() | ops.Reduce(function="max"):
                return ("int8",)
            case _:
                return _BOTH

    def fixed(self, operator: ops.Operator, dtype: DType) -> Quantization | None:
        """Output scales that the kernels check."""
        match operator:
            case ops.Unary(function="sigmoid") | ops.Softmax():
                return _SIGMOID[dtype]
            case ops.Unary(function="tanh"):
                return _TANH[dtype]
            case _:
                return None

    def tied(self, node: Node) -> tuple[int, ...]:
        """Operators that copy integers, maximum and minimum, which compare them, and RELU6, which only clamps them."""
        match node.operator:
            case (
                ops.Reshape()
                | ops.Transpose()
                | ops.Split()
                | ops.Slice()
                | ops.Pad()
                | ops.Reverse()
                | ops.Broadcast()
                | ops.Pool()
                | ops.Gather()
                | ops.Reduce(function="max")
                | ops.Unary(function="relu6")
            ):
                return (0,)
            case ops.Concat() | ops.Binary(function="maximum" | "minimum"):
                return tuple(range(len(node.inputs)))
            case ops.Select():
                return (1, 2)
            case _:
                return ()

    def finest(self, operator: ops.Operator, inputs: Sequence[Value]) -> float:
        """Where sums abort (see the rule `ratio_of_a_sum`), and where 32 bits overflow before an output saturates."""
        scales = [value.quantization.scales[0] for value in inputs if value.quantization is not None]
        dtype = inputs[0].dtype
        if not scales or dtype not in ("int8", "int16"):
            return 0.0
        match operator:
            case ops.Binary(function="add" | "sub"):
                return max(scales[:2]) / SUM_RATIO[dtype] * _CLEAR
            case ops.Binary(function="mul"):
                return scales[0] * scales[1] / (1 if dtype == "int16" else _SHIFTED)
            case ops.Affine() | ops.Conv() | ops.DepthwiseConv():
                return _finest_of_product(operator, inputs)
            case ops.Unary(function="relu" | "leaky_relu" | "abs") | ops.Reduce(function="mean"):
                return scales[0] / _SHIFTED
            case ops.Reduce(function="sum", axis=axis):
                return scales[0] * inputs[0].shape[axis] / _SHIFTED
            case _:
                return 0.0

    def preferred_input(self, operator: ops.Operator, dtype: DType, largest: float) -> Quantization | None:
        """Powers of two for 16-bit sigmoid and tanh; beyond +-16 both are saturated anyway."""
        if dtype == "int16" and isinstance(operator, ops.Unary) and operator.function in ("sigmoid", "tanh"):
            return Quantization((_EXACT_16[0] if largest < 8 else _EXACT_16[1],))
        return None

    def reach(self, operator: ops.Operator, dtype: DType) -> float | None:
        """Where sigmoid and tanh have come within half a step of their ends."""
        match operator:
            case ops.Unary(function="sigmoid" | "tanh" as function):
                return _REACH[function, dtype]
            case _:
                return None


def _finest_of_product(operator: ops.Operator, inputs: Sequence[Value]) -> float:
    """An accumulator at its largest, in units of the output, must fit 32 bits: the kernels saturate only after that."""
    x, kernel, *bias = inputs
    if x.quantization is None or kernel.quantization is None:
        return 0.0
    rows = 1 if isinstance(operator, ops.DepthwiseConv) else 0
    others = tuple(k for k in range(kernel.constant.ndim) if k != rows)
    largest = np.abs(kernel.constant.astype("f8")).sum(axis=others) * -float(np.iinfo(x.dtype).min)
    if bias:
        largest = largest + np.abs(bias[0].constant.astype("f8"))
    return float((largest * np.asarray(kernel.quantization.scales)).max() * x.quantization.scale / _ROOM)
