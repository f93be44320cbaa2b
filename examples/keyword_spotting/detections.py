"""What a spotter's answers mean: detections, and how good they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.keyword_spotting.scenes import FRONT_END, STRIDE, Heard
from examples.keyword_spotting.speech import RATE

Floats = NDArray[np.float32]
SECONDS_PER_ANSWER = STRIDE * FRONT_END.hop / RATE


@dataclass(frozen=True)
class Detection:
    """A keyword that was detected, and the seconds of sound that had been heard by then."""

    label: int
    seconds: float


@dataclass(frozen=True)
class Detector:
    """Detects a keyword when the mean of its last probabilities passes a threshold; then it must be let go first.

    Attributes:
        threshold: of the mean.
        answers: in the mean.
        release: share of the threshold below which the mean of every keyword must fall before the next detection.
        pause: seconds after a detection in which there is no other in any case.
    """

    threshold: float
    answers: int = 3
    release: float = 0.5
    pause: float = 0.4

    def detect(self, probabilities: Floats) -> list[Detection]:
        """The detections in a stream's answers, [answers, classes]."""
        padded = np.pad(probabilities[:, 1:], ((self.answers - 1, 0), (0, 0)))
        means = np.lib.stride_tricks.sliding_window_view(padded, self.answers, axis=0).mean(axis=-1)
        found: list[Detection] = []
        ready = True
        for number, (label, best) in enumerate(zip(means.argmax(axis=1) + 1, means.max(axis=1), strict=True)):
            seconds = number * SECONDS_PER_ANSWER + FRONT_END.window / RATE
            ready = ready or best < self.release * self.threshold
            if ready and best >= self.threshold and not (found and seconds < found[-1].seconds + self.pause):
                found.append(Detection(int(label), seconds))
                ready = False
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
