"""Frames of a stream, one by one, from a file or from standard input."""

from __future__ import annotations

import json
import math
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
from edgernn.sources.found import NAMED, TARGETS, named
from edgernn.sources.numpy_files import read_numpy
from edgernn.sources.tables import header_note, is_number

_KINDS = "a .csv, .npy, .npz or .wav file, or - for lines on standard input"
_KEEP = "surrogateescape"  # bytes that are no UTF-8 stay recognizable, and their line can be named


class Frames:
    """Frames from somewhere, one by one.

    Attributes:
        where: what the last frame was read from, to begin a message with: a file, or a line of it.
        notes: how what was given was understood; more may come with the first frame.
    """

    def __init__(
        self, frames: Iterator[tuple[str, Any]], where: str, why_none: str, notes: list[str] | None = None
    ) -> None:
        """Take pairs of a place and a frame.

        Args:
            frames: the pairs.
            where: what they are read from as a whole.
            why_none: what to do if there are none.
            notes: what `frames` adds its notes to.
        """
        self._frames, self.where, self._why_none = frames, where, why_none
        self.notes = [] if notes is None else notes
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
    .npy holds `[frames, features]`, or recordings `[recordings, frames, features]` one behind the other; an .npz one
    such array, besides targets under `y`, or one for each input. A .wav holds samples between -1 and 1, of which each
    frame takes the next `width`, or the front end as many as it needs; its channels are averaged.

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
        notes: list[str] = []
        return Frames(_lines("standard input", standard_input, notes), "standard input", a_line, notes)
    if not path.is_file():
        raise InputError(f"{where}: must be {_KINDS}. Found: no such file.", hint="give another --input.")
    match path.suffix.lower():
        case ".csv":
            notes = []
            return Frames(_csv(path, where, notes), where, a_line, notes)
        case ".npy" | ".npz":
            notes = []
            frames = _arrays(path, where, width, notes)
            return Frames(((where, frame) for frame in frames), where, "save an array [frames, features].", notes)
        case ".wav":
            heard, samples = _wav(path, width) if front_end is None else _features(path, width, front_end)
            hint = f"record more: a frame takes {samples} samples."
            return Frames(((where, frame) for frame in heard), where, hint)
        case other:
            raise InputError(f"{where}: must be {_KINDS}. Found: '{other}'.", hint="convert it to one of these.")


def _csv(path: Path, where: str, notes: list[str]) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig", errors=_KEEP) as lines:
        yield from _lines(where, lines, notes)


def _lines(where: str, lines: Iterable[str], notes: list[str]) -> Iterator[tuple[str, Any]]:
    first = True
    for number, line in enumerate(lines, 1):
        text = line.removeprefix("\ufeff").strip() if first else line.strip()
        if not text:
            continue
        place = f"{where}, line {number}"
        if first and _is_header(text):
            notes.append(header_note(place, re.split(r"[,;\t]", text)))
        else:
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


def _arrays(path: Path, where: str, width: int, notes: list[str]) -> Iterator[Any]:
    """The frames of a file of arrays: each an array, or, where a file has several, one of each by its name.

    Raises:
        InputError: it is damaged, holds no numbers, or arrays of different lengths.
    """
    arrays = read_numpy(path, where)
    targets = [name for name in arrays if len(arrays) > 1 and (name == TARGETS or name.startswith(NAMED))]
    kept = {name: array for name, array in arrays.items() if name not in targets}
    if targets:
        notes.append(f"{where}: left out: {', '.join(map(named, targets))}.")
    for name, array in kept.items():
        if array.ndim < 1 or array.dtype.kind not in "fiub":
            called = f" of {named(name)}" if name else ""
            raise InputError(
                f"{where}: must be [frames, features]. Found: {array.dtype}{list(array.shape)}{called}.",
                hint="save an array [frames, features] with numpy.save.",
            )
        if array.ndim > 2 and (math.prod(array.shape[1:]) != width or len(kept) > 1):
            kept[name] = array.reshape(-1, *array.shape[2:])
            several = f"{array.shape[0]:,} recordings of {array.shape[1]:,} frames"
            notes.append(f"{where}: {several}, one behind the other, with the state kept.")
    lengths = {name: len(array) for name, array in kept.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{length:,} of {named(name)}" for name, length in lengths.items())
        raise InputError(f"{where}: arrays must have as many frames as each other. Found: {found}.")
    if len(kept) == 1:
        return iter(next(iter(kept.values())))
    return ({name: array[number] for name, array in kept.items()} for number in range(max(lengths.values(), default=0)))


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
