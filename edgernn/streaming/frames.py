"""Frames of a stream, one by one, from a file or from standard input."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgernn.audio import LogMel
from edgernn.audio.wav import read_wav
from edgernn.devices.host.session import Array
from edgernn.errors import InputError
from edgernn.sources.tables import is_number

_KINDS = "a .csv, .npy or .wav file, or - for lines on standard input"
_KEEP = "surrogateescape"  # bytes that are no UTF-8 stay recognizable, and their line can be named


class Frames:
    """Frames from somewhere, one by one.

    Attributes:
        where: what the last frame was read from, to begin a message with: a file, or a line of it.
    """

    def __init__(self, frames: Iterator[tuple[str, Any]], where: str, why_none: str) -> None:
        """Take pairs of a place and a frame.

        Args:
            frames: the pairs.
            where: what they are read from as a whole.
            why_none: what to do if there are none.
        """
        self._frames, self.where, self._why_none = frames, where, why_none
        self._any = False

    def __iter__(self) -> Frames:
        """Itself."""
        return self

    def __next__(self) -> Any:
        """The next frame.

        Raises:
            InputError: there is none at all, or something that is no frame.
        """
        try:
            self.where, frame = next(self._frames)
        except StopIteration:
            if not self._any:
                message = f"{self.where}: must hold at least one frame. Found: none."
                raise InputError(message, hint=self._why_none) from None
            raise
        self._any = True
        return frame


def read_frames(source: str, width: int, standard_input: IO[str], front_end: LogMel | None = None) -> Frames:
    """The frames of a source, each as a session's `step` takes it.

    A .csv holds a frame per line, its numbers separated by commas. Its first line may hold names, none of which is a
    number. Lines on standard input are the same, or JSON: an array, or an object of arrays by input. Both are UTF-8. A
    .npy holds `[frames, features]`. A .wav holds samples between -1 and 1, of which each frame takes the next `width`,
    or the front end as many as it needs; its channels are averaged.

    Args:
        source: path, or ``-``.
        width: numbers in a frame.
        standard_input: what ``-`` stands for.
        front_end: makes the frames of a .wav.

    Raises:
        InputError: no such file, something in it that is no frame (it names the line), no frame at all, or a front end
            that does not fit.
    """
    path, where = Path(source), f"input '{source}'"
    if front_end is not None and path.suffix.lower() != ".wav":
        raise InputError(
            f"{where}: must be a .wav file for a front end. Found: '{path.suffix or source}'.",
            hint="leave --front-end out if these are frames already.",
        )
    a_line = "give a frame per line, such as 0.1,-2,3.5"
    if source == "-":
        if isinstance(standard_input, TextIOWrapper):
            standard_input.reconfigure(encoding="utf-8-sig", errors=_KEEP)
        return Frames(_lines("standard input", standard_input), "standard input", a_line)
    if not path.is_file():
        raise InputError(f"{where}: must be {_KINDS}. Found: no such file.", hint="give another --input.")
    match path.suffix.lower():
        case ".csv":
            return Frames(_csv(path, where), where, a_line)
        case ".npy":
            return Frames(((where, frame) for frame in _npy(path)), where, "save an array [frames, features].")
        case ".wav":
            frames, samples = _wav(path, width) if front_end is None else _features(path, width, front_end)
            hint = f"record more: a frame takes {samples} samples."
            return Frames(((where, frame) for frame in frames), where, hint)
        case other:
            raise InputError(f"{where}: must be {_KINDS}. Found: '{other}'.", hint="convert it to one of these.")


def _csv(path: Path, where: str) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig", errors=_KEEP) as lines:
        yield from _lines(where, lines)


def _lines(where: str, lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    first = True
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip() if first else line.strip()
        if not text:
            continue
        place = f"{where}, line {number}"
        if not (first and _is_header(text)):
            yield place, _parsed(text, place)
        first = False


def _is_header(text: str) -> bool:
    """Whether a first line holds names of columns: it is no JSON, and holds no number, whatever separates them."""
    if text[0] in "[{" or not _is_text(text):
        return False
    return not any(is_number(word) for word in re.split(r"[,;\t]", text)) and not _is_row(text.split())


def _parsed(text: str, place: str) -> Any:
    """The frame in a line.

    Raises:
        InputError: there is none in it.
    """
    found = f"'{text[:60]}'"
    if not _is_text(text):
        rule, found, hint = "text in UTF-8", "other bytes", "save it as UTF-8."
    elif text[0] in "[{":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            rule, hint = "numbers separated by commas, or JSON", "a line of JSON is an array or an object, all of it."
    else:
        try:
            return np.array([float(word) for word in text.split(",")])
        except ValueError:
            rule, hint = "numbers separated by commas, or JSON", _mending(text)
    raise InputError(f"{place}: must be {rule}. Found: {found}.", hint=hint)


def _mending(text: str) -> str:
    words = text.split(",")
    if not words[-1].strip() and _is_row(words[:-1]):
        return "leave out the comma at the end of the line."
    if ";" in text or _is_row(text.split()):
        return "put commas between the numbers, and points in them: 0.1,-2,3.5"
    return "a frame is a line, such as 0.1,-2,3.5; only the first line may be names instead, none of them a number."


def _is_row(words: Sequence[str]) -> bool:
    return all(is_number(word) for word in words)


def _is_text(text: str) -> bool:
    """Whether all bytes of a line were UTF-8, and none of them 0."""
    return "\0" not in text and not any("\udc80" <= character <= "\udcff" for character in text)


def _npy(path: Path) -> Array:
    hint = "save an array [frames, features] with numpy.save."
    try:
        frames = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy, zipfile and tokenize have no common class of errors
        raise InputError(f"input '{path}': must be an array of numbers. Found: {error}.", hint=hint) from error
    if not isinstance(frames, np.ndarray):
        raise InputError(f"input '{path}': must be one array. Found: several.", hint=hint)
    if frames.ndim < 1 or frames.dtype.kind not in "fiub":
        found = f"{frames.dtype}{list(frames.shape)}"
        raise InputError(f"input '{path}': must be [frames, features]. Found: {found}.", hint=hint)
    return frames


def _wav(path: Path, width: int) -> tuple[Iterable[Array], int]:
    """Frames, and how many samples each takes."""
    samples = read_wav(path)[0]
    return samples[: len(samples) // width * width].reshape(-1, width), width


def _features(path: Path, width: int, front_end: LogMel) -> tuple[Iterable[Array], int]:
    """As they would come from a microphone: a hop of samples at a time; and how many the first frame takes."""
    if width != front_end.bands:
        raise InputError(
            f"front end: must give {width} features, as the model takes. Found: {front_end.bands}.",
            hint="train the model on as many bands.",
        )
    samples, rate = read_wav(path)
    if rate != front_end.rate:
        raise InputError(
            f"input '{path}': must have {front_end.rate} samples per second. Found: {rate}.",
            hint=f"ffmpeg -i {path} -ar {front_end.rate} OUTPUT.wav makes such a file.",
        )
    pieces = (samples[start : start + front_end.hop] for start in range(0, len(samples), front_end.hop))
    return front_end.stream().run(pieces), front_end.window
