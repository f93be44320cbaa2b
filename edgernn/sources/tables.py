"""Tables: a .csv, or what has named columns in Python.

A row is a step of one long recording if there are as many columns as a step has numbers, a whole sample if there are as
many as that has. Where the columns have names and are too many, those that are called as targets and times usually are
do not belong to the samples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from edgernn.errors import InputError
from edgernn.sources.found import LABELS, NAMED, TARGETS, Array, Found, Wanted, named, several
from edgernn.sources.windows import in_windows

SUFFIXES = (".csv", ".tsv", ".txt")
_TIMES = ("", "time", "timestamp", "date", "datetime", "index", "id", "unnamed: 0")
_SHORT = ("y", "t")  # these may be features, as of an accelerometer with x, y and z
_KEEP = "surrogateescape"  # bytes that are no UTF-8 stay recognizable, and their line can be named


@dataclass(frozen=True)
class _Columns:
    """Which columns are the samples.

    Attributes:
        taken: their places.
        left: the names of the others.
        target: the place of the only one among the others that holds targets by its name, or None.
        whole: whether a row is a sample, not a step.
    """

    taken: list[int]
    left: list[str]
    target: int | None
    whole: bool


def read_table(path: Path, wanted: Wanted) -> Found:
    """The samples in a file of numbers with commas, semicolons, tabs or blanks between them.

    Raises:
        InputError: there are other columns than the model takes, or something that is no number; the line is named.
    """
    with path.open(encoding="utf-8-sig", errors=_KEEP, newline=None) as stream:
        names, count, delimiter = _head(stream, wanted)
        columns = _chosen(names, count, wanted)
        rows = _numbers(stream, delimiter, columns.taken, path, wanted)
        if wanted.with_targets and columns.whole and columns.target is not None:
            _head(stream, wanted)
            targets = _targets(stream, delimiter, columns.target)
        else:
            targets = None
    found = _found(rows, columns, targets, wanted)
    said = (header_note(f"{wanted.where}, line 1", names),) if names else ()
    return Found(found.arrays, (*said, *found.notes))


def steps_in_table(path: Path, wanted: Wanted) -> Array:
    """All rows as steps of one recording, `[steps, *frame]`.

    Raises:
        InputError: as `read_table`.
    """
    with path.open(encoding="utf-8-sig", errors=_KEEP, newline=None) as stream:
        names, count, delimiter = _head(stream, wanted)
        taken = _chosen(names, count, wanted).taken
        return _numbers(stream, delimiter, taken, path, wanted).reshape(-1, *wanted.frame)


def read_frame(frame: Any, wanted: Wanted) -> Found:
    """The samples in a data frame, whatever library made it: it has `columns` and gives a column by its name."""
    names = [str(name) for name in frame.columns]
    columns = _chosen(names, len(names), wanted)
    try:
        rows = np.stack([np.asarray(frame[frame.columns[k]], "f8") for k in columns.taken], axis=1)
    except (TypeError, ValueError) as error:
        message = f"{wanted.where}: columns must hold numbers. Found: {str(error)[:120]}."
        raise InputError(message, hint="leave the others out.") from error
    targets = None
    if wanted.with_targets and columns.whole and columns.target is not None:
        targets = np.asarray(frame[frame.columns[columns.target]])
    return _found(rows, columns, targets, wanted)


def peek(path: Path, steps: int) -> Array:
    """The table as one sample of at most so many steps, to learn its shape; what is no number is NaN."""
    with path.open(encoding="utf-8-sig", errors=_KEEP, newline=None) as stream:
        first = next((line for line in stream if line.strip()), "")
        rows = 1 - _is_header(_words(first, _delimiter(first))) + sum(1 for line in stream if line.strip())
    return np.full((1, min(rows, steps), len(_words(first, _delimiter(first)))), np.nan)


def _found(rows: Array, columns: _Columns, targets: Array | None, wanted: Wanted) -> Found:
    notes = []
    target = columns.target if targets is not None else None
    if target is None and columns.left:
        notes.append(f"{wanted.where}: left out: {', '.join(map(named, columns.left))}.")
    if not columns.whole:
        found = in_windows([rows.reshape(-1, *wanted.frame)], wanted, "recording")
        return Found(found.arrays, (*found.notes, *notes))
    if len(wanted.window.shape) > 1:
        size = several(wanted.steps, "step")
        notes.insert(0, f"{wanted.where}: {several(len(rows), 'row')}, each a sample of {size}, one behind the other.")
    taken = np.arange(len(rows))
    if len(rows) > wanted.most:
        taken = np.linspace(0, len(rows) - 1, wanted.most).round().astype(int)
        notes.append(f"{wanted.where}: {wanted.most:,} of these rows are taken, evenly spread.")
    arrays = {"": rows[taken].reshape(-1, *wanted.window.shape)}
    if targets is not None:
        arrays[TARGETS] = targets[taken]
    return Found(arrays, tuple(notes))


# --- columns --------------------------------------------------------------------------------------------------------


def _chosen(names: Sequence[str] | None, count: int, wanted: Wanted) -> _Columns:
    """Which columns are the samples: all, or all but those that are called otherwise, if that fits."""
    whole, step = math.prod(wanted.window.shape), wanted.width
    known = [name.strip().lower() for name in names or ()]
    labels = [k for k, name in enumerate(known) if name in LABELS or name.startswith(NAMED)]
    for others in ((), (*LABELS, *_TIMES), (*LABELS, *_TIMES, *_SHORT)):
        left = [k for k, name in enumerate(known) if name in others or (others and k in labels)]
        if count - len(left) in (whole, step):
            taken = [k for k in range(count) if k not in left]
            targets = [k for k in left if k in labels or known[k] == TARGETS]
            only = targets[0] if len(targets) == 1 else None
            shown = [(names or ())[k] for k in left]
            return _Columns(taken, shown, only, whole=len(taken) == whole)
    shown_names = f": {', '.join(map(named, names[:12]))}{', ...' if count > 12 else ''}" if names else ""
    a_row = f"{whole:,}, a sample in each row" if whole != step else "a sample in each row"
    raise InputError(
        f"{wanted.where}: must have {several(step, 'column')}, a step of a recording in each row, or {a_row}. "
        f"Found: {several(count, 'column')}{shown_names}.",
        hint="leave the others out, or name the columns in the first line: targets are then known as 'y', 'target', "
        "'label' or 'class', times as 'time', 'timestamp' or 'index'.",
    )


# --- text -----------------------------------------------------------------------------------------------------------


def _head(stream: TextIO, wanted: Wanted) -> tuple[list[str] | None, int, str | None]:
    """The names of the columns, if the first line has some, how many there are, and what is between them.

    The stream is then at the first row of numbers.
    """
    stream.seek(0)
    start, line = 0, ""
    while not line.strip():
        start = stream.tell()
        line = stream.readline()
        if not line:
            raise InputError(f"{wanted.where}: must hold numbers. Found: an empty file.", hint="give a row per step.")
    delimiter = _delimiter(line)
    words = _words(line, delimiter)
    if _is_header(words):
        return words, len(words), delimiter
    stream.seek(start)
    return None, len(words), delimiter


def _delimiter(line: str) -> str | None:
    return next((mark for mark in ("\t", ";", ",") if mark in line), None)


def _words(line: str, delimiter: str | None) -> list[str]:
    line = line.removeprefix("\ufeff").strip("\r\n")
    words = line.split(delimiter) if delimiter is None else re.split(f'{delimiter}(?=(?:[^"]*"[^"]*")*[^"]*$)', line)
    return [word.strip().strip('"') for word in words]


def _is_header(words: Sequence[str]) -> bool:
    return not any(map(is_number, words))


def header_note(where: str, names: Sequence[str]) -> str:
    """What is said of a first line that holds no numbers, so that nobody loses a row unawares."""
    shown = ", ".join(named(name.strip()) for name in names[:8])
    return f"{where}: taken for the names of columns: {shown}{', ...' if len(names) > 8 else ''}."


def is_number(word: str) -> bool:
    """Whether a word of a line stands for a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _numbers(stream: TextIO, delimiter: str | None, taken: list[int], path: Path, wanted: Wanted) -> Array:
    lines = _rows(stream)
    first = next(lines, None)
    if first is None:
        raise InputError(f"{wanted.where}: must hold numbers. Found: no row of them.", hint="give a row per step.")
    lines = chain([first], lines)
    try:
        return np.loadtxt(lines, delimiter=delimiter, usecols=taken, ndmin=2, comments=None, quotechar='"')
    except (ValueError, IndexError) as error:
        raise _not_numbers(path, delimiter, taken, wanted) from error


def _targets(stream: TextIO, delimiter: str | None, column: int) -> Array | None:
    """The right answers, if they are numbers."""
    try:
        return np.loadtxt(_rows(stream), delimiter=delimiter, usecols=[column], ndmin=1, comments=None, quotechar='"')
    except (ValueError, IndexError):
        return None


def _rows(stream: TextIO) -> Iterator[str]:
    return (line for line in stream if line.strip())


def _not_numbers(path: Path, delimiter: str | None, taken: Sequence[int], wanted: Wanted) -> InputError:
    """The error that names the first line which is no row of numbers."""
    with path.open(encoding="utf-8-sig", errors=_KEEP, newline=None) as stream:
        first = True
        for number, line in enumerate(stream, 1):
            words = _words(line, delimiter)
            if not line.strip() or (first and _is_header(words)):
                first = first and not line.strip()
                continue
            first = False
            bad = next((k for k in taken if k >= len(words) or not is_number(words[k])), None)
            if bad is not None:
                found = f"{several(len(words), 'column')}" if bad >= len(words) else named(words[bad])
                hint = "write numbers with points: 0.1." if "," in found and delimiter == ";" else "mend or remove it."
                if number == 1:
                    hint = "if it holds names of columns, let none of them be a number, or remove it; else mend it."
                return InputError(
                    f"{wanted.where}, line {number}: column {bad + 1} must hold a number. Found: {found}.", hint=hint
                )
    return InputError(f"{wanted.where}: must hold numbers. Found: something else.", hint="give a row per step.")
