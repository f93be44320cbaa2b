"""Frames of a stream, one by one, from a file or from standard input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgernn.audio import LogMel
from edgernn.devices.host.session import Array
from edgernn.errors import InputError

_KINDS = "a .csv, .npy or .wav file, or - for lines on standard input"


def read_frames(source: str, width: int, standard_input: IO[str], front_end: LogMel | None = None) -> Iterator[Any]:
    """The frames of a source, each as a session's `step` takes it.

    A .csv holds a frame per line, its numbers separated by commas, after an optional line of names. Lines on standard
    input are the same, or JSON: an array, or an object of arrays by input. A .npy holds `[frames, features]`. A .wav
    holds samples between -1 and 1, of which each frame takes the next `width`, or the front end as many as it needs;
    its channels are averaged.

    Args:
        source: path, or ``-``.
        width: numbers in a frame.
        standard_input: what ``-`` stands for.
        front_end: makes the frames of a .wav.

    Raises:
        InputError: no such file, something in it that is no frame (it names the line), or a front end that does not
            fit.
    """
    path = Path(source)
    if front_end is not None and path.suffix.lower() != ".wav":
        raise InputError(
            f"input '{source}': must be a .wav file for a front end. Found: '{path.suffix or source}'.",
            hint="leave --front-end out if these are frames already.",
        )
    if source == "-":
        return _lines("standard input", standard_input)
    if not path.is_file():
        raise InputError(f"input '{source}': must be {_KINDS}. Found: no such file.", hint="give another --input.")
    match path.suffix.lower():
        case ".csv":
            return _csv(path)
        case ".npy":
            return iter(_npy(path))
        case ".wav":
            return iter(_wav(path, width) if front_end is None else _features(path, width, front_end))
        case other:
            raise InputError(
                f"input '{source}': must be {_KINDS}. Found: '{other}'.", hint="convert it to one of these."
            )


def _csv(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as lines:
        yield from _lines(f"input '{path}'", lines)


def _lines(where: str, lines: Iterable[str]) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            yield json.loads(text) if text[0] in "[{" else np.array([float(word) for word in text.split(",")], "f4")
        except ValueError as error:
            if number == 1:
                continue  # names of the columns
            raise InputError(
                f"{where}, line {number}: must be numbers separated by commas, or JSON. Found: '{text[:60]}'.",
                hint="a frame is a line, such as 0.1,-2,3.5",
            ) from error


def _npy(path: Path) -> Array:
    try:
        frames: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"input '{path}': must be an array of numbers. Found: {error}.", hint="save it anew."
        ) from error
    if frames.ndim < 1 or frames.dtype.kind not in "fiub":
        raise InputError(f"input '{path}': must be [frames, features]. Found: {frames.dtype}{list(frames.shape)}.")
    return frames


def _wav(path: Path, width: int) -> Array:
    samples = read_wav(path)[0]
    return samples[: len(samples) // width * width].reshape(-1, width)


def _features(path: Path, width: int, front_end: LogMel) -> Iterator[Array]:
    """As they would come from a microphone: a hop of samples at a time."""
    if width != front_end.bands:
        raise InputError(f"front end: must give {width} features, as the model takes. Found: {front_end.bands}.")
    samples, rate = read_wav(path)
    if rate != front_end.rate:
        raise InputError(
            f"input '{path}': must have {front_end.rate} samples per second. Found: {rate}.",
            hint=f"ffmpeg -i {path} -ar {front_end.rate} OUTPUT.wav makes such a file.",
        )
    pieces = (samples[start : start + front_end.hop] for start in range(0, len(samples), front_end.hop))
    return front_end.stream().run(pieces)


def read_wav(path: str | Path) -> tuple[Array, int]:
    """The samples of an uncompressed WAV file, float32 between -1 and 1, channels averaged, and their rate in hertz.

    Raises:
        InputError: it is none, or compressed.
    """
    import wave

    try:
        with wave.open(str(path), "rb") as file:
            size, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise InputError(
            f"input '{path}': must be an uncompressed WAV file. Found: {error or 'a damaged one'}.",
            hint="ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav makes one.",
        ) from error
    data = np.frombuffer(content[: len(content) // (size * channels) * size * channels], np.uint8).reshape(-1, size)
    if size == 1:
        samples = (data[:, 0].astype("f4") - 128) / 128
    else:
        wide = np.zeros((len(data), 4), np.uint8)
        wide[:, 4 - size :] = data  # little-endian, the sign in the highest byte
        samples = (wide.view("<i4")[:, 0] / 2.0**31).astype("f4")
    return samples.reshape(-1, channels).mean(axis=1), rate
