"""The log-mel front end: right by its definition, and the same bits whole and in pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgernn.audio import LogMel
from edgernn.errors import InputError


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Noise at a tenth of full scale."""
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def test_a_second_is_49_frames_of_20_bands() -> None:
    """At 16 kHz, with windows of 40 ms every 20 ms."""
    front_end = LogMel()
    assert front_end.frames(noise(16000)).shape == (49, 20)
    assert front_end.frames(noise(639)).shape == (0, 20)
    assert front_end.frames_per_second == 50


def test_a_sine_is_in_its_band_with_its_power() -> None:
    """Three bins of a sine share its mean power; silence is the floor."""
    front_end = LogMel()
    seconds = np.arange(16000) / 16000
    loud = front_end.frames(np.sin(2 * np.pi * 1000 * seconds))
    centres = front_end.filters.argmax(axis=1) * 16000 / 640
    assert abs(centres[loud[0].argmax()] - 1000) < 100
    half = front_end.frames(0.5 * np.sin(2 * np.pi * 1000 * seconds))
    np.testing.assert_allclose((loud - half).max(axis=1), np.log(4), atol=1e-3)
    assert np.exp(loud[0]).sum() == pytest.approx(0.5, rel=0.05)  # triangles that overlap by half add up to one
    np.testing.assert_allclose(front_end.frames(np.zeros(1000)), np.log(1e-7), rtol=1e-6)


def test_it_is_the_textbook_formula() -> None:
    """Written the other way: a discrete Fourier transform as a matrix, a band at a time."""
    front_end, signal = LogMel(bands=12), noise(4000)
    spread = np.exp(-2j * np.pi * np.outer(np.arange(321), np.arange(640)) / 640)
    hann = np.hanning(641)[:640]
    for number, frame in enumerate(front_end.frames(signal)):
        piece = signal[320 * number : 320 * number + 640] * hann
        power = 2 * np.abs(spread @ piece) ** 2 / (640 * np.sum(hann**2))
        wanted = [np.log(np.sum(power * band) + 1e-7) for band in front_end.filters]
        np.testing.assert_allclose(frame, wanted, rtol=1e-5)


@given(cuts=st.lists(st.integers(0, 5000), max_size=12), seed=st.integers(0, 9))
def test_pieces_of_any_length_give_the_same_bits(cuts: list[int], seed: int) -> None:
    """A stream's frames are the whole signal's, and after a reset again."""
    front_end, signal = LogMel(), noise(5000, seed)
    stream = front_end.stream()
    for _ in range(2):
        pieces = np.split(signal, sorted(cuts))
        found = list(stream.run(pieces))
        assert np.stack(found).tobytes() == front_end.frames(signal).tobytes()
        stream.reset()


@pytest.mark.parametrize("wrong", [{"hop": 0}, {"hop": 641}, {"highest": 9000.0}, {"bands": 400}])
def test_fields_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    """With what would fit."""
    with pytest.raises(InputError, match="front end: "):
        LogMel(**wrong)  # type: ignore[arg-type]
