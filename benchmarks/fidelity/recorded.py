"""The two recipes, as `edgernn train` prepares them: exercises from a watch, and speakers from two vowels."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.fidelity.task import Data, Examples, Plan, Task
from edgernn.training import japanese_vowels, watch_activity
from edgernn.training.recipe import Recipe
from edgernn.training.samples import dataset

TEST = 400


def _load(recipe: Recipe, epochs: int) -> Data:
    """As many epochs of the recipe's own variations as make enough to learn from."""
    data, random = dataset(recipe), np.random.default_rng(0)
    drawn = [data.draw(random) for _ in range(epochs)]
    learned = Examples.of(np.concatenate([each.x for each in drawn]), np.concatenate([each.y for each in drawn]))
    test = Examples.of(data.test.x, data.test.y).shuffled(0).select(slice(0, TEST))
    naive = float(np.bincount(test.y).max() / test.count)
    return Data(Examples.of(data.train.x, data.train.y), test, naive, learned)


def _watch(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input(train.x["x"].shape[1:], name="x")
    return keras.Model(x, keras.layers.Dense(7, activation="softmax")(cell(32)(x)))


def _vowels(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input(train.x["x"].shape[1:], name="x")
    hidden = cell(32)(keras.layers.Masking(japanese_vowels.PADDING)(x))
    return keras.Model(x, keras.layers.Dense(japanese_vowels.SPEAKERS, activation="softmax")(hidden))


def _task(recipe: Recipe, build: Any, epochs: int, plan: Plan) -> Task:
    load = partial(_load, recipe, epochs)
    return Task(recipe.name, recipe.task, "accuracy", 0.4, load, build, plan, (recipe.source,))


TASKS = (
    _task(watch_activity.RECIPE, _watch, 8, Plan(3, 1e-2)),
    _task(japanese_vowels.RECIPE, _vowels, 16, Plan(4, 1e-2)),
)
