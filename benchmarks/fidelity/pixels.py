"""Handwritten digits of 8 x 8 pixels, read row by row and pixel by pixel."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any

import numpy as np

from benchmarks.fidelity.task import Array, Data, Examples, Plan, Task
from edgernn.training.download import fetch
from edgernn.training.recipe import Member, Source

TEST = 397  # the last ones
_DIGITS = Member(
    "sklearn/datasets/data/digits.csv.gz", 57523, "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
)
SOURCE = Source(
    package="scikit-learn",
    version="1.9.1",
    members=(_DIGITS,),
    licence="BSD-3-Clause",
    origin="E. Alpaydin, C. Kaynak, 'Optical Recognition of Handwritten Digits', UCI machine learning repository 1998, "
    "CC BY 4.0; its test set.",
)


@cache
def _images() -> tuple[Array, Array]:
    """Pixels, float32 [images, 8, 8] from 0 to 16, and digits, int64 [images]."""
    text = gzip.decompress(fetch(SOURCE)[_DIGITS.path]).decode()
    table = np.array([row.split(",") for row in text.splitlines()], np.float32)
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)


def _load(steps: int) -> Data:
    pixels, digits = _images()
    examples = Examples.of(pixels.reshape(len(pixels), steps, -1), digits)
    train, test = examples.select(slice(None, -TEST)), examples.select(slice(-TEST, None))
    return Data(train, test, float(np.bincount(test.y).max() / TEST))


def _rows(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input((8, 8), name="x")
    hidden = cell(32, activation="relu", return_sequences=True)(x)
    hidden = cell(32, activation="relu")(hidden)
    return keras.Model(x, keras.layers.Dense(10, activation="softmax")(hidden))


def _pixels(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input((64, 1), name="x")
    hidden = cell(48)(keras.layers.Rescaling(1 / 16)(x))
    return keras.Model(x, keras.layers.Dense(10, activation="softmax")(hidden))


TASKS = (
    Task(
        "digits-rows",
        "which digit, from 8 rows of raw pixels, by two layers of relu cells",
        *("accuracy", 0.6, lambda: _load(8), _rows, Plan(40, 4e-3), (SOURCE,)),
    ),
    Task(
        "digits-pixels",
        "which digit, from 64 pixels one after the other",
        *("accuracy", 0.6, lambda: _load(64), _pixels, Plan(45, 1e-2, memory=64), (SOURCE,)),
    ),
)
