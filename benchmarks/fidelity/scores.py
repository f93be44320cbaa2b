"""How well a task is done, and how sure a loss is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.fidelity.task import Array, Examples, MetricName

DRAWS = 400  # of the bootstrap
SMALLEST = 1e-7  # a probability, as Keras limits it in its cross-entropy


@dataclass(frozen=True)
class Loss:
    """What an artifact loses.

    Attributes:
        score: the artifact's metric.
        lost: points of accuracy or AUC, per cent of an RMSE or of bits; negative where it does better.
        error: the standard error of `lost`, over the choice of the test's examples.
    """

    score: float
    lost: float
    error: float


def rmse(answers: Array, truth: Array) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean((answers.astype(np.float64) - truth) ** 2)))


def score(metric: MetricName, answers: Array, test: Examples) -> float:
    """The metric of the answers to a test."""
    return _total(metric, _parts(metric, answers, test), np.arange(test.count))


def loss(metric: MetricName, expected: Array, answers: Array, test: Examples) -> Loss:
    """What the answers lose against those of the float network, with a standard error by the paired bootstrap.

    Whole examples are drawn, each with all its answers, and both networks are scored on the same draw.
    """
    both = _parts(metric, expected, test), _parts(metric, answers, test)
    everything = np.arange(test.count)

    def lost(chosen: Array) -> float:
        ours, theirs = (_total(metric, parts, chosen) for parts in (both[1], both[0]))
        return _lost(metric, theirs, ours)

    random = np.random.default_rng(0)
    draws = [lost(random.integers(0, test.count, test.count)) for _ in range(DRAWS)]
    return Loss(_total(metric, both[1], everything), lost(everything), float(np.nanstd(draws)))


def _lost(metric: MetricName, theirs: float, ours: float) -> float:
    return 100 * (theirs - ours) if metric in ("accuracy", "auc") else 100 * (ours / max(theirs, 1e-12) - 1)


def _parts(metric: MetricName, answers: Array, test: Examples) -> tuple[Array, Array]:
    """Per example, two rows of which a metric is made: what each answer is worth, and how much it counts."""
    answers = np.asarray(answers, np.float64)
    count = test.count
    weight = np.ones(test.y.shape) if test.weight is None else test.weight.astype(np.float64)
    if metric == "auc":
        return answers.reshape(count, -1), test.y.reshape(count, -1)
    if metric == "rmse":
        worth: Any = np.square(answers.reshape(test.y.shape) - test.y)
    elif metric == "accuracy" and answers.shape[-1] == 1:
        worth = (answers.reshape(test.y.shape) > 0.5) == test.y
    elif metric == "accuracy":
        worth = answers.argmax(-1) == test.y
    else:
        rows = np.maximum(answers, SMALLEST)
        told = np.take_along_axis(rows / rows.sum(-1, keepdims=True), test.y[..., None], axis=-1)[..., 0]
        worth = -np.log2(told)
    return (worth * weight).reshape(count, -1).sum(axis=1), weight.reshape(count, -1).sum(axis=1)


def _total(metric: MetricName, parts: tuple[Array, Array], chosen: Array) -> float:
    first, second = parts[0][chosen], parts[1][chosen]
    if metric == "auc":
        return _area_under_curve(first, second)
    mean = float(first.sum() / second.sum())
    return float(np.sqrt(mean)) if metric == "rmse" else mean


def _area_under_curve(answers: Array, truth: Array) -> float:
    """How often a positive has the larger answer of a pair, ties counted half; NaN without positives or negatives."""
    positive, negative = answers[truth > 0], np.sort(answers[truth == 0])
    if not positive.size or not negative.size:
        return float("nan")
    below, upto = (np.searchsorted(negative, positive, side="left"), np.searchsorted(negative, positive, side="right"))
    return float(0.5 * np.mean(below + upto) / negative.size)
