"""The heart's electricity: rare anomalies in it, and an autoencoder of its healthy beats."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.fidelity.scores import rmse
from benchmarks.fidelity.task import Array, Data, Examples, Plan, Task
from edgernn.training.download import fetch
from edgernn.training.recipe import Member, Source

STEPS, BEAT = 100, 32
_FOLDER = "aeon/datasets/data/UnitTest/ecg-diff-count-3"
_TEST = Member(f"{_FOLDER}_TEST.csv", 270665, "39794565d99ccb4934f4955e45fc0fbe30397499ca38fd689f43a1d3e2518aec")
_TRAIN = Member(f"{_FOLDER}_TRAIN_A.csv", 270513, "d1ab703124f9ad4359bdb6718bc01a75299fc0a79c23ca259c6235c67dee7be0")
_HEALTHY = Member(f"{_FOLDER}_TRAIN_NA.csv", 290730, "cb45388a065c2f8bd3dd745ad5f93d759d92d48aa9144dcbff5f4e2ffe1b7b73")
SOURCE = Source(
    package="aeon",
    version="1.6.0",
    members=(_TEST, _TRAIN, _HEALTHY),
    licence="BSD-3-Clause",
    origin="a synthetic ECG of GutenTAG, which makes series with anomalies (Wenig, Schmidl, Papenbrock 2022, MIT).",
)


def _series(member: Member) -> tuple[Array, Array]:
    """Values [steps] and whether each is part of an anomaly."""
    lines = fetch(SOURCE)[member.path].decode().splitlines()[1:]
    table = np.array([line.split(",")[1:] for line in lines], np.float64)
    return table[:, 0].astype(np.float32), table[:, 1].astype(np.int64)


def _windows(member: Member, length: int, stride: int) -> Examples:
    values, anomalous = _series(member)
    places = np.arange(0, len(values) - length + 1, stride)[:, None] + np.arange(length)
    return Examples.of(values[places][..., None], anomalous[places][..., None])


def _anomalies() -> Data:
    train, test = _windows(_TRAIN, STEPS, 7), _windows(_TEST, STEPS, STEPS)
    return Data(train, test, 0.5)  # the same answer everywhere


def _answers_per_step(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input((STEPS, 1), name="x")
    hidden = cell(32, return_sequences=True)(x)
    return keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(hidden))


def _beats() -> Data:
    windows = _windows(_HEALTHY, BEAT, 4).x["x"]
    end = int(0.8 * len(windows))
    train = Examples.of(windows[:end], windows[:end])
    test = Examples.of(windows[end + BEAT :], windows[end + BEAT :])
    return Data(train, test, rmse(np.full_like(test.y, train.y.mean()), test.y))


def _autoencoder(keras: Any, cell: Any, train: Examples) -> Any:
    """As tutorials have it: relu cells, RepeatVector, a Dense layer for each step."""
    x = keras.Input((BEAT, 1), name="x")
    code = cell(32, activation="relu")(x)
    hidden = cell(32, activation="relu", return_sequences=True)(keras.layers.RepeatVector(BEAT)(code))
    return keras.Model(x, keras.layers.TimeDistributed(keras.layers.Dense(1))(hidden))


TASKS = (
    Task(
        "ecg-anomalies",
        "whether a step of an ECG is part of one of its three anomalies",
        *("auc", 0.25, _anomalies, _answers_per_step, Plan(25, 1e-2), (SOURCE,)),
    ),
    Task(
        "ecg-autoencoder",
        "a stretch of an ECG again, by relu cells on both sides of a RepeatVector",
        *("rmse", 0.7, _beats, _autoencoder, Plan(10, 4e-3), (SOURCE,)),
    ),
)
