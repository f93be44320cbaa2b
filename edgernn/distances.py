"""How far an artifact's outputs are from Keras's, by several measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgernn.metrics import Metric

Array = NDArray[Any]

FEWEST = 20  # numbers; a standard deviation of fewer says little
_FLAT = 1e-3  # of the output's spread; a column that moves less is as good as constant


@dataclass(frozen=True)
class Errors:
    """Distances between an output and Keras's.

    Attributes:
        name: of the output.
        max_error: the largest absolute difference.
        mean_error: the mean absolute difference.
        relative_error: the mean over samples of (largest absolute difference / largest absolute Keras output).
        spread: the standard deviation of Keras's outputs, all samples and numbers together.
        spread_error: the root of the mean squared difference over `spread`; None where that is 0 or of too few numbers.
        worst_column: of the last axis, the place whose own `spread_error` is the largest, among those that move; None
            with a single one.
        column_error: that error.
        agreement: the share of answers whose largest number is at the same place as Keras's; of a single number
            between 0 and 1, on the same side of one half; None for other single numbers.
        metric: of the task, where the samples have targets for this output.
    """

    name: str
    max_error: float
    mean_error: float
    relative_error: float
    spread: float
    spread_error: float | None
    worst_column: int | None
    column_error: float | None
    agreement: float | None
    metric: Metric | None = None


def errors(name: str, outputs: Array, expected: Array, metric: Metric | None = None) -> Errors:
    """Compare two arrays `[samples, ...]`.

    A sample whose every Keras output is 0 is measured against the largest output of all samples for `relative_error`.
    """
    truth = expected.astype(np.float64)
    difference = np.abs(outputs - truth)
    columns = _column_errors(difference, truth)
    worst = max(columns, key=lambda column: (np.isnan(columns[column]), columns[column]), default=None)
    return Errors(
        name,
        max_error=float(difference.max()),
        mean_error=float(difference.mean()),
        relative_error=_relative(difference, truth),
        spread=_spread(truth),
        spread_error=_over_spread(difference, truth),
        worst_column=worst,
        column_error=None if worst is None else columns[worst],
        agreement=_agreement(outputs, expected),
        metric=metric,
    )


def _relative(difference: Array, truth: Array) -> float:
    size = np.abs(truth).reshape(len(truth), -1).max(axis=1)
    size = np.where(size > 0, size, size.max() or 1.0)
    return float(np.mean(difference.reshape(len(truth), -1).max(axis=1) / size))


def _spread(truth: Array) -> float:
    """Exactly 0 for equal numbers, whose standard deviation may be a rounding error."""
    return float(truth.std()) if truth.size and truth.min() != truth.max() else 0.0


def _over_spread(difference: Array, truth: Array) -> float | None:
    spread = _spread(truth)
    if truth.size < FEWEST or not spread:
        return None
    return float(np.sqrt(np.mean(difference**2)) / spread)


def _column_errors(difference: Array, truth: Array) -> dict[int, float]:
    """Of each place in the last axis that has a spread, its error over that."""
    if truth.ndim < 2 or truth.shape[-1] < 2:
        return {}
    least = _FLAT * _spread(truth)
    moving = [k for k in range(truth.shape[-1]) if _spread(truth[..., k]) > least]
    found = {k: _over_spread(difference[..., k], truth[..., k]) for k in moving}
    return {k: error for k, error in found.items() if error is not None}


def _agreement(outputs: Array, expected: Array) -> float | None:
    if expected.ndim > 1 and expected.shape[-1] > 1:
        return float(np.mean(outputs.argmax(-1) == expected.argmax(-1)))
    if expected.min() < 0 or expected.max() > 1:
        return None
    return float(np.mean((outputs > 0.5) == (expected > 0.5)))
