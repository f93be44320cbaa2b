"""How well a task is done: the metric that fits the targets, of Keras's outputs and of an artifact's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError

Array = NDArray[Any]
MetricName = Literal["accuracy", "auc", "rmse", "perplexity"]

RARE = 0.1  # a share of positives below which nearly all answers of "no" are right, and accuracy says nothing
_MANY_CLASSES = 32  # of each element of a sequence: an alphabet rather than labels
_SMALLEST = 1e-7  # a probability, as Keras limits it in its cross-entropy


@dataclass(frozen=True)
class Metric:
    """How well the task is done.

    Attributes:
        name: `accuracy`, a fraction; `auc`, the area under the ROC curve; `rmse`, the root of the mean squared error;
            `perplexity`, e to the mean cross-entropy. Of the last two less is better.
        keras: that of Keras's outputs.
        artifact: that of the artifact's.
        answers: how many answers were scored.
        telling: False where the targets cannot tell a good artifact from a bad one: all are equal, or they are
            Keras's own answers to a regression.
    """

    name: MetricName
    keras: float
    artifact: float
    answers: int = 0
    telling: bool = True

    @property
    def loss(self) -> float:
        """What the artifact loses: in points / 100 of accuracy and auc, relative to Keras's of the others."""
        if self.name in ("accuracy", "auc"):
            return self.keras - self.artifact
        if not self.keras:
            return 0.0 if not self.artifact else np.inf
        return self.artifact / self.keras - 1


def task_metric(
    targets: Array, expected: Array, outputs: Array, *, tokens: bool = False, resolution: float = 0.0
) -> Metric:
    """Score both against the targets.

    Whole numbers of the outputs' shape without its last axis are class numbers, and so are rows with a single 1:
    accuracy of the largest output. Of tokens, which are sequences of probabilities over an alphabet, it is perplexity.
    0 and 1 beside outputs between 0 and 1, which stand for true above one half, are accuracy too; if one of both is
    rare, the area under the ROC curve. Everything else is a regression.

    Args:
        targets: `[samples, ...]`.
        expected: of Keras, `[samples, *shape]`.
        outputs: of the artifact, likewise.
        tokens: the model is known to write what it reads.
        resolution: the step between two numbers that the artifact's output can hold; 0 if it is a float.

    Raises:
        InputError: the targets suit neither.
    """
    classes = expected.shape[-1] if expected.ndim > 1 else 1
    labels = _class_numbers(targets, expected) if classes > 1 else None
    if labels is not None:
        if labels.min() < 0 or labels.max() >= classes:
            raise InputError(
                f"targets: class numbers must be from 0 to {classes - 1}, since the model has {classes} outputs. "
                f"Found: {labels.min()} to {labels.max()}.",
                hint="number the classes from 0, as for training.",
            )
        if labels.ndim > 1 and _are_probabilities(expected) and (tokens or classes >= _MANY_CLASSES):
            return _scored("perplexity", lambda y: _perplexity(y, labels, 0.5 * resolution), expected, outputs, labels)
        return _scored("accuracy", lambda y: _agreement(y.argmax(-1), labels), expected, outputs, labels)
    truth = targets
    if truth.shape == expected.shape[:-1] and classes == 1:
        truth = truth[..., None]
    elif truth.shape == (*expected.shape, 1):
        truth = truth[..., 0]
    if truth.shape != expected.shape:
        wanted = f"{list(expected.shape)} or, for class numbers, {list(expected.shape[:-1])}"
        raise InputError(
            f"targets: must have the shape {wanted}. Found: {list(truth.shape)} of {truth.dtype}.",
            hint="store class numbers as whole numbers, or give targets of the outputs' shape.",
        )
    if _are_yes_or_no(truth) and expected.min() >= 0 and expected.max() <= 1:
        positives = float(np.mean(truth))
        if 0 < min(positives, 1 - positives) < RARE:
            return _scored("auc", lambda y: area_under_curve(y, truth), expected, outputs, truth)
        return _scored("accuracy", lambda y: _agreement(y > 0.5, truth), expected, outputs, truth)
    found = _scored("rmse", lambda y: _rmse(y, truth), expected, outputs, truth)
    if found.keras <= _OWN_ANSWERS * float(np.std(truth.astype(np.float64))):
        return Metric("rmse", found.keras, found.artifact, found.answers, telling=False)
    return found


_OWN_ANSWERS = 1e-3  # of the targets' spread: an error so small is that of a file format, not of a task


def _scored(name: MetricName, score: Callable[[Array], float], expected: Array, outputs: Array, truth: Array) -> Metric:
    telling = bool(truth.min() != truth.max())
    return Metric(name, score(expected), score(outputs), truth.size, telling)


def _class_numbers(targets: Array, expected: Array) -> Array | None:
    """The targets as class numbers, if they are some, or one-hot rows."""
    if targets.shape == expected.shape and _is_one_hot(targets):
        return np.asarray(targets.argmax(-1))
    rows = targets[..., 0] if targets.shape == (*expected.shape[:-1], 1) else targets
    if rows.shape != expected.shape[:-1] or (rows != np.round(rows)).any():
        return None
    return rows.astype(np.int64)


def _is_one_hot(targets: Array) -> bool:
    return bool(np.isin(targets, (0, 1)).all() and (targets.sum(-1) == 1).all())


def _are_yes_or_no(targets: Array) -> bool:
    """0 and 1; real numbers that are all the same may be anything."""
    return bool(np.isin(targets, (0, 1)).all() and (targets.dtype.kind in "iub" or targets.min() != targets.max()))


def _are_probabilities(outputs: Array) -> bool:
    return bool(outputs.min() >= 0 and np.abs(outputs.sum(-1) - 1).max() < 0.02)  # half precision rounds the sum


def _agreement(answers: Array, truth: Array) -> float:
    return float(np.mean(answers == truth))


def _rmse(answers: Array, truth: Array) -> float:
    return float(np.sqrt(np.mean((answers.astype(np.float64) - truth) ** 2)))


def area_under_curve(answers: Array, truth: Array) -> float:
    """How probable it is that a positive has a larger answer than a negative; equal answers count half."""
    flat, positive = answers.reshape(-1), truth.reshape(-1).astype(bool)
    if np.isnan(flat).any():
        return float("nan")
    _, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse]  # from 1; those of equal answers are their mean
    count = int(positive.sum())
    return float((ranks[positive].sum() - 0.5 * count * (count + 1)) / (count * (positive.size - count)))


def _perplexity(probabilities: Array, labels: Array, half_step: float) -> float:
    """What an integer output rounds to 0 may be as much as half its step; such rows are made to sum to 1 again."""
    rows = np.maximum(probabilities.astype(np.float64), max(_SMALLEST, half_step))
    rows /= rows.sum(-1, keepdims=True)
    found = np.take_along_axis(rows, labels[..., None], axis=-1)
    return float(np.exp(-np.mean(np.log(found))))
