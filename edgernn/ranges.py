"""What numbers a tensor takes: exact extremes and counts over a fixed grid, and how much of the range to keep.

The grid is that of floating-point numbers themselves: a cell has one sign, one exponent and one value of the first
five bits of the mantissa, so it is 1.5 to 3 % wide, wherever it lies. It needs no range in advance, and two histograms
add up exactly. So it does not matter in which order numbers are seen, in which pieces, or how often all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

ClipMethod = Literal["minmax", "percentile", "mse"]
CLIP_METHODS: tuple[ClipMethod, ...] = ("minmax", "percentile", "mse")

_MANTISSA = 5  # bits
_SHIFT = 23 - _MANTISSA  # of a float32's bits
CELLS = 1 << (9 + _MANTISSA)  # sign, 8 bits of exponent, mantissa
_PERCENTILE = 99.9


def count_cells(array: np.ndarray) -> np.ndarray:
    """How many numbers of a float array lie in each cell: int64 `[CELLS]`, the positive cells first."""
    bits = np.ascontiguousarray(array, "f4").reshape(-1).view("u4")
    return np.asarray(np.bincount(bits >> np.uint32(_SHIFT), minlength=CELLS))


@dataclass(frozen=True)
class Range:
    """The numbers that a tensor was seen to take.

    Attributes:
        low: the smallest.
        high: the largest.
        cells: which cells of the grid have any, int64, ascending by their numbers.
        counts: how many numbers are in each, int64.
    """

    low: float
    high: float
    cells: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, array: np.ndarray) -> Range:
        """The range of one array."""
        return cls.counted(float(array.min()), float(array.max()), count_cells(array))

    @classmethod
    def counted(cls, low: float, high: float, counts: np.ndarray) -> Range:
        """The range of numbers of which `count_cells` is known."""
        half = CELLS // 2
        ordered = np.concatenate([counts[:half:-1], [0, counts[0] + counts[half]], counts[1:half]])  # -0 is 0
        (cells,) = np.nonzero(ordered)
        return cls(low, high, cells, ordered[cells])

    @property
    def largest(self) -> float:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))

    @property
    def total(self) -> int:
        """How many numbers there were."""
        return int(self.counts.sum())

    def union(self, other: Range) -> Range:
        """The range of two tensors that share a scale."""
        cells, where = np.unique(np.concatenate([self.cells, other.cells]), return_inverse=True)
        counts = np.zeros(len(cells), "i8")
        np.add.at(counts, where, np.concatenate([self.counts, other.counts]))
        return Range(min(self.low, other.low), max(self.high, other.high), cells, counts)

    def within(self, reach: float) -> Range:
        """The range of the same numbers, those beyond +-reach moved there."""
        if self.largest <= reach:
            return self
        low, high = (float(np.clip(end, -reach, reach)) for end in (self.low, self.high))
        return Range(low, high, self.cells, self.counts)

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of every cell, never beyond what was seen."""
        half = CELLS // 2
        positive = np.maximum(np.where(self.cells < half, half - 1 - self.cells, self.cells - half), 0)
        near, far = (((positive + k).astype("u4") << np.uint32(_SHIFT)).view("f4").astype("f8") for k in (0, 1))
        negative = self.cells < half
        low, high = np.where(negative, -far, near), np.where(negative, -near, far)
        return np.clip(low, self.low, self.high), np.clip(high, self.low, self.high)

    @property
    def middles(self) -> np.ndarray:
        """What the numbers of each cell are taken for."""
        low, high = self.edges
        return np.asarray((low + high) / 2)

    def quantile(self, share: float) -> float:
        """The number below which that share lies, between 0 and 1; linear inside a cell."""
        wanted = share * self.total
        k = min(int(np.searchsorted(np.cumsum(self.counts), wanted)), len(self.counts) - 1)
        inside = (wanted - self.counts[:k].sum()) / self.counts[k]
        low, high = (float(ends[k]) for ends in self.edges)
        return low + (high - low) * float(np.clip(inside, 0, 1))

    def histogram(self, low: float, high: float, bins: int) -> np.ndarray:
        """How many numbers lie in each of so many equal parts of low to high; even inside a cell."""
        start, stop = self.edges
        ends = np.linspace(low, high, bins + 1)
        width = stop - start
        inside = np.minimum(stop, ends[1:, None]) - np.maximum(start, ends[:-1, None])
        shares = np.maximum(inside, 0.0) / np.where(width > 0, width, 1.0)
        places = np.clip(np.searchsorted(ends, start, "right") - 1, 0, bins - 1)
        shares = np.where(width > 0, shares, places == np.arange(bins)[:, None])
        return np.asarray(shares @ self.counts)

    def beyond(self, low: float, high: float) -> float:
        """The share of numbers outside of low to high; that of a cell which holds an end is taken for even."""
        start, stop = self.edges
        width = np.where(stop > start, stop - start, 1.0)
        inside = np.clip((np.minimum(stop, high) - np.maximum(start, low)) / width, 0, 1)
        inside = np.where(stop > start, inside, (start >= low) & (start <= high))
        return float(np.sum(self.counts * (1 - inside)) / self.total)


def clip(range_: Range, method: ClipMethod, *, bits: int) -> tuple[float, float]:
    """The part of a range that a quantized tensor represents; what lies outside saturates.

    `minmax` keeps all, `percentile` the central 99.9 %, `mse` the shrunken range with the least mean squared error of
    rounding and saturation together.
    """
    if method == "minmax" or range_.total < 2:
        return range_.low, range_.high
    if method == "percentile":
        tail = (100 - _PERCENTILE) / 200
        low, high = range_.quantile(tail), range_.quantile(1 - tail)
        if max(-low, high) * 255 < range_.largest:  # the rare values are all there is: none but they fill a step
            return range_.low, range_.high
        return min(low, 0.0), max(high, 0.0)
    best = (np.inf, range_.low, range_.high)
    middles, weights = range_.middles, range_.counts / range_.total
    for shrink in np.linspace(1.0, 0.4, 25):
        low, high = range_.low * shrink, range_.high * shrink
        step = max(high - low, 1e-12) / (2**bits - 1)
        # A number within half a step of zero becomes zero; others err evenly by up to half a step.
        rounding = np.minimum(middles**2, step**2 / 12)
        saturation = (np.clip(middles, low, high) - middles) ** 2
        best = min(best, (float(np.sum(weights * (rounding + saturation))), low, high))
    return best[1], best[2]


_TAIL = 0.05  # the share of numbers that tell how a side ends
_LONGER = 16.0  # one answer may be beyond in so many times as many as were seen
_LEAST_ROOM = 0.1


def with_room(range_: Range) -> Range:
    """The range of a model's output, with room for answers beyond those that calibration saw.

    An output is seen once per calibration sample, so its extremes are those of a few hundred numbers. How much farther
    later ones go is told by the outermost 5 % of them: tails of most distributions fall off exponentially, so that the
    extreme of sixteen times as many numbers lies ln 16 mean excesses farther (peaks over a threshold, Pickands, 1975).
    At least, the side is a tenth longer. A side that never passed zero stays as it is.
    """
    low, high = range_.low, range_.high
    if low < 0:
        low -= max(_room(range_, high=False), -low * _LEAST_ROOM)
    if high > 0:
        high += max(_room(range_, high=True), high * _LEAST_ROOM)
    return Range(low, high, range_.cells, range_.counts)


def may_pass_zero(range_: Range) -> bool:
    """Whether a range on one side of zero is so near to it that later numbers are likely to lie on the other."""
    if range_.low > 0:
        return range_.low < _room(range_, high=False)
    return range_.high < 0 and -range_.high < _room(range_, high=True)


def _room(range_: Range, *, high: bool) -> float:
    start = range_.quantile(1 - _TAIL if high else _TAIL)
    excess = np.maximum(range_.middles - start if high else start - range_.middles, 0)
    return float(np.sum(excess * range_.counts)) / (_TAIL * range_.total) * math.log(_LONGER)
