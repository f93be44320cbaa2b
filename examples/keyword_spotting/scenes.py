"""Speech with pauses in noise, and what was said when: to learn from in windows, to be judged on in one long stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgernn.audio import LogMel
from examples.keyword_spotting.speech import LOUDNESS, RATE

Floats = NDArray[np.float32]

FRONT_END = LogMel()
STRIDE = 2  # of the model's convolution: an answer every 40 ms
FRAMES = 148  # a window of three seconds
ANSWERS = FRAMES // STRIDE

# A word is to be known from its end until 0.4 s after it: time to be sure that it does not go on, as in "upset".
EARLY, LATE = 0.0, 0.4


@dataclass(frozen=True)
class Clip:
    """One word, as samples, its class, 0 for a word that is none of the keywords, and its text."""

    samples: Floats
    label: int
    text: str


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


def noise(samples: int, random: np.random.Generator) -> Floats:
    """Noise whose power falls with the frequency by a power between 0 and 2, 10 to 40 dB below a word."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    spectrum *= np.arange(1, len(spectrum) + 1) ** -random.uniform(0, 1)
    sound = np.fft.irfft(spectrum, samples)
    level = LOUDNESS * 10 ** (-random.uniform(10, 40) / 20)
    scaled: Floats = (sound * level / np.sqrt(np.mean(np.square(sound)))).astype(np.float32)
    return scaled


def varied(clip: Clip, random: np.random.Generator) -> Clip:
    """The clip as by another throat and another microphone: faster or slower, and with another balance of treble."""
    count = int(len(clip.samples) * random.uniform(0.9, 1.15))
    samples = np.interp(np.linspace(0, len(clip.samples) - 1, count), np.arange(len(clip.samples)), clip.samples)
    samples[1:] += random.uniform(-0.4, 0.4) * samples[:-1]
    samples *= LOUDNESS / np.sqrt(np.mean(np.square(samples)))
    return Clip(samples.astype(np.float32), clip.label, clip.text)


def scene(clips: Sequence[Clip], pauses: Sequence[float], random: np.random.Generator) -> Scene:
    """The clips one after the other, each after a pause of so many seconds and in a loudness of its own, in noise."""
    pieces, words, place = [], [], 0
    for clip, pause in zip(clips, pauses, strict=True):
        silence = int(pause * RATE)
        loud = np.float32(10 ** (random.uniform(-8, 6) / 20))
        pieces += [np.zeros(silence, np.float32), loud * clip.samples]
        place += silence
        words.append(Heard(clip.label, clip.text, place / RATE, (place + len(clip.samples)) / RATE))
        place += len(clip.samples)
    pieces.append(np.zeros(RATE, np.float32))
    sound = np.concatenate(pieces)
    minute = 60 * RATE
    starts = range(0, len(sound), minute)  # noise changes every minute
    sound += np.concatenate([noise(len(sound[start : start + minute]), random) for start in starts])
    return Scene(np.clip(sound, -1, 1), tuple(words))


def windows(
    keywords: Sequence[Clip], others: Sequence[Clip], count: int, seed: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Windows to learn from: x [count, frames, bands] and the class at each answer, [count, answers].

    Half of the words are keywords. A window begins anywhere, also within a word.
    """
    random = np.random.default_rng(seed)
    length = FRONT_END.window + (FRAMES - 1) * FRONT_END.hop
    x = np.empty((count, FRAMES, FRONT_END.bands), np.float32)
    y = np.zeros((count, ANSWERS), np.int64)
    for number in range(count):
        kinds = random.random(4) < 0.5
        chosen = [_one_of(keywords if known else others, random) for known in kinds]
        chosen = [varied(clip, random) for clip in chosen]
        made = scene(chosen, list(random.uniform(0.1, 1.0, len(chosen))), random)
        start = int(random.integers(0, max(1, len(made.sound) - length)))
        piece = made.sound[start : start + length]
        piece = np.pad(piece, (0, length - len(piece)))
        x[number] = FRONT_END.frames(piece)
        for word in made.words:
            if word.label:
                y[number, slice(*_span(word, start / RATE))] = word.label
    return x, y


def _one_of(clips: Sequence[Clip], random: np.random.Generator) -> Clip:
    return clips[int(random.integers(len(clips)))]


def _span(word: Heard, start: float) -> tuple[int, int]:
    """The answers of a window at which a word is to be known; an answer knows of the sound up to its frame's end."""
    heard = (np.arange(ANSWERS) * STRIDE * FRONT_END.hop + FRONT_END.window) / RATE + start
    first, last = np.searchsorted(heard, (word.end - EARLY, word.end + LATE))
    return int(first), int(last)


def pieces(sound: Floats) -> Iterator[Floats]:
    """As a microphone gives it, 20 ms at a time."""
    for start in range(0, len(sound), FRONT_END.hop):
        yield sound[start : start + FRONT_END.hop]
