"""Which exercise is it? A watch's accelerometer and gyroscope during physiotherapy (Burns et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError
from edgernn.training.data import Dataset, Floats, Labels, Recordings, Samples, Split
from edgernn.training.object_array import read_object_array
from edgernn.training.recipe import Member, Recipe, Settings, Source

STEPS = 100  # two seconds at 50 Hz
STRIDE = 50  # between the windows of an epoch, each of which starts anywhere up to the next one

# Windows of one person never lie on two sides. Nor do those of two people who exercised side by side, in time with
# each other: the recordings' lengths and their cross-correlation show the pairs 1-2, 3-4, 5-6, 7-10 and 8-9.
VALIDATION_SUBJECTS = (7, 10)
TEST_SUBJECTS = (8, 9)

# How differently the next person may wear and move the watch: after Um et al. 2017, 'Data augmentation of wearable
# sensor data', section 3. Chosen by leaving out one pair of subjects at a time, the test pair never looked at.
MAX_ROTATION = np.radians(20.0)
MAX_SCALING = 0.2
NOISE = 0.1  # standard deviations

_DATA = Member(
    "seglearn/data/watch_dataset.npy", 18118091, "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
)
_EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "lower trapezius row",
    "ROW": "bent-over row",
}


@dataclass(frozen=True)
class _Strip:
    """Recordings end to end, to cut windows from.

    Attributes:
        signal: float32 [steps of all, 6]: acceleration in g, rotation in rad/s.
        first: where each recording starts, and where the last one ends.
        exercises: class of each recording.
    """

    signal: Floats
    first: NDArray[np.int64]
    exercises: Labels

    @classmethod
    def of(cls, recordings: Recordings) -> _Strip:
        """The recordings in their order."""
        first = np.cumsum([0, *(len(signal) for signal in recordings.signals)])
        return cls(np.concatenate(recordings.signals), first, recordings.classes)

    def starts(self, stride: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where windows start, `stride` apart and none beyond its recording's end, and the recording of each."""
        spans = [
            np.arange(first, end - STEPS + 1, stride) for first, end in zip(self.first, self.first[1:], strict=False)
        ]
        return np.concatenate(spans), np.repeat(np.arange(len(spans)), [len(span) for span in spans])

    def windows(self, starts: NDArray[np.int64]) -> Floats:
        """The windows that start there, float32 [windows, steps, 6]."""
        windows: Floats = self.signal[starts[:, None] + np.arange(STEPS)]
        return windows


def load(files: Mapping[str, bytes]) -> Split:
    """The recordings, split by subject."""
    content = read_object_array(files[_DATA.path], _DATA.path).item()
    if not isinstance(content, dict) or not {"X", "y", "subject", "y_labels"} <= content.keys():
        raise InputError(f"'{_DATA.path}': must hold recordings, exercises and subjects. Found: {type(content)}.")
    recordings = Recordings(
        signals=tuple(np.asarray(signal, np.float32) for signal in content["X"]),
        classes=np.asarray(content["y"]).astype(np.int64),
    )
    subjects = np.asarray(content["subject"]).astype(np.int64)
    validation, test = np.isin(subjects, VALIDATION_SUBJECTS), np.isin(subjects, TEST_SUBJECTS)
    return Split(
        train=recordings.select(~(validation | test)),
        validation=recordings.select(validation),
        test=recordings.select(test),
    )


def prepare(split: Split) -> Dataset:
    """Cut the recordings into windows, standardized with the training split's statistics."""
    train = _Strip.of(split.train)
    mean, deviation = train.signal.mean(axis=0), train.signal.std(axis=0)

    def fixed(strip: _Strip) -> Samples:
        starts, owners = strip.starts(STEPS)
        return Samples((strip.windows(starts) - mean) / deviation, strip.exercises[owners])

    def epoch(random: np.random.Generator) -> Samples:
        starts, owners = train.starts(STRIDE)
        last = train.first[owners + 1] - STEPS
        shifted = np.minimum(starts + random.integers(0, STRIDE, len(starts)), last)
        x = (_vary(train.windows(shifted), random) - mean) / deviation
        return Samples(x + random.normal(0, NOISE, x.shape).astype(np.float32), train.exercises[owners])

    return Dataset(fixed(train), fixed(_Strip.of(split.validation)), fixed(_Strip.of(split.test)), epoch)


def _vary(windows: Floats, random: np.random.Generator) -> Floats:
    """Turn each window's two sensors together about a random axis and make its movements larger or smaller."""
    count = len(windows)
    turns = _rotations(random.normal(size=(count, 3)), random.uniform(-MAX_ROTATION, MAX_ROTATION, count))
    sensors = windows.reshape(count, STEPS, 2, 3)  # accelerometer, gyroscope
    turned: Floats = np.einsum("wtsi,wij->wtsj", sensors, turns).reshape(windows.shape)
    turned *= random.uniform(1 - MAX_SCALING, 1 + MAX_SCALING, (count, 1, 1)).astype(np.float32)
    return turned


def _rotations(axes: NDArray[np.float64], angles: NDArray[np.float64]) -> Floats:
    """Rotation matrices [n, 3, 3] by Rodrigues' formula, R = I + sin(a) K + (1 - cos(a)) K K."""
    x, y, z = (axes / np.linalg.norm(axes, axis=1, keepdims=True)).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    rotations: Floats = (np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)).astype(np.float32)
    return rotations


RECIPE = Recipe(
    name="watch-activity",
    task="which of seven shoulder exercises the wearer of a watch does",
    steps=STEPS,
    features=6,
    classes=tuple(_EXERCISES.values()),
    source=Source(
        package="seglearn",
        version="1.2.5",
        members=(_DATA,),
        licence="BSD-3-Clause",
        origin=(
            "D. M. Burns, N. Leung, M. Hardisty, C. Whyne, P. Henry, S. McLachlin, 'Shoulder physiotherapy exercise "
            "recognition: machine learning the inertial signals from a smartwatch', Physiological Measurement 39 "
            "(2018), arXiv:1802.01489; ten of its twenty subjects, published by its first author inside his package, "
            "without a licence of their own."
        ),
    ),
    load=load,
    prepare=prepare,
    settings=Settings(epochs=30, batch_size=64, learning_rate=1e-2),
)
