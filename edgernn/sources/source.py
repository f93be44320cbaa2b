"""Which reader what was given is for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgernn.errors import InputError
from edgernn.owned_folder import recover
from edgernn.sources import tables
from edgernn.sources.elements import Elements, read_elements, steps_of_elements, taken_from
from edgernn.sources.folders import read_folder, read_wave
from edgernn.sources.found import NAMED, TARGETS, Array, Found, Wanted
from edgernn.sources.numpy_files import FORM, MAGIC, read_numpy
from edgernn.sources.windows import in_windows

Source = str | os.PathLike[str] | Mapping[str, Any] | Array | Elements | Iterable[Any] | Callable[[], Iterable[Any]]
LONGEST = 240  # steps of a window where the model has any length; most hops divide it
_FILES = ".npz, .npy, .csv or .wav file, or a folder of such"


def gathered(source: Source, most: int) -> Source:
    """The same, but for what can be read only once, or never ends: that is read now.

    Args:
        source: what a user gave.
        most: elements to take of what is iterated.
    """
    if isinstance(source, (str, os.PathLike, Mapping, Elements, np.ndarray)) or _is_frame(source):
        return source
    if callable(source) and not hasattr(source, "__iter__"):
        source = source()  # TFLite's representative_dataset is a function
    if isinstance(source, tuple):
        return Elements((source,), more=False)  # (x, y), as Keras takes it
    if isinstance(source, list) and not any(
        hasattr(part, "shape") or isinstance(part, (tuple, Mapping)) for part in source
    ):
        return np.asarray(source)
    if hasattr(source, "__array__") or not (hasattr(source, "__iter__") or hasattr(source, "__getitem__")):
        return np.asarray(source)
    return taken_from(source, most)


def arrays_of(source: Source, wanted: Wanted) -> Found:
    """The arrays by name; one that has none has the empty name.

    Raises:
        InputError: missing, damaged, of another kind, or not what the model takes.
    """
    source = gathered(source, wanted.most)
    if isinstance(source, Mapping):
        return Found(_given(source, wanted.where))
    if isinstance(source, Elements):
        return _found_elements(source, wanted)
    if isinstance(source, (str, os.PathLike)):
        return _read(Path(source), wanted)
    if _is_frame(source):
        return tables.read_frame(source, wanted)
    return _recording({"": np.asarray(source)}, wanted)


def steps_of(source: Source, where: str, rank: int | None = None) -> int:
    """How many steps the longest samples have that have so many axes (None: more than two); 0 if there are none.

    Raises:
        InputError: missing or damaged.
    """
    if isinstance(source, Elements):
        return steps_of_elements(source, rank or 3)
    fitting = [array.shape[1] for array in _shapes(source, where) if array.ndim == (rank or max(array.ndim, 3))]
    return max(fitting, default=0)


def _shapes(source: Source, where: str) -> list[Array]:
    """Arrays of the shapes of those in a source, targets left out; a table or a sound is one long sample."""
    if isinstance(source, Mapping):
        arrays = _given(source, where)
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        match _kind(path, where):
            case "numpy":
                arrays = read_numpy(path, where)
            case "table":
                return [tables.peek(path, LONGEST)]
            case _:
                return [np.empty((1, LONGEST, 1))]
    elif _is_frame(source):
        frame: Any = source
        return [np.empty((1, min(len(frame), LONGEST), len(frame.columns)))]
    else:
        arrays = {"": np.asarray(source)}
    return [array for name, array in arrays.items() if name != TARGETS]


def _is_frame(source: Any) -> bool:
    return hasattr(source, "columns") and hasattr(source, "__len__") and not isinstance(source, (Mapping, np.ndarray))


def _kind(path: Path, where: str) -> Literal["numpy", "table", "wave", "folder"]:
    """What is there.

    Raises:
        InputError: nothing, or something else.
    """
    recover(path)
    if path.is_dir():
        return "folder"
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except FileNotFoundError as error:
        raise InputError(f"{where}: must be an existing file. Found: none.", hint="check the path.") from error
    except (OSError, ValueError) as error:
        found = getattr(error, "strerror", None) or error
        raise InputError(f"{where}: must be a readable file. Found: {found}.", hint=FORM) from error
    if start.startswith(MAGIC):
        return "numpy"
    suffix = path.suffix.lower()
    if start and suffix in (*tables.SUFFIXES, ".wav"):
        return "wave" if suffix == ".wav" else "table"
    found = "an empty file" if not start else "another kind of file"
    raise InputError(f"{where}: must be an {_FILES}. Found: {found}.", hint=FORM)


def _read(path: Path, wanted: Wanted) -> Found:
    match _kind(path, wanted.where):
        case "numpy":
            return _recording(read_numpy(path, wanted.where), wanted)
        case "table":
            return tables.read_table(path, wanted)
        case "wave":
            return read_wave(path, wanted)
        case "folder":
            return read_folder(path, wanted)


def _recording(arrays: dict[str, Array], wanted: Wanted) -> Found:
    """The same; or the windows of the only array, if it is one recording that is longer than a window."""
    (value, *others), (array, *more) = wanted.inputs, list(arrays.values()) or [np.empty(0)]
    one = not others and not more and len(value.shape) > 1
    if one and array.ndim == len(value.shape) and array.shape[1:] == wanted.frame and len(array) > wanted.steps:
        return in_windows([array], wanted, "recording")
    return Found(arrays)


def _found_elements(elements: Elements, wanted: Wanted) -> Found:
    """Of a list of whole arrays, one per input, as Keras's `predict` takes it, those; else the elements together."""
    values, items = wanted.inputs, elements.items
    if len(values) > 1 and len(items) == len(values):
        arrays = [np.asarray(item) for item in items if hasattr(item, "shape")]
        if [array.ndim for array in arrays] == [len(value.shape) + 1 for value in values]:
            return Found({value.name: array for value, array in zip(values, arrays, strict=True)})
    return read_elements(elements, wanted)


def _given(source: Mapping[str, Any], where: str) -> dict[str, Array]:
    """Arrays from Python; targets may be a dictionary by output, as for `fit`."""
    named = source.get(TARGETS)
    if isinstance(named, Mapping):
        source = {name: array for name, array in source.items() if name != TARGETS}
        source |= {f"{NAMED}{name}": array for name, array in named.items()}
    try:
        return {str(name): np.asarray(array) for name, array in source.items()}
    except ValueError as error:  # lists of different lengths
        raise InputError(f"{where}: must hold arrays of numbers. Found: {error}.", hint=FORM) from error
