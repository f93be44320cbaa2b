"""The C back end's arithmetic, as far as it constrains types and scales: 16 bits, powers of two, no zero points.

What the operators then compute is defined in `edgernn.converters.c.reference`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgernn.graph import DType, Node, Quantization, Value
from edgernn.graph import operators as ops

UNIT = Quantization((2.0**-15,))  # of what lies between -1 and 1; 1 itself becomes 1 - 2^-15
# Inputs of a table: it has 256 pieces over the type's range, so that a range of +-8 has 16 pieces a unit.
_TABLE_INPUTS = ((3.75, 2.0**-13), (7.5, 2.0**-12), (15.0, 2.0**-11))


class CArithmetic:
    """Everything in 16 bits; int8 only where a model's input or what moves it has them."""

    def types(self, operator: ops.Operator) -> tuple[DType, ...]:
        """16 bits, and 8 for operators that only move integers about."""
        match operator:
            case (
                ops.Reshape()
                | ops.Transpose()
                | ops.Split()
                | ops.Slice()
                | ops.Pad()
                | ops.Reverse()
                | ops.Broadcast()
                | ops.Select()
            ):
                return ("int16", "int8")
            case _:
                return ("int16",)

    def fixed(self, operator: ops.Operator, dtype: DType) -> Quantization | None:
        """What lies between -1 and 1 by definition uses all of that."""
        match operator:
            case ops.Unary(function="sigmoid" | "tanh" | "hard_sigmoid" | "softsign") | ops.Softmax():
                return UNIT
            case _:
                return None

    def tied(self, node: Node) -> tuple[int, ...]:
        """Operators that copy integers or compare them."""
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
            ):
                return (0,)
            case ops.Binary(function="maximum" | "minimum"):
                return (0, 1)
            case ops.Select():
                return (1, 2)
            case _:
                return ()

    def finest(self, operator: ops.Operator, inputs: Sequence[Value]) -> float:
        """What an accumulator is shifted to the left, since its output is finer, must fit the bits above it."""
        if not isinstance(operator, ops.Affine | ops.Conv | ops.DepthwiseConv):
            return 0.0
        x, kernel, bias = inputs
        if x.quantization is None or kernel.quantization is None:
            return 0.0
        rows = 1 if isinstance(operator, ops.DepthwiseConv) else 0
        others = tuple(k for k in range(kernel.constant.ndim) if k != rows)
        sums = np.abs(kernel.constant.astype("i8")).sum(axis=others) * 32768 + np.abs(bias.constant.astype("i8"))
        # `multiplier` takes a ratio below 2^(30 - bits of the largest accumulator), at least one below 1/4.
        room = 2.0 ** max(-2, 30 - int(sums.max()).bit_length())
        return float(max(kernel.quantization.scales)) * x.quantization.scale / room * 1.001

    def preferred_input(self, operator: ops.Operator, dtype: DType, largest: float) -> Quantization | None:
        """A saturating function needs no more of its input than where it still changes."""
        if dtype == "int16" and isinstance(operator, ops.Unary) and operator.function in ("sigmoid", "tanh"):
            return Quantization((next((scale for limit, scale in _TABLE_INPUTS if largest <= limit), 2.0**-11),))
        return None

    def reach(self, operator: ops.Operator, dtype: DType) -> float | None:
        """Where sigmoid and tanh have come within half a step of their ends."""
        match operator:
            case ops.Unary(function="sigmoid"):
                return 11.1
            case ops.Unary(function="tanh"):
                return 5.55
            case _:
                return None
