"""What calibration sees of every tensor, pooled over samples and steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgernn.errors import UnsupportedError
from edgernn.graph import Graph, Value
from edgernn.graph import operators as ops
from edgernn.ranges import Range, count_cells
from edgernn.recordings import evaluate_recordings
from edgernn.reference import Observer, evaluate

# A scale is a float32, and that of an accumulator the product of two: beyond, it would be infinite.
LARGEST = 1e15
WIDEST = 512  # columns of a matrix whose weights are rounded to the data; beyond, the cubic cost is felt
_BATCH_ELEMENTS = 1 << 24  # bounds the memory of one calibration batch


@dataclass(frozen=True)
class Statistics:
    """What calibration saw: all numbers of all samples and steps, in whatever order.

    Attributes:
        ranges: of every float value of the graph and of the bodies of its scans, constants excepted.
        moments: for the input of every Affine of one operand, the mean of v v^T with v = [x, 1], or v = x where x has
            a constant element of its own.
        channels: for the same values, and the graph's inputs and outputs, the smallest and largest number of every
            element of the last axis: `[2, elements]`.
    """

    ranges: Mapping[Value, Range]
    moments: Mapping[Value, np.ndarray]
    channels: Mapping[Value, np.ndarray] = field(default_factory=dict)


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
    extremes, moments, channels = _Extremes(), _Moments(graph), _Channels(graph)
    counts: dict[Value, np.ndarray] = {}

    def observe(value: Value, array: np.ndarray) -> None:
        extremes(value, array)
        moments(value, array)
        channels(value, array)
        if value in counts:
            np.add(counts[value], count_cells(array), out=counts[value])
        else:
            counts[value] = count_cells(array)

    _evaluate(graph, samples, observe, extremes, longest, recordings)
    ranges = {value: Range.counted(*extremes.of(value), counts[value]) for value in counts}
    return Statistics(ranges, moments.means, channels.found)


def largest_values(graph: Graph, samples: Mapping[str, np.ndarray], recordings: int = 0) -> Mapping[Value, float]:
    """The largest absolute number of every float value; cheaper than all that `calibrate` finds."""
    extremes = _Extremes()
    _evaluate(graph, samples, extremes, extremes, None, recordings)
    return {value: extremes.largest(value) for value in extremes.lows}


def second_moments(
    graph: Graph, samples: Mapping[str, np.ndarray], longest: int | None = None, recordings: int = 0
) -> Mapping[Value, np.ndarray]:
    """The moments alone, for schemes that give no scales to activations."""
    extremes, moments = _Extremes(), _Moments(graph)

    def observe(value: Value, array: np.ndarray) -> None:
        extremes(value, array)
        moments(value, array)

    _evaluate(graph, samples, observe, extremes, longest, recordings)
    return moments.means


class _Extremes:
    """The smallest and largest number of every value."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.lows: dict[Value, float] = {}
        self.highs: dict[Value, float] = {}

    def __call__(self, value: Value, array: np.ndarray) -> None:
        """See some numbers of a value; a NaN stays one."""
        self.lows[value] = float(np.minimum(self.lows.get(value, np.inf), array.min()))
        self.highs[value] = float(np.maximum(self.highs.get(value, -np.inf), array.max()))

    def of(self, value: Value) -> tuple[float, float]:
        """Both ends."""
        return self.lows[value], self.highs[value]

    def largest(self, value: Value) -> float:
        """The larger of both, without its sign; 0 for a value that was not seen."""
        return float(np.maximum(abs(self.lows.get(value, 0.0)), abs(self.highs.get(value, 0.0))))


class _Moments:
    """The second moments of what is multiplied."""

    def __init__(self, graph: Graph) -> None:
        """Nothing seen yet of the values of that graph."""
        self._watched = multiplied_values(graph)
        self._sums: dict[Value, np.ndarray] = {}
        self._counts: dict[Value, int] = {}

    def __call__(self, value: Value, array: np.ndarray) -> None:
        """See some numbers of a value."""
        if value in self._watched:
            rows = array.reshape(-1, array.shape[-1]).astype("f8")
            rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
            self._sums[value] = self._sums.get(value, 0) + rows.T @ rows
            self._counts[value] = self._counts.get(value, 0) + len(rows)

    @property
    def means(self) -> Mapping[Value, np.ndarray]:
        """The mean of v v^T of every value."""
        return {value: total / self._counts[value] for value, total in self._sums.items()}


class _Channels:
    """The extremes of every element of the last axis, where somebody may want them."""

    def __init__(self, graph: Graph) -> None:
        """Nothing seen yet of the values of that graph."""
        self._watched = {*multiplied_values(graph), *graph.inputs, *graph.outputs}
        self.found: dict[Value, np.ndarray] = {}

    def __call__(self, value: Value, array: np.ndarray) -> None:
        """See some numbers of a value."""
        if value in self._watched and value.shape:
            rows = array.reshape(-1, array.shape[-1])
            low, high = self.found.get(value, (np.inf, -np.inf))
            self.found[value] = np.stack([np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))])


def _evaluate(
    graph: Graph,
    samples: Mapping[str, np.ndarray],
    observe: Observer,
    extremes: _Extremes,
    longest: int | None,
    recordings: int,
) -> None:
    """Show an observer every array of float values, in batches that fit memory, and see that none is beyond reach."""
    check_constants(graph)

    def see(value: Value, array: np.ndarray) -> None:
        if value.dtype == "float32" and array.size:
            observe(value, array)

    widest = max((value.size for node in graph.walk() for value in node.outputs), default=1)
    batch = max(1, _BATCH_ELEMENTS // max(widest, 1))
    count = next(iter(samples.values())).shape[0]
    if recordings:
        evaluate_recordings(graph, samples, recordings, see)
    for start in range(0, 0 if recordings else count, batch):
        evaluate(graph, {name: array[start : start + batch] for name, array in samples.items()}, see, longest)
    _check_ranges(graph, extremes)


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


def _check_ranges(graph: Graph, extremes: _Extremes) -> None:
    given = [value for value in graph.inputs if not extremes.largest(value) <= LARGEST]
    if given:
        raise UnsupportedError(
            (
                f"input '{value.name}': calibration samples must be within +-{LARGEST:g}. "
                f"Found: {extremes.largest(value):g}.",
                "scale the inputs to ordinary units, in training too.",
            )
            for value in given
        )
    for node in graph.walk():
        for value in node.outputs:
            if not extremes.largest(value) <= LARGEST:  # the first; what follows suffers from it
                hint = "look for weights or inputs that are far too large."
                raise UnsupportedError([_beyond(node.layer, "what it computes", extremes.largest(value), hint)])


def _beyond(layer: str, what: str, largest: float, hint: str) -> tuple[str, str]:
    return f"layer '{layer}': {what} must be within +-{LARGEST:g}. Found: {largest:g}.", hint
