"""From one unit to another: multipliers for real ratios, shifts for powers of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.converters.c.arithmetic import round_high, round_shift
from edgernn.errors import InputError

Array = np.ndarray
_MOST_BITS = 31
_MOST_UP, _MOST_DOWN = 30, 62  # of 32 bits in 64


@dataclass(frozen=True)
class Multiplier:
    """A real ratio as C computes with it: y = round_high(x << shift, factor), the ratio being factor * 2^(shift - 32).

    Attributes:
        factor: int32, 0 <= factor < 2^31; one number, or one per row.
        shift: of the integer before it is multiplied; the same for all rows.
    """

    factor: Any
    shift: int


def multiplier(ratio: Any, largest: int) -> Multiplier:
    """The multiplier for a ratio of scales.

    Args:
        ratio: of input unit to output unit, one number or `[rows]`.
        largest: absolute value that the integer can take; shifted, it must stay below 2^31.

    Raises:
        InputError: the ratio is so large that there is none.
    """
    room = _MOST_BITS - max(int(largest), 1).bit_length()
    most = float(np.max(ratio))
    if not math.isfinite(most):
        raise InputError(
            "scales: their ratios must be finite. Found: an infinite one, of huge numbers or to tiny ones.",
            hint="look for huge weights and calibration samples.",
        )
    # factor = ratio * 2^(32 - shift) must stay below 2^31: shift > log2(ratio) + 1.
    needed = max(0, math.floor(math.log2(most)) + 2) if most > 0 else 0
    if needed > room:
        raise InputError(
            f"scales: a number of up to {largest} units must fit 32 bits when it is scaled by {most:.3g}. "
            f"Found: it would need {needed - room} bits more.",
            hint="calibrate with samples of the range that the model will meet.",
        )
    # However small the ratio, the factor's rounding moves y by |x| * 2^-33 at most, a quarter of a unit.
    shift = needed
    factor = np.round(np.asarray(ratio, "f8") * 2.0 ** (32 - shift)).astype("i8")
    return Multiplier(np.minimum(factor, 2**31 - 1), shift)


def rescale(x: Array, by: Multiplier) -> Array:
    """X times the ratio, rounded; not saturated."""
    return round_high(x << by.shift, by.factor)


def align(x: Array, bits: int, wanted: int) -> Array:
    """Integers with `bits` fraction bits as ones with `wanted`: shifted to the left, or to the right and rounded.

    Of 32 bits at most; where they would be shifted up by more than 30, which leaves 16 bits in any case, by 30.
    """
    return x << min(wanted - bits, _MOST_UP) if wanted >= bits else round_shift(x, min(bits - wanted, _MOST_DOWN))


def divide_rounded(x: Array, by: Array | int) -> Array:
    """floor(x / by + 1/2) for by > 0."""
    return (2 * x + by) // (2 * by)
