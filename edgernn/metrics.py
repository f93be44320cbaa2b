"""How far an artifact's outputs are from Keras's: errors, the task's own metric, and what is lost at the ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True)
class Errors:
    """Distances between an output and Keras's.

    Attributes:
        name: of the output.
        max_error: the largest absolute difference.
        mean_error: the mean absolute difference.
        relative_error: the mean over samples of (largest absolute difference / largest absolute Keras output).
    """

    name: str
    max_error: float
    mean_error: float
    relative_error: float


@dataclass(frozen=True)
class Metric:
    """How well the task is done: `accuracy`, a fraction, or `rmse`, the root of the mean squared error."""

    name: str
    keras: float
    artifact: float


def errors(name: str, outputs: Array, expected: Array) -> Errors:
    """Compare two arrays `[samples, ...]`.

    A sample whose every Keras output is 0 is measured against the largest output of all samples.
    """
    difference = np.abs(outputs.astype(np.float64) - expected).reshape(len(outputs), -1)
    size = np.abs(expected.astype(np.float64)).reshape(len(expected), -1).max(axis=1)
    size = np.where(size > 0, size, size.max() or 1.0)
    relative = float(np.mean(difference.max(axis=1) / size))
    return Errors(name, float(difference.max()), float(difference.mean()), relative)


def task_metric(targets: Array, expected: Array, outputs: Array) -> Metric:
    """Score both against the targets.

    Whole-numbered targets of the outputs' shape without its last axis are class numbers: accuracy of the largest
    output. So are 0 and 1 beside a single output between 0 and 1, which stands for true from 0.5 on, and rows with a
    single 1. Everything else is a regression.

    Args:
        targets: `[samples, ...]`.
        expected: of Keras, `[samples, *shape]`.
        outputs: of the artifact, likewise.

    Raises:
        InputError: the targets suit neither.
    """
    truth = targets
    whole = truth.dtype.kind in "iub"
    classes = expected.shape[-1] if expected.ndim > 1 else 1
    per_class = expected.shape[:-1]
    if whole and classes > 1:
        if truth.shape == (*per_class, 1):
            truth = truth[..., 0]
        if truth.shape == expected.shape and _is_one_hot(truth):
            truth = truth.argmax(-1)
        if truth.shape == per_class:
            if truth.min() < 0 or truth.max() >= classes:
                raise InputError(
                    f"targets: class numbers must be from 0 to {classes - 1}, since the model has {classes} outputs. "
                    f"Found: {truth.min()} to {truth.max()}.",
                    hint="number the classes from 0, as for training.",
                )
            return Metric("accuracy", _agreement(expected.argmax(-1), truth), _agreement(outputs.argmax(-1), truth))
    if truth.shape == per_class and classes == 1:
        truth = truth[..., None]
    if truth.shape != expected.shape:
        wanted = f"{list(expected.shape)} or, for class numbers, {list(per_class)}"
        raise InputError(
            f"targets: must have the shape {wanted}. Found: {list(truth.shape)} of {truth.dtype}.",
            hint="store class numbers as integers.",
        )
    if whole and classes == 1 and set(np.unique(truth)) <= {0, 1} and expected.min() >= 0 and expected.max() <= 1:
        return Metric("accuracy", _agreement(expected > 0.5, truth), _agreement(outputs > 0.5, truth))
    return Metric("rmse", _rmse(expected, truth), _rmse(outputs, truth))


def _is_one_hot(targets: Array) -> bool:
    return bool(np.isin(targets, (0, 1)).all() and (targets.sum(-1) == 1).all())


def _agreement(answers: Array, truth: Array) -> float:
    return float(np.mean(answers == truth))


def _rmse(answers: Array, truth: Array) -> float:
    return float(np.sqrt(np.mean((answers.astype(np.float64) - truth) ** 2)))


@dataclass(frozen=True)
class Saturation:
    """Numbers that an integer tensor cannot hold and replaces by its largest or smallest.

    Attributes:
        name: of the input or output.
        low: the smallest number that the tensor holds.
        high: the largest.
        fraction: of an input, the share of the samples' numbers beyond; of an output, the share of the answers at an
            end where Keras's answer is beyond it.
    """

    name: str
    low: float
    high: float
    fraction: float


def beyond(values: Array, low: float, high: float, slack: float) -> float:
    """The share of real values that lie more than `slack` outside of what a tensor can hold."""
    return float(np.mean((values < low - slack) | (values > high + slack)))
