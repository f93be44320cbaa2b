"""The verdict: what is looked at, where its limits lie, and what float arithmetic itself may differ by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgernn.converters.keras import read_model
from edgernn.distances import FEWEST, errors
from edgernn.graph import Builder
from edgernn.graph import operators as ops
from edgernn.judgement import (
    BESIDE_TARGETS,
    COLUMN,
    RELATIVE_TOLERANCES,
    TOLERANCES,
    Limits,
    Verdict,
    deciding,
    judge,
    output_kind,
)
from edgernn.metrics import Metric

Array = np.ndarray[Any, Any]
INT8 = Limits.of("int8")


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


# --- errors ---


def test_the_error_is_the_root_mean_square_over_the_standard_deviation() -> None:
    truth, noise = random(50, 7, 3), 0.01 * random(50, 7, 3, seed=1)
    found = errors("y", truth + noise, truth)
    assert found.spread_error == pytest.approx(np.sqrt(np.mean(noise**2)) / truth.std())
    of_columns = np.sqrt(np.mean(noise**2, axis=(0, 1))) / truth.std(axis=(0, 1))
    assert found.worst_column == of_columns.argmax()
    assert found.column_error == pytest.approx(of_columns.max())


@pytest.mark.parametrize("factor", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_error_knows_no_unit_and_no_zero(factor: float, offset: float) -> None:
    """Scaling both outputs, or moving both, changes nothing; the relative error depends on where zero is."""
    truth, noise = random(400, 1), 0.01 * random(400, 1, seed=1)
    moved = factor * (truth + offset)
    assert errors("y", moved + factor * noise, moved).spread_error == pytest.approx(
        errors("y", truth + noise, truth).spread_error, rel=1e-3
    )


def test_a_column_that_hardly_moves_is_not_the_worst() -> None:
    truth = random(100, 3) * [1.0, 1e-5, 0.5]
    found = errors("y", truth + np.array([0.0, 1e-3, 0.01]), truth)
    assert found.worst_column == 2
    constant = np.full((100, 3), 0.1, "f4")  # whose standard deviation NumPy may round to a little more than 0
    assert errors("y", constant, constant).spread_error is None
    assert errors("y", constant, constant).worst_column is None


def test_of_few_numbers_or_equal_ones_there_is_no_spread() -> None:
    assert errors("y", random(FEWEST, 1), random(FEWEST, 1)).spread_error == 0
    assert errors("y", random(FEWEST - 1, 1), random(FEWEST - 1, 1)).spread_error is None
    for found in (errors("y", random(7, 2), random(7, 2)), errors("y", np.ones((50, 2)), np.ones((50, 2)))):
        (verdict,) = judge(found, "linear", INT8, 0.0) if found.max_error else [Verdict("y", "relative", 0.0, 0.05)]
        assert (verdict.criterion, verdict.limit) == ("relative", RELATIVE_TOLERANCES["int8"])


def test_what_is_not_a_number_fails() -> None:
    truth = random(50, 2)
    broken = truth.copy()
    broken[3, 1] = np.nan
    verdicts = judge(errors("y", broken, truth), "linear", INT8, 0.0)
    assert not any(verdict.passed for verdict in verdicts)
    assert deciding(verdicts).found != deciding(verdicts).found
    assert errors("y", broken, truth).worst_column == 1


def test_agreement_is_the_same_largest_output_or_the_same_side_of_one_half() -> None:
    truth = np.array([[0.1, 0.9], [0.6, 0.4], [0.3, 0.7]])
    assert errors("y", truth[:, ::-1], truth).agreement == 0
    assert errors("y", np.array([[0.2, 0.8], [0.4, 0.6], [0.1, 0.9]]), truth).agreement == pytest.approx(2 / 3)
    assert errors("y", np.array([[0.7], [0.2]]), np.array([[0.6], [0.6]])).agreement == 0.5
    assert errors("y", np.array([[0.7], [0.2]]), np.array([[0.6], [-0.6]])).agreement is None  # no probability


# --- limits ---


@pytest.mark.parametrize("scheme", TOLERANCES)
def test_without_targets_the_spread_decides(scheme: str) -> None:
    limits, truth = Limits.of(scheme), random(200, 3)
    for share, passed in ((0.9, True), (1.1, False)):
        noise = random(200, 3, seed=1)
        noise *= share * TOLERANCES[scheme] * truth.std() / np.sqrt(np.mean(noise**2))
        verdicts = judge(errors("y", truth + noise, truth), "linear", limits, 0.0)
        assert all(verdict.passed for verdict in verdicts) == passed
        assert deciding(verdicts).criterion == "spread"


def test_a_column_with_a_unit_of_its_own_is_judged_by_its_own_spread() -> None:
    truth = random(200, 2) * [100.0, 1.0]
    wrong = truth.copy()
    wrong[:, 1] = 0  # lost, and only half a per cent of the whole
    assert deciding(judge(errors("y", wrong, truth), "linear", INT8, 0.0)).criterion == "column"
    assert deciding(judge(errors("y", wrong, truth), "linear", INT8, 0.0)).limit == COLUMN * TOLERANCES["int8"]
    # Probabilities share a unit: a class that is hardly ever probable may be rounded away.
    assert all(verdict.passed for verdict in judge(errors("y", wrong, truth), "probabilities", INT8, 0.0))


@pytest.mark.parametrize(
    ("metric", "passed"),
    [
        (Metric("accuracy", 0.98, 0.975, 400), True),
        (Metric("accuracy", 0.98, 0.9725, 400), False),
        (Metric("accuracy", 1.0, 0.95, 20), True),  # a single answer of twenty
        (Metric("accuracy", 1.0, 0.90, 20), False),
        (Metric("auc", 0.95, 0.9455, 400), True),
        (Metric("auc", 0.95, 0.9445, 400), False),
        (Metric("rmse", 1.0, 1.019, 400), True),
        (Metric("rmse", 1.0, 1.021, 400), False),
        (Metric("perplexity", 20.0, 20.3, 400), True),
        (Metric("perplexity", 20.0, 20.5, 400), False),
        (Metric("accuracy", 0.9, float("nan"), 400), False),
    ],
)
def test_with_targets_the_metric_decides(metric: Metric, passed: bool) -> None:
    truth = random(400, 1)
    for error in (0.0, 0.9 * BESIDE_TARGETS * TOLERANCES["int8"]):  # up to three times what passes without targets
        found = errors("y", truth + error * truth.std() * np.sign(random(400, 1, seed=3)), truth, metric)
        verdicts = judge(found, "linear", INT8, -1.0)
        assert all(verdict.passed for verdict in verdicts) == passed
        assert deciding(verdicts).criterion == "metric"


def test_a_metric_that_stays_does_not_excuse_other_outputs() -> None:
    """Half of every probability leaves the same class the largest."""
    truth = random(400, 3) ** 2
    metric = Metric("accuracy", 0.9, 0.9, 400)
    verdict = deciding(judge(errors("y", 0.5 * truth, truth, metric), "probabilities", INT8, 0.0))
    assert (verdict.criterion, verdict.passed) == ("spread", False)


def test_targets_that_tell_nothing_decide_nothing() -> None:
    truth = random(400, 1)
    metric = Metric("accuracy", 1.0, 1.0, 400, telling=False)
    found = errors("y", truth + 0.05 * truth.std(), truth, metric)
    assert [verdict.criterion for verdict in judge(found, "linear", INT8, 0.0)] == ["spread"]
    assert not deciding(judge(found, "linear", INT8, 0.0)).passed


def test_the_users_limits_replace_ours() -> None:
    limits = Limits.of("float32", "float32", 0.2, 5.0)
    assert (limits.spread, limits.beside, limits.loss["accuracy"], limits.loss["rmse"]) == (0.2, 0.2, 0.05, 0.05)


def test_a_model_in_half_precision_is_not_known_better_than_that() -> None:
    assert Limits.of("float32", "float16").spread == pytest.approx(8 * 2.0**-10)
    assert Limits.of("float32", "bfloat16").spread == pytest.approx(8 * 2.0**-7)
    assert Limits.of("int8", "float16").spread == TOLERANCES["int8"]


def test_the_last_verdict_is_the_closest_to_its_limit_or_the_worst_that_failed() -> None:
    near, far = Verdict("a", "spread", 0.9, 1.0), Verdict("b", "metric", -0.1, 0.005)
    assert deciding([far, Verdict("b", "spread", 0.95, 1.0), near]) is near
    failed = Verdict("b", "spread", 1.1, 1.0)
    assert deciding([far, failed, near]) is failed


# --- kinds of outputs ---


@pytest.mark.parametrize(
    ("function", "kind"), [("sigmoid", "probabilities"), ("tanh", "bounded"), ("relu", "other"), (None, "linear")]
)
def test_what_an_output_holds_is_seen_through_what_only_moves_it(function: Any, kind: str) -> None:
    b = Builder("model")
    value = b.affine((b.input("x", (4, 3)), b.constant("w", np.ones((2, 3), "f4"))))
    if function is not None:
        value = b.apply(ops.Unary(function), value)
    value = b.apply(ops.Reverse(), b.apply(ops.Reshape((8,)), value))
    graph = b.finish(value)
    assert output_kind(graph, graph.outputs[0]) == kind


def test_what_an_output_holds_is_seen_inside_a_loop() -> None:
    import keras

    layers = keras.layers
    for inside, kind in ((layers.Dense(3, activation="softmax"), "probabilities"), (layers.Dense(3), "linear")):
        model = keras.Sequential([keras.Input((4, 5)), layers.GRU(6, return_sequences=True)])
        model.add(layers.TimeDistributed(inside))
        graph = read_model(model).graph
        assert output_kind(graph, graph.outputs[0]) == kind
