"""Errors as the definition gives them, and the metric that fits the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgernn.errors import InputError
from edgernn.metrics import Metric, errors, task_metric


def test_errors_of_a_sample_of_zeros_count_against_the_others() -> None:
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


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array([0, 3]), r"class numbers must be from 0 to 2, since the model has 3 outputs. Found: 0 to 3"),
        (np.array([0.0, 1.0]), r"must have the shape \[2, 3\] or, for class numbers, \[2\]. Found: \[2\] of float64"),
        (np.zeros((2, 4)), r"Found: \[2, 4\] of float64"),
    ],
)
def test_targets_that_suit_nothing_are_refused(targets: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        task_metric(targets, one_hot(0, 1), one_hot(0, 1))
