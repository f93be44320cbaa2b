"""The range of every tensor, pooled over samples and steps, and how much of it to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgernn.errors import UnsupportedError
from edgernn.graph import Graph, Value
from edgernn.graph import operators as ops
from edgernn.recordings import evaluate_recordings
from edgernn.reference import evaluate

ClipMethod = Literal["minmax", "percentile", "mse"]
CLIP_METHODS: tuple[ClipMethod, ...] = ("minmax", "percentile", "mse")

_KEPT_PER_OBSERVATION = 256  # values kept of each observed array, evenly spaced: enough for a 99.9 percentile
_KEPT = 1 << 17
_PERCENTILE = 99.9
# A scale is a float32, and that of an accumulator the product of two: beyond, it would be infinite.
LARGEST = 1e15
WIDEST = 512  # columns of a matrix whose weights are rounded to the data; beyond, the cubic cost is felt
_BATCH_ELEMENTS = 1 << 24  # bounds the memory of one calibration batch


@dataclass(frozen=True)
class Range:
    """Smallest and largest value seen, and an even subsample of all values for clipping."""

    low: float
    high: float
    kept: np.ndarray

    @property
    def largest(self) -> float:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))

    def union(self, other: Range) -> Range:
        """The range of two tensors that share a scale."""
        kept = np.concatenate([self.kept, other.kept])
        return Range(min(self.low, other.low), max(self.high, other.high), kept)

    @classmethod
    def of(cls, array: np.ndarray) -> Range:
        """The range of one array."""
        return cls(float(array.min()), float(array.max()), _subsample(array))


def _subsample(array: np.ndarray, keep: int = _KEPT_PER_OBSERVATION) -> np.ndarray:
    flat = array.reshape(-1)
    return flat[:: max(1, flat.size // keep)].astype("f4")


@dataclass(frozen=True)
class Statistics:
    """What calibration saw.

    Attributes:
        ranges: of every float value of the graph and of the bodies of its scans, constants excepted.
        moments: for the input of every Affine of one operand, the mean of v v^T with v = [x, 1], or v = x where x has
            a constant element of its own.
    """

    ranges: Mapping[Value, Range]
    moments: Mapping[Value, np.ndarray]


def multiplied_values(graph: Graph) -> set[Value]:
    """The inputs of the products whose weights are rounded to the data."""
    return {
        node.inputs[0]
        for node in graph.walk()
        if isinstance(node.operator, ops.Affine) and node.operator.operands == 1 and node.inputs[0].shape[-1] <= WIDEST
    }


def calibrate(
    graph: Graph, samples: Mapping[str, np.ndarray], longest: int | None = None, recordings: int = 0
) -> Statistics:
    """Run the float reference over `samples` and pool each float tensor's values over samples and steps.

    Args:
        graph: a float graph.
        samples: `[samples, *shape]` per graph input.
        longest: steps of a loop that are enough to look at; None looks at all.
        recordings: that the samples are windows of, in their order, over which states are carried; 0 begins each anew.

    Raises:
        UnsupportedError: a layer's weights or what it computes are beyond `LARGEST`, which no scale can follow.
    """
    check_constants(graph)
    multiplied = multiplied_values(graph)
    sums: dict[Value, np.ndarray] = {}
    counts: dict[Value, int] = {}
    lows: dict[Value, float] = {}
    highs: dict[Value, float] = {}
    kept: dict[Value, list[np.ndarray]] = {}

    def observe(value: Value, array: np.ndarray) -> None:
        if value.dtype != "float32" or not array.size:
            return
        lows[value] = float(np.minimum(lows.get(value, np.inf), array.min()))  # a NaN stays one
        highs[value] = float(np.maximum(highs.get(value, -np.inf), array.max()))
        pool = kept.setdefault(value, [])
        if len(pool) * _KEPT_PER_OBSERVATION < _KEPT:
            pool.append(_subsample(array))
        if value in multiplied:
            rows = array.reshape(-1, array.shape[-1]).astype("f8")
            rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
            sums[value] = sums.get(value, 0) + rows.T @ rows
            counts[value] = counts.get(value, 0) + len(rows)

    widest = max((value.size for node in graph.walk() for value in node.outputs), default=1)
    batch = max(1, _BATCH_ELEMENTS // max(widest, 1))
    count = next(iter(samples.values())).shape[0]
    if recordings:
        evaluate_recordings(graph, samples, recordings, observe)
    for start in range(0, 0 if recordings else count, batch):
        evaluate(graph, {name: array[start : start + batch] for name, array in samples.items()}, observe, longest)
    _check_ranges(graph, lows, highs)
    ranges = {value: Range(lows[value], highs[value], np.concatenate(kept[value])) for value in lows}
    return Statistics(ranges, {value: total / counts[value] for value, total in sums.items()})


def check_constants(graph: Graph) -> None:
    """See that weights are numbers that scales can follow.

    Raises:
        UnsupportedError: some are not; the layers are named.
    """
    broken = []
    for node in graph.walk():
        for value in node.inputs:
            if value.data is not None and value.dtype == "float32" and value.data.size:
                largest = float(np.abs(value.data).max())
                if not largest <= LARGEST:
                    broken.append(_beyond(node.layer, "weights", largest, "retrain it: its training blew up."))
    if broken:
        raise UnsupportedError(dict.fromkeys(broken))


def _check_ranges(graph: Graph, lows: Mapping[Value, float], highs: Mapping[Value, float]) -> None:
    largest = {value: float(np.maximum(abs(lows[value]), abs(highs[value]))) for value in lows}  # NaN stays NaN
    given = [value for value in graph.inputs if not largest.get(value, 0.0) <= LARGEST]
    if given:
        raise UnsupportedError(
            (
                f"input '{value.name}': calibration samples must be within +-{LARGEST:g}. Found: {largest[value]:g}.",
                "scale the inputs to ordinary units, in training too.",
            )
            for value in given
        )
    for node in graph.walk():
        for value in node.outputs:
            if not largest.get(value, 0.0) <= LARGEST:  # the first; what follows suffers from it
                hint = "look for weights or inputs that are far too large."
                raise UnsupportedError([_beyond(node.layer, "what it computes", largest[value], hint)])


def _beyond(layer: str, what: str, largest: float, hint: str) -> tuple[str, str]:
    return f"layer '{layer}': {what} must be within +-{LARGEST:g}. Found: {largest:g}.", hint


def clip(range_: Range, method: ClipMethod, *, bits: int) -> tuple[float, float]:
    """The part of a range that a quantized tensor represents; what lies outside saturates.

    `minmax` keeps all, `percentile` the central 99.9 %, `mse` the shrunken range with the least mean squared error of
    rounding and saturation together.
    """
    if method == "minmax" or range_.kept.size < 2:
        return range_.low, range_.high
    if method == "percentile":
        tail = (100 - _PERCENTILE) / 2
        low, high = np.percentile(range_.kept, [tail, 100 - tail])
        if max(-low, high) * 255 < range_.largest:  # the rare values are all there is: none but they fill a step
            return range_.low, range_.high
        return float(min(low, 0)), float(max(high, 0))
    best = (np.inf, range_.low, range_.high)
    for shrink in np.linspace(1.0, 0.4, 25):
        low, high = range_.low * shrink, range_.high * shrink
        step = max(high - low, 1e-12) / (2**bits - 1)
        error = float(np.mean((np.clip(np.round(range_.kept / step) * step, low, high) - range_.kept) ** 2))
        best = min(best, (error, low, high))
    return best[1], best[2]
