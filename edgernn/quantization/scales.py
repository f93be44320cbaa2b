"""One scale per group of tensors that must share one, from their pooled ranges."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from edgernn.graph import DType, Quantization, Value
from edgernn.ranges import ClipMethod, Range, clip

# A 16-bit tensor keeps this much room above its calibrated range, since a stream can outlive its calibration window
# and the resolution that it costs is far below the error of the 8-bit weights.
HEADROOM_16 = 2.0
LEAST_HEADROOM_16 = 1.25  # where the scale is a power of two, which adds up to as much again
_NOTHING = 1e-6


class ScaleGroups:
    """Union-find over values; each group has one type, one pooled range and at most one fixed scale."""

    def __init__(self) -> None:
        """No values yet."""
        self._parent: dict[Value, Value] = {}
        self._range: dict[Value, Range] = {}
        self._dtype: dict[Value, DType] = {}
        self._fixed: dict[Value, Quantization] = {}
        self._preferred: dict[Value, Quantization] = {}

    def add(self, value: Value, dtype: DType, range_: Range, fixed: Quantization | None = None) -> None:
        """A group of its own for `value`."""
        self._parent[value] = value
        self._range[value], self._dtype[value] = range_, dtype
        if fixed:
            self._fixed[value] = fixed

    def __contains__(self, value: Value) -> bool:
        """Whether the value has a group."""
        return value in self._parent

    def find(self, value: Value) -> Value:
        """The group's representative."""
        while self._parent[value] is not value:
            self._parent[value] = self._parent[self._parent[value]]
            value = self._parent[value]
        return value

    def tie(self, a: Value, b: Value) -> bool:
        """Put two values into one group, unless their types differ or a fixed scale cannot represent the other."""
        a, b = self.find(a), self.find(b)
        if a is b:
            return True
        if self._dtype[a] != self._dtype[b]:
            return False
        fixed_a, fixed_b = self._fixed.get(a), self._fixed.get(b)
        if fixed_a and fixed_b and fixed_a != fixed_b:
            return False
        fixed = fixed_a or fixed_b
        joint = self._range[a].union(self._range[b])
        if fixed and not _represents(fixed, joint, self._dtype[a]):
            return False
        self._parent[b] = a
        self._range[a] = joint
        if fixed:
            self._fixed[a] = fixed
        if b in self._preferred:
            self._preferred[a] = self._preferred[b]
        return True

    def prefer(self, value: Value, quantization: Quantization) -> None:
        """Use this scale for the value's group if nothing fixes another."""
        self._preferred[self.find(value)] = quantization

    def limit(self, value: Value, reach: float) -> None:
        """Leave of the group's range what is within +-reach."""
        group = self.find(value)
        self._range[group] = self._range[group].within(reach)

    def share(self, apart: Iterable[Value], coarser: float) -> None:
        """Let 16-bit groups take a scale that another one has, the finest that is at most `coarser` times their own.

        Powers of two are left to those who prefer them: LiteRT refuses some sums whose scales are all powers of two.

        Args:
            apart: values that keep their scale, such as states, whose rounding errors add up.
            coarser: the factor.
        """
        groups = dict.fromkeys(self.find(value) for value in self._parent)
        scales = {g: self._own(g, "minmax", power_of_two=False).scale for g in groups if self._dtype[g] == "int16"}
        bound = {*self._fixed, *self._preferred, *(self.find(value) for value in apart)}
        there = {scale for group, scale in scales.items() if group in bound and math.frexp(scale)[0] != 0.5}
        for group, scale in sorted(scales.items(), key=lambda item: -item[1]):
            if group not in bound:
                chosen = min((other for other in there if scale <= other <= coarser * scale), default=scale)
                there.add(chosen)
                self._preferred[group] = Quantization((chosen,))

    def largest(self, value: Value) -> float:
        """Largest absolute value that the group was seen to take."""
        return self._range[self.find(value)].largest

    def quantization(self, value: Value, method: ClipMethod, *, power_of_two: bool) -> Quantization:
        """The group's scale and zero point."""
        return self._own(self.find(value), method, power_of_two=power_of_two)

    def _own(self, group: Value, method: ClipMethod, *, power_of_two: bool) -> Quantization:
        if group in self._fixed:
            return self._fixed[group]
        if group in self._preferred:
            return self._preferred[group]
        return from_range(self._range[group], self._dtype[group], method, power_of_two=power_of_two)


def from_range(range_: Range, dtype: DType, method: ClipMethod, *, power_of_two: bool = False) -> Quantization:
    """int16: symmetric with headroom. int8: the clipped range, stretched to hold zero exactly.

    Args:
        range_: to represent.
        dtype: int8 or int16.
        method: how much of the range an int8 keeps.
        power_of_two: whether an int16's scale is the next power of two, for arithmetic by shifts.
    """
    if range_.largest < _NOTHING:  # always zero so far: any scale represents it, a tiny one upsets the kernels
        range_ = Range.of(np.asarray([-1, 1], "f4"))
    if dtype == "int16" and power_of_two:
        return Quantization((2.0 ** math.ceil(math.log2(range_.largest * LEAST_HEADROOM_16 / 32768)),))
    if dtype == "int16":
        return Quantization((_rounded_up(range_.largest * HEADROOM_16 / 32767),))
    low, high = clip(range_, method, bits=8)
    low, high = min(low, 0.0), max(high, 0.0)
    scale = _rounded_up((high - low) / 255)
    return Quantization((scale,), int(np.clip(round(-128 - low / scale), -128, 127)))


def _represents(quantization: Quantization, range_: Range, dtype: DType) -> bool:
    info = np.iinfo(dtype)
    low = (info.min - quantization.zero_point) * quantization.scale
    high = (info.max - quantization.zero_point) * quantization.scale
    slack = 2 * quantization.scale
    return range_.low >= low - slack and range_.high <= high + slack


def _rounded_up(scale: float) -> float:
    """The next number of 12 significant bits.

    Sums of floats end in other last bits when samples come in another order. Of the scales that differ by so little,
    all but very few are the same then, and so are the bytes of the file.
    """
    mantissa, exponent = math.frexp(scale)
    return float(np.float32(math.ldexp(math.ceil(mantissa * 4096), exponent - 12)))
