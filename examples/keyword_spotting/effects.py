"""What makes the same word sound another way: speed, rooms and noise for sound; microphones and masks for features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from examples.keyword_spotting.speech import LOUDNESS, RATE

Floats = NDArray[np.float32]


def noise(samples: int, random: np.random.Generator) -> Floats:
    """Noise whose power falls with the frequency by a power between 0 and 2, 10 to 40 dB below a word."""
    length = _fast(samples)
    spectrum = np.fft.rfft(random.standard_normal(length, np.float32))
    spectrum *= np.arange(1, len(spectrum) + 1, dtype=np.float32) ** -random.uniform(0, 1)
    sound = np.fft.irfft(spectrum, length)[:samples]
    return loud(sound, LOUDNESS * 10 ** (-random.uniform(10, 40) / 20))


def spoken_otherwise(samples: Floats, random: np.random.Generator) -> Floats:
    """A word slower or faster, and so lower or higher, and with another balance of treble."""
    count = int(len(samples) * random.uniform(0.88, 1.17))
    changed = np.interp(np.linspace(0, len(samples) - 1, count), np.arange(len(samples)), samples)
    changed[1:] += random.uniform(-0.4, 0.4) * changed[:-1]
    return loud(changed, LOUDNESS)


def in_a_room(sound: Floats, random: np.random.Generator) -> Floats:
    """With reverberation: noise that fades by 60 dB within 0.1 to 0.5 s, 3 to 20 dB below the sound itself."""
    seconds = random.uniform(0.1, 0.5)
    time = np.arange(int(seconds * RATE)) / RATE
    echo = random.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    echo *= 10 ** (-random.uniform(3, 20) / 20) / np.sqrt(np.sum(np.square(echo)))
    echo[0] = 1
    length = _fast(len(sound) + len(echo))
    mixed = np.fft.irfft(np.fft.rfft(sound, length) * np.fft.rfft(echo, length), length)[: len(sound)]
    return mixed.astype(np.float32)


def microphones(x: Floats, random: np.random.Generator) -> Floats:
    """Each window as by a microphone of its own: louder or softer, and with a tilt and a bend of its spectrum.

    Args:
        x: log-mel features, [windows, frames, bands]; the logarithm makes a filter a sum.
        random: draws the microphones, with a standard deviation of 2 dB for each of the three.
    """
    band = np.linspace(-1, 1, x.shape[2])
    shapes = np.stack([np.ones_like(band), band, np.cos(3 * band * random.random() + 6 * random.random())])
    curves = random.normal(0, 0.46, (len(x), 3)) @ shapes
    heard: Floats = x + curves[:, None].astype(np.float32)
    return heard


def masked(x: Floats, random: np.random.Generator) -> Floats:
    """With up to three bands, and frames, of a quarter of the windows hidden (SpecAugment, Park et al. 2019)."""
    x, fill = x.copy(), x.mean()
    for window in x:
        for axis in (0, 1):
            if random.random() < 0.25:
                start = int(random.integers(window.shape[axis] - 3))
                np.moveaxis(window, axis, 0)[start : start + int(random.integers(1, 4))] = fill
    return x


def loud(sound: NDArray[np.floating], level: float) -> Floats:
    """In another loudness, as a root mean square."""
    scaled: Floats = (sound * (level / np.sqrt(np.mean(np.square(sound))))).astype(np.float32)
    return scaled


def _fast(samples: int) -> int:
    """The next power of two, since the transform of a length with a large prime factor takes many times longer."""
    return 1 << (samples - 1).bit_length()
