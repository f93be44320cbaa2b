"""The integer arithmetic of generated C in NumPy, bit for bit what runtime/edgernn_fixed.h computes."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def round_high(a: Array, m: Array) -> Array:
    """(a * m + 2^31) >> 32, the upper half of the product, rounded."""
    return np.asarray((np.asarray(a, "i8") * np.asarray(m, "i8") + (1 << 31)) >> 32)


def round_shift(v: Array, s: int) -> Array:
    """V / 2^s rounded to nearest, ties upward."""
    wide = np.asarray(v, "i8")
    return wide if s == 0 else np.asarray((wide + (1 << (s - 1))) >> s)


def sat16(v: Array) -> Array:
    """The nearest int16."""
    return np.asarray(np.clip(v, -32768, 32767), "i2")


def interpolate(table: Array, x: Array) -> Array:
    """The table's value at x, from -32768, edgernn_table in C: entries 256 integers apart, linear between them."""
    at = np.asarray(x, "i8") + 32768
    piece, rest = at >> 8, at & 255
    entries = table.astype("i8")
    return np.asarray(entries[piece] + round_shift((entries[piece + 1] - entries[piece]) * rest, 8))
