"""The model, and the few lines that make detections of its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.keyword_spotting.scenes import FRAMES, FRONT_END, STRIDE, Heard
from examples.keyword_spotting.speech import RATE
from examples.keyword_spotting.words import CLASSES

Floats = NDArray[np.float32]
UNITS, FILTERS, KERNEL, DROPOUT = 64, 32, 5, 0.2
EPOCHS, BATCH, LEARNING_RATE = 24, 64, 4e-3
SECONDS_PER_ANSWER = STRIDE * FRONT_END.hop / RATE


def build(keras: Any, x: Floats) -> Any:
    """A causal convolution with a stride, a GRU, and the probability of each class at every answer."""
    entry = keras.Input((FRAMES, FRONT_END.bands), name="x")
    scale = keras.layers.Normalization(axis=None, name="scale")
    scale.adapt(x)
    layers = keras.layers
    flow = scale(entry)
    flow = layers.Conv1D(FILTERS, KERNEL, strides=STRIDE, padding="causal", activation="relu", name="conv")(flow)
    flow = layers.Dropout(DROPOUT, name="dropout_1")(flow)
    flow = layers.GRU(UNITS, return_sequences=True, name="gru")(flow)
    flow = layers.Dropout(DROPOUT, name="dropout_2")(flow)
    flow = layers.Dense(len(CLASSES), activation="softmax", name="probabilities")(flow)
    return keras.Model(entry, flow, name="keyword_spotter")


def fit(keras: Any, model: Any, x: Floats, y: NDArray[np.int64], seed: int, on_epoch: Callable[[float], None]) -> None:
    """Train in place; the learning rate falls to zero along half a cosine."""
    random = np.random.default_rng(seed)
    batches = len(x) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * batches)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=True)
    for _ in range(EPOCHS):
        model.reset_metrics()
        for batch in random.permutation(len(x))[: batches * BATCH].reshape(batches, BATCH):
            loss = float(model.train_on_batch(x[batch], y[batch]))
        on_epoch(loss)


@dataclass(frozen=True)
class Detection:
    """A keyword that was detected, and the seconds of sound that had been heard by then."""

    label: int
    seconds: float


@dataclass
class Detector:
    """Detects a keyword when the mean of its last probabilities passes a threshold, and then holds its breath.

    Attributes:
        threshold: of the mean.
        answers: in the mean.
        pause: seconds after a detection in which there is no other.
    """

    threshold: float
    answers: int = 3
    pause: float = 0.5

    def detect(self, probabilities: Floats) -> list[Detection]:
        """The detections in a stream's answers, [answers, classes]."""
        padded = np.concatenate([np.zeros((self.answers - 1, probabilities.shape[1]), np.float32), probabilities])
        means = np.stack(
            [padded[start : len(padded) - self.answers + 1 + start] for start in range(self.answers)]
        ).mean(0)
        found: list[Detection] = []
        for number in np.flatnonzero(means[:, 1:].max(axis=1) >= self.threshold):
            seconds = float(number * SECONDS_PER_ANSWER + FRONT_END.window / RATE)
            if not found or seconds - found[-1].seconds >= self.pause:
                found.append(Detection(int(means[number, 1:].argmax()) + 1, seconds))
        return found


@dataclass(frozen=True)
class Judgement:
    """How well a stream was understood.

    Attributes:
        keywords: that were said.
        hits: of these, detected between their beginning and 0.7 s after their end.
        wrong: detections at another keyword's time.
        false: detections where no keyword was.
        hours: of the stream.
        mistaken: texts of the words that were taken for a keyword, the most frequent first.
        latencies: seconds of sound from the end of a word to its detection, one for each hit; below zero if the
            word was known before it ended.
    """

    keywords: int
    hits: int
    wrong: int
    false: int
    hours: float
    mistaken: tuple[str, ...]
    latencies: tuple[float, ...]

    @property
    def hit_rate(self) -> float:
        """Hits per keyword."""
        return self.hits / max(1, self.keywords)

    @property
    def false_per_hour(self) -> float:
        """False accepts per hour."""
        return self.false / self.hours


def judge(found: list[Detection], words: tuple[Heard, ...], hours: float) -> Judgement:
    """Compare detections with what was said."""
    left, latencies, wrong, false = list(found), [], 0, 0
    said = [word for word in words if word.label]
    for word in said:
        near = [each for each in left if word.begin <= each.seconds <= word.end + 0.7]
        right = [each for each in near if each.label == word.label]
        if right:
            latencies.append(right[0].seconds - word.end)
        wrong += len(near) - len(right)
        left = [each for each in left if each not in near]
    false = len(left)
    near_what = Counter(
        word.text for each in left for word in words if word.begin <= each.seconds <= word.end + 0.7 and not word.label
    )
    mistaken = tuple(text for text, _ in near_what.most_common())
    return Judgement(len(said), len(latencies), wrong, false, hours, mistaken, tuple(latencies))
