"""NumPy's own files. Python objects in them, which would have to be unpickled, are never loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgernn.errors import InputError
from edgernn.sources.found import Array

FORM = "give an .npz file with one array [samples, ...] per input, as numpy.savez writes it."
MAGIC = (b"\x93NUMPY", b"PK")


def read_numpy(path: Path, where: str) -> dict[str, Array]:
    """The arrays of an `.npz` by name; that of an `.npy` has the empty name.

    Raises:
        InputError: it is damaged, or holds Python objects.
    """
    try:
        return _load(path)
    except _ObjectsInsideError as error:
        raise InputError(
            f"{where}: arrays must hold numbers. Found: {error}, Python objects, which are never unpickled.",
            hint="save numbers only: arrays of equal length, padded where sequences differ.",
        ) from error
    except Exception as error:  # NumPy, zipfile, zlib and tokenize have no common class of errors
        found = (str(error).splitlines() or [type(error).__name__])[0][:120] or type(error).__name__
        raise InputError(
            f"{where}: must be a complete .npz or .npy file. Found: damaged or truncated: {found}.", hint=FORM
        ) from error


class _ObjectsInsideError(Exception):
    """An array in the file is of Python objects."""


def _load(path: Path) -> dict[str, Array]:
    with path.open("rb") as stream:  # NumPy leaves a file that it opened itself open when it is damaged
        loaded = _read_array(lambda: np.load(stream, allow_pickle=False), "the array")
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        return {name: _read_array(lambda name=name: loaded[name], f"array '{name}'") for name in loaded.files}


def _read_array(read: Any, what: str) -> Any:
    try:
        found = read()
    except ValueError as error:
        if "Object arrays cannot be loaded" in str(error):
            raise _ObjectsInsideError(what) from error
        raise
    if isinstance(found, bytes):  # NumPy gives what is no array as it is
        raise ValueError(f"{what} is no array, but {len(found)} bytes of something else")
    return found
