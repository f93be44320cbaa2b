"""The metric that fits the targets, whatever their form and type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgernn.distances import errors
from edgernn.errors import InputError
from edgernn.metrics import Metric, area_under_curve, task_metric


def test_relative_errors_of_a_sample_of_zeros_count_against_the_others() -> None:
    expected = np.array([[0.0, 0.0], [2.0, -4.0]])
    found = errors("y", expected + np.array([[0.4, 0.0], [0.0, 0.4]]), expected)
    assert found.relative_error == pytest.approx((0.4 / 4 + 0.4 / 4) / 2)
    assert errors("y", np.zeros((2, 2)), np.zeros((2, 2))).relative_error == 0
    assert np.isnan(errors("y", expected * np.nan, expected).relative_error)


def one_hot(*labels: int) -> np.ndarray[Any, Any]:
    return np.eye(3)[list(labels)]


@pytest.mark.parametrize(
    ("targets", "keras", "artifact_", "metric"),
    [
        (np.array([0, 1, 2, 0]), one_hot(0, 1, 2, 1), one_hot(0, 0, 2, 1), Metric("accuracy", 0.75, 0.5)),
        (np.array([[0], [1]]), one_hot(0, 2), one_hot(0, 1), Metric("accuracy", 0.5, 1.0)),
        (one_hot(0, 1).astype(int), one_hot(0, 2), one_hot(0, 1), Metric("accuracy", 0.5, 1.0)),
        (one_hot(0, 1), one_hot(0, 2), one_hot(0, 1), Metric("accuracy", 0.5, 1.0)),  # as floats, which Keras wants
        (np.array([0.0, 1.0]), one_hot(0, 2), one_hot(0, 1), Metric("accuracy", 0.5, 1.0)),
        (np.array([1.0, 0.0]), np.array([[0.9], [0.6]]), np.array([[0.4], [0.4]]), Metric("accuracy", 0.5, 0.5)),
        (
            np.array([[1, 0], [1, 1]]),
            np.array([[0.9, 0.6], [0.9, 0.6]]),
            np.array([[0.4, 0.4], [0.6, 0.6]]),
            Metric("accuracy", 0.75, 0.75),
        ),  # labels that exclude each other no more
        (np.array([[0, 1]]), one_hot(0, 1)[None], one_hot(0, 2)[None], Metric("accuracy", 1.0, 0.5)),
        (np.array([True, False]), np.array([[0.9], [0.6]]), np.array([[0.4], [0.4]]), Metric("accuracy", 0.5, 0.5)),
        (np.array([[1], [0]]), np.array([[0.9], [0.2]]), np.array([[0.4], [0.4]]), Metric("accuracy", 1.0, 0.5)),
        (np.array([1, 0]), np.array([[1.5], [0.0]]), np.array([[1.0], [0.0]]), Metric("rmse", 0.5 / 2**0.5, 0.0)),
        (np.array([1.0, 3.0]), np.array([[1.0], [1.0]]), np.array([[1.0], [3.0]]), Metric("rmse", 2**0.5, 0.0)),
        (np.zeros((2, 3)), one_hot(0, 1), 2 * one_hot(0, 1), Metric("rmse", 3**-0.5, 2 * 3**-0.5)),
    ],
)
def test_the_metric_follows_the_targets(targets: Any, keras: Any, artifact_: Any, metric: Metric) -> None:
    found = task_metric(targets, keras, artifact_)
    assert found.name == metric.name
    assert (found.keras, found.artifact) == pytest.approx((metric.keras, metric.artifact))


@pytest.mark.parametrize("form", [(300,), (300, 1)])
@pytest.mark.parametrize("dtype", [bool, int, "f4"])
def test_rare_events_are_ranked(form: tuple[int, ...], dtype: Any) -> None:
    """Of 300 windows 12 are events: who always says no is right in 96 % of them, and ranks nothing."""
    random = np.random.default_rng(1)
    truth = np.arange(300) % 25 == 0
    keras = (1 / (1 + np.exp(6 - 4 * truth - random.normal(size=300))))[:, None]
    found = task_metric(truth.astype(dtype).reshape(form), keras, np.zeros((300, 1)))
    assert (found.name, found.artifact) == ("auc", 0.5)
    pairs = keras[truth] > keras[~truth].T
    assert found.keras == pytest.approx(pairs.mean())
    assert found.loss == pytest.approx(found.keras - 0.5)


def test_the_area_counts_equal_answers_half() -> None:
    random = np.random.default_rng(2)
    answers, truth = random.integers(0, 6, 80) / 5, random.random(80) < 0.3  # as 8 bits make them
    above, same = answers[truth][:, None] > answers[~truth], answers[truth][:, None] == answers[~truth]
    assert area_under_curve(answers, truth) == pytest.approx(np.mean(above + 0.5 * same))
    assert np.isnan(area_under_curve(answers * np.nan, truth))


def softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@pytest.mark.parametrize("one_hot_targets", [False, True])
@pytest.mark.parametrize(("classes", "tokens"), [(40, False), (7, True)])
def test_tokens_have_a_perplexity(classes: int, tokens: bool, one_hot_targets: bool) -> None:
    random = np.random.default_rng(3)
    keras, labels = softmax(random.normal(size=(5, 9, classes))), random.integers(0, classes, (5, 9))
    targets = np.eye(classes)[labels] if one_hot_targets else labels
    found = task_metric(targets, keras, np.full_like(keras, 1 / classes), tokens=tokens)
    assert found.name == "perplexity"
    of_labels = [keras[n, t, labels[n, t]] for n in range(5) for t in range(9)]
    assert found.keras == pytest.approx(np.exp(-np.mean(np.log(of_labels))))
    assert found.artifact == pytest.approx(classes)
    assert found.loss == pytest.approx(classes / found.keras - 1)


def test_the_perplexity_of_eight_bits_is_finite() -> None:
    """What is rounded to 0 may be as much as half a step, and rows still sum to 1."""
    random = np.random.default_rng(3)
    keras, labels = softmax(3 * random.normal(size=(5, 9, 40))), random.integers(0, 40, (5, 9))
    rounded = np.round(keras * 256) / 256
    assert (np.take_along_axis(rounded, labels[..., None], -1) == 0).any()
    found = task_metric(labels, keras, rounded, resolution=1 / 256)
    assert 0.5 < found.artifact / found.keras < 2


def test_labels_of_each_frame_have_an_accuracy() -> None:
    random = np.random.default_rng(3)
    keras, labels = softmax(random.normal(size=(5, 9, 4))), random.integers(0, 4, (5, 9))
    assert task_metric(labels, keras, keras).name == "accuracy"


@pytest.mark.parametrize(
    ("targets", "outputs", "telling"),
    [
        (np.zeros(40, int), np.full((40, 1), 0.2), False),  # one class only
        (np.zeros(40, int), np.tile([0.2, 0.8], (40, 1)), False),
        (np.arange(40) % 2, np.full((40, 1), 0.2), True),
        (np.linspace(0, 1, 40), np.linspace(0, 1, 40)[:, None] + 1e-6, False),  # Keras's own answers
        (np.linspace(0, 1, 40), np.linspace(0, 1, 40)[:, None] + 0.1, True),
        (np.full(40, 3.5), np.linspace(0, 1, 40)[:, None], False),
    ],
)
def test_targets_may_tell_nothing(targets: Any, outputs: Any, telling: bool) -> None:
    assert task_metric(targets, outputs, outputs).telling == telling


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array([0, 3]), r"class numbers must be from 0 to 2, since the model has 3 outputs. Found: 0 to 3"),
        (np.array([0.5, 1.0]), r"must have the shape \[2, 3\] or, for class numbers, \[2\]. Found: \[2\] of float64"),
        (np.zeros((2, 4)), r"Found: \[2, 4\] of float64"),
    ],
)
def test_targets_that_suit_nothing_are_refused(targets: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        task_metric(targets, one_hot(0, 1), one_hot(0, 1))
