"""Tables of functions: 257 entries over the 16-bit range, between which is interpolated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgernn.graph import Node, Value
from edgernn.graph import operators as ops
from edgernn.reference import UNARY

ENTRIES = 257
STEP = 256  # integers between two entries
# Functions that grow without bound near zero: tabled over [1/2, 1) of the range, the rest by shifting the input up.
_POWERS = {"reciprocal": -1.0, "rsqrt": -0.5}


@dataclass(frozen=True)
class FunctionTable:
    """A function of an int16 with a result in another unit.

    Attributes:
        entries: int16, at equal distances.
        power: -1 or -1/2 for x^power of positive numbers, which are shifted up until they fill 15 bits, so that small
            ones keep their precision; 0 for any other function, whose entries are at -32768, -32512, ..., 32768.
        bits: two entries are 2^bits integers apart.
        output_shift: of a power: its entries are so many bits larger than the result, less for small inputs.
    """

    entries: np.ndarray
    power: float = 0.0
    bits: int = 8
    output_shift: int = 0


def function_table(node: Node) -> FunctionTable:
    """The table of a Unary whose input and output have their integer forms."""
    operator, x, y = node.operator, node.inputs[0], node.output
    assert isinstance(operator, ops.Unary), "only functions of one value have tables"
    scale_x, scale_y = _scale(x), _scale(y)
    if operator.function in _POWERS:
        return _power_table(_POWERS[operator.function], scale_x, scale_y)
    at = (np.arange(ENTRIES) * STEP - 32768) * scale_x
    with np.errstate(all="ignore"):  # log of a negative number: nobody will ask for it
        real = np.nan_to_num(UNARY[operator.function](at, operator.alpha), nan=0.0)
    return FunctionTable(_integers(real / scale_y))


def exponential_table(scale: float) -> FunctionTable:
    """Exp(x) in units of 2^-15 from -65536 to 0, the differences of two logits of that scale.

    One entry more than a function's: at 0 itself a line begins too.
    """
    at = np.minimum((np.arange(ENTRIES + 1) * STEP - 65536) * scale, 0.0)
    return FunctionTable(_integers(np.exp(at) * 32768))


def _power_table(power: float, scale_x: float, scale_y: float) -> FunctionTable:
    """Entries from 2^14 to 2^15 for a reciprocal, from 2^13 to 2^15 for a root, whose shifts must be even.

    m = x 2^n lies there, and x^power = m^power 2^(-n power).
    """
    start, bits = (8192, 7) if power == -0.5 else (16384, 6)
    m = np.arange(start, 32768 + 1, 1 << bits)
    real = (m * scale_x) ** power / scale_y
    shift = 15 - math.ceil(math.log2(float(real.max())))
    return FunctionTable(_integers(real * 2.0**shift), power, bits, shift)


def _integers(real: np.ndarray) -> np.ndarray:
    return np.clip(np.round(real), -32768, 32767).astype("i2")


def _scale(value: Value) -> float:
    assert value.quantization is not None, "the quantizer gives every 16-bit value a scale"
    return value.quantization.scale
