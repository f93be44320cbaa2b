"""The logarithm of the energy in bands that are equally wide to the ear, for a whole signal and for a stream.

Both faces compute a frame by the same operations in the same order, so their frames are the same bits: what a model was
trained on is what it hears later. NumPy alone, in double precision, so that versions of it do not differ either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LogMel:
    """Log-mel features, as keyword spotters use them.

    A frame is the logarithm of the mean power in each band of a Hann window. Bands are triangles that overlap by half
    on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy 1987; HTK book, section 5.4). Nothing is learned from the
    signal and nothing looks ahead.

    Attributes:
        rate: samples per second.
        window: samples in a frame.
        hop: samples from one frame to the next.
        bands: features in a frame.
        lowest: hertz, where the first band begins.
        highest: hertz, where the last band ends; at most half the rate.
        floor: power that is added to every band's, so that silence has a logarithm; a full-scale sine has 1/2.
    """

    rate: int = 16000
    window: int = 640
    hop: int = 320
    bands: int = 20
    lowest: float = 60.0
    highest: float = 7600.0
    floor: float = 1e-7

    def __post_init__(self) -> None:
        """Check the fields against each other.

        Raises:
            InputError: a hop beyond the window, bands beyond half the rate, or a band without a frequency in it.
        """
        if not 0 < self.hop <= self.window:
            raise InputError(f"front end: the hop must be 1 to {self.window} samples. Found: {self.hop}.")
        if not 0 <= self.lowest < self.highest <= self.rate / 2:
            raise InputError(
                f"front end: bands must lie between 0 and {self.rate / 2:g} Hz. Found: {self.lowest:g} to "
                f"{self.highest:g}."
            )
        if not self.filters.any(axis=1).all():
            raise InputError(
                f"front end: every band must hold a frequency of the window. Found: {self.bands} bands of a window of "
                f"{self.window} samples.",
                hint="choose fewer bands or a longer window.",
            )

    @property
    def frames_per_second(self) -> float:
        """The rate of frames."""
        return self.rate / self.hop

    @cached_property
    def filters(self) -> NDArray[np.float64]:
        """Weights of the spectrum in each band, [bands, window // 2 + 1]."""
        ends = [2595 * np.log10(1 + hertz / 700) for hertz in (self.lowest, self.highest)]
        mel = np.linspace(ends[0], ends[1], self.bands + 2)
        low, peak, high = (700 * (10 ** (mel[start : start + self.bands, None] / 2595) - 1) for start in range(3))
        hertz = np.fft.rfftfreq(self.window, 1 / self.rate)
        rise, fall = (hertz - low) / (peak - low), (high - hertz) / (high - peak)
        weights: NDArray[np.float64] = np.maximum(0, np.minimum(rise, fall))
        return weights

    @cached_property
    def taper(self) -> NDArray[np.float64]:
        """The periodic Hann window, scaled so that the powers of a sine's bins add up to its mean power."""
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        taper: NDArray[np.float64] = hann * np.sqrt(2 / (self.window * np.square(hann).sum()))
        return taper

    def frames(self, signal: NDArray[np.floating]) -> Floats:
        """All frames of a signal.

        Args:
            signal: `[samples]`, between -1 and 1.

        Returns:
            float32 `[frames, bands]`; none of a signal shorter than the window.
        """
        if len(signal) < self.window:
            return np.zeros((0, self.bands), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(signal, self.window)[:: self.hop]
        spectrum = np.fft.rfft(windows * self.taper)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        # One product per frame: of a product of them all, the order of the sums depends on how many there are.
        return np.stack([np.log(self.filters @ row + self.floor) for row in power]).astype(np.float32)

    def stream(self) -> LogMelStream:
        """The same frames from samples as they come."""
        return LogMelStream(self)


class LogMelStream:
    """A log-mel front end in a stream: samples in, in pieces of any length, and frames out."""

    def __init__(self, front_end: LogMel) -> None:
        """Begin with silence behind it."""
        self.front_end = front_end
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._kept: NDArray[np.floating] = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.floating]) -> Floats:
        """The frames that these samples complete, float32 `[frames, bands]`, often none."""
        kept = np.concatenate([self._kept, samples])
        frames = self.front_end.frames(kept)
        self._kept = kept[len(frames) * self.front_end.hop :]
        return frames

    def run(self, pieces: Iterable[NDArray[np.floating]]) -> Iterator[Floats]:
        """The frames of many pieces, one by one, float32 `[bands]`."""
        for piece in pieces:
            yield from self.push(piece)
