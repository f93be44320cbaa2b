"""Speech with pauses in noise, and what was said when: to learn from in windows, to be judged on in one long stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgernn.audio import LogMel
from examples.keyword_spotting.effects import in_a_room, noise, spoken_otherwise
from examples.keyword_spotting.speech import RATE

Floats = NDArray[np.float32]

FRONT_END = LogMel()
STRIDE = 2  # of the model's convolution: an answer every 40 ms
FRAMES = 148  # a window of three seconds
ANSWERS = FRAMES // STRIDE

WORDS = 4  # from which a window is cut

# A word is to be known from SURE to LATE seconds after its end: at its end itself, "go" may still become "gown".
SURE, LATE = 0.08, 0.4


@dataclass(frozen=True)
class Clip:
    """One word, as samples, its class, 0 for a word that is none of the keywords, and its text."""

    samples: Floats
    label: int
    text: str


@dataclass(frozen=True)
class Kind:
    """Clips that are drawn alike, and how large their share in the windows' words is."""

    clips: Sequence[Clip]
    share: float


@dataclass(frozen=True)
class Heard:
    """A word in a stream: its class and text, and the seconds where it begins and ends."""

    label: int
    text: str
    begin: float
    end: float


@dataclass(frozen=True)
class Scene:
    """Sound, float32 [samples], and the words in it."""

    sound: Floats
    words: tuple[Heard, ...]


def scene(clips: Sequence[Clip], pauses: Sequence[float], random: np.random.Generator) -> Scene:
    """The clips one after the other, each after a pause of so many seconds and in a loudness of its own, in noise."""
    silent = row(clips, pauses, random)
    minute = 60 * RATE
    starts = range(0, len(silent.sound), minute)  # noise changes every minute
    hiss = np.concatenate([noise(len(silent.sound[start : start + minute]), random) for start in starts])
    return Scene(np.clip(silent.sound + hiss, -1, 1), silent.words)


def row(clips: Sequence[Clip], pauses: Sequence[float], random: np.random.Generator) -> Scene:
    """The same without noise."""
    pieces, words, place = [], [], 0
    for clip, pause in zip(clips, pauses, strict=True):
        silence = int(pause * RATE)
        gain = np.float32(10 ** (random.uniform(-8, 6) / 20))
        pieces += [np.zeros(silence, np.float32), gain * clip.samples]
        place += silence
        words.append(Heard(clip.label, clip.text, place / RATE, (place + len(clip.samples)) / RATE))
        place += len(clip.samples)
    pieces.append(np.zeros(RATE, np.float32))
    return Scene(np.concatenate(pieces), tuple(words))


def windows(kinds: Sequence[Kind], count: int, seed: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Windows to learn from, cut out of streams: each begins anywhere, also within a word.

    Returns:
        x: features, [count, frames, bands].
        y: the class at each answer, [count, answers].
        weight: of each answer in the loss, [count, answers]; 0 where a word has ended but may go on.
    """
    random = np.random.default_rng(seed)
    length = FRONT_END.window + (FRAMES - 1) * FRONT_END.hop
    x = np.empty((count, FRAMES, FRONT_END.bands), np.float32)
    y = np.zeros((count, ANSWERS), np.int64)
    weight = np.ones((count, ANSWERS), np.float32)
    shares = [kind.share for kind in kinds]
    for number in range(count):
        chosen = [kinds[kind].clips for kind in random.choice(len(kinds), WORDS, p=shares)]
        clips = [_otherwise(each[int(random.integers(len(each)))], random) for each in chosen]
        # One word in five follows the one before it without a pause, as in fluent speech.
        pauses = [random.uniform(0.1, 1.0) if random.random() < 0.8 else random.uniform(0.02, 0.1) for _ in clips]
        made = row(clips, pauses, random)
        start = int(random.integers(0, max(1, len(made.sound) - length)))
        sound = made.sound[start : start + length]
        sound = np.pad(sound, (0, length - len(sound)))
        if random.random() < 0.25:
            sound = in_a_room(sound, random)
        x[number] = FRONT_END.frames(np.clip(sound + noise(length, random), -1, 1))
        for word in made.words:
            if word.label:
                first, sure, last = _span(word, start / RATE)
                y[number, first:last] = word.label
                weight[number, first:sure] = 0
    return x, y, weight


def _otherwise(clip: Clip, random: np.random.Generator) -> Clip:
    return Clip(spoken_otherwise(clip.samples, random), clip.label, clip.text)


def _span(word: Heard, start: float) -> tuple[int, int, int]:
    """The answers of a window from which on a word may be known, must be, and need not be any more."""
    # An answer knows of the sound up to its frame's end.
    heard = (np.arange(ANSWERS) * STRIDE * FRONT_END.hop + FRONT_END.window) / RATE + start
    first, sure, last = np.searchsorted(heard, (word.end, word.end + SURE, word.end + LATE))
    return int(first), int(sure), int(last)
