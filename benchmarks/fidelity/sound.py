"""Ten words as synthetic voices say them, in raw log-mel features with `Normalization` as the first layer."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from benchmarks.fidelity.task import Array, Data, Examples, Plan, Task, normalization
from edgernn.audio import LogMel
from examples.keyword_spotting import speech
from examples.keyword_spotting.effects import noise, spoken_otherwise
from examples.keyword_spotting.words import KEYWORDS

FRONT_END = LogMel()
SECOND = FRONT_END.rate


def _features(sound: Array, random: np.random.Generator) -> Array:
    """A second of sound in which the word lies anywhere, in a loudness of its own and in noise."""
    sound = spoken_otherwise(sound, random)[:SECOND] * np.float32(10 ** (random.uniform(-12, 8) / 20))
    before = int(random.integers(0, SECOND - len(sound) + 1))
    placed = np.pad(sound, (before, SECOND - len(sound) - before))
    return FRONT_END.frames(np.clip(placed + noise(SECOND, random), -1, 1))


def _said(voices: tuple[str, ...], each: int, versions: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    wanted = speech.utterances(KEYWORDS, voices, each, random)
    clips = speech.speak(wanted)
    rows = [(_features(clip, random), KEYWORDS.index(said.word))
            for said, clip in zip(wanted, clips, strict=True) for _ in range(versions)]  # fmt: skip
    return Examples.of(np.stack([x for x, _ in rows]), np.array([word for _, word in rows], np.int64))


@cache
def _load() -> Data:
    train, test = _said(speech.TRAIN, 2, 3, 1), _said(speech.TEST, 3, 1, 2)
    return Data(train.shuffled(0), test, float(np.bincount(test.y).max() / test.count))


def _build(keras: Any, cell: Any, train: Examples) -> Any:
    x = keras.Input(train.x["x"].shape[1:], name="x")
    hidden = cell(48)(normalization(keras, train)(x))
    return keras.Model(x, keras.layers.Dense(len(KEYWORDS), activation="softmax")(hidden))


TASKS = (
    Task(
        "keywords",
        "which of ten words a voice says that was not heard in training, from raw log-mel features",
        *("accuracy", 0.5, _load, _build, Plan(15, 4e-3), ()),
        made="eSpeak NG 1.51, synthetic speech, without a licence on what it says",
    ),
)
