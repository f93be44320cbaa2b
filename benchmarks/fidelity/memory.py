"""Tasks by formula, for what only a memory can do: the adding problem and counting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.fidelity.scores import rmse
from benchmarks.fidelity.task import Data, Examples, Plan, Task

TEST, TRAIN = 300, 12800


def adding_data(steps: int, count: int, seed: int) -> Examples:
    """Two of the numbers, one in each half, are marked; the answer is their sum (Hochreiter and Schmidhuber 1997).

    It is measured with a deviation of 0.03, as an answer in nature would be: a network without any error would make
    every other one look endlessly bad.
    """
    random = np.random.default_rng(seed)
    x = np.zeros((count, steps, 2), np.float32)
    x[..., 0] = random.random((count, steps))
    half = steps // 2
    marked = np.stack([random.integers(0, half, count), random.integers(half, steps, count)], axis=1)
    np.put_along_axis(x[..., 1], marked, 1, axis=1)
    y = np.take_along_axis(x[..., 0], marked, axis=1).sum(axis=1, keepdims=True)
    return Examples.of(x, y + random.normal(0, 0.03, y.shape).astype(np.float32))


def counting_data(steps: int, count: int, seed: int) -> Examples:
    """Events that are rare in some sequences and frequent in others; the answer is how many there were.

    As somebody says who miscounts by one now and then, with a standard deviation of 1: an answer in whole events needs
    no more digits than that.
    """
    random = np.random.default_rng(seed)
    x = (random.random((count, steps, 1)) < random.random((count, 1, 1))).astype(np.float32)
    return Examples.of(x, x.sum(axis=1) + random.normal(0, 1, (count, 1)).astype(np.float32))


def _load(make: Callable[[int, int, int], Examples], steps: int) -> Data:
    train, test = make(steps, TRAIN, 1), make(steps, TEST, 2)
    return Data(train, test, rmse(np.full_like(test.y, train.y.mean()), test.y))


def _build(units: int, keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input(train.x["x"].shape[1:], name="x")
    return keras.Model(x, keras.layers.Dense(train.y.shape[1])(cell(units)(x)))


def _task(name: str, question: str, make: Callable[[int, int, int], Examples], steps: int, plan: Plan) -> Task:
    load, build = partial(_load, make, steps), partial(_build, 32)
    return Task(name, question, "rmse", 0.25, load, build, plan, made="a formula in benchmarks/fidelity/memory.py")


TASKS = (
    _task("adding-60", "the sum of two marked numbers among 60", adding_data, 60, Plan(6, memory=60)),
    _task("adding-200", "the sum of two marked numbers among 200", adding_data, 200, Plan(2, 4e-3, after="adding-60")),
    _task(
        "counting",
        "how many of 80 steps had an event, counted with an error of 1",
        counting_data,
        80,
        Plan(4, memory=80),
    ),
)
