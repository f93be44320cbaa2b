"""What a stream is given, as the numbers that an input takes, or the error that says what is wrong with it.

Real numbers become float32 before anything looks at them: a mask compares them with a float32, and integers are made
of them as of a window's samples. Ids are checked against the table that they pick rows of, since no runtime does that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgernn.devices.host.session import Array, TensorInfo
from edgernn.errors import InputError

_LARGEST = (1 << 31) - 1  # of int32


def checked(numbers: Any, info: TensorInfo, rows: int | None, where: str) -> Array:
    """Numbers in the type that they are given in: float32, bool, or int32 of ids.

    Args:
        numbers: an array, or what becomes one.
        info: the input.
        rows: of the table that its ids pick from, if they are ids and it is known.
        where: what messages begin with.

    Raises:
        InputError: no array, no numbers, not finite, beyond float32, or no ids.
    """
    what = f"{where}, input '{info.name}'"
    try:
        array = np.asarray(numbers)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{what}: must be an array of numbers. Found: no array, such as rows of different lengths.",
            hint="give all frames of a hop equally many numbers.",
        ) from error
    if array.dtype.kind not in "fiub":
        found = {"U": "text", "S": "text", "c": "complex numbers"}.get(array.dtype.kind)
        raise InputError(
            f"{what}: must be finite numbers. Found: {found or 'objects, such as null, or integers beyond 64 bits'}.",
            hint="give an array of integers or of float numbers.",
        )
    is_real = bool(info.scale) or info.dtype.startswith("float")
    with np.errstate(over="ignore"):
        finite = np.isfinite(array.astype(np.float32) if is_real else array)
    if not finite.all():
        value = array[~finite].flat[0]
        beyond = bool(np.isfinite(value))
        found = f"{value:g}, which is beyond float32" if beyond else "NaN" if np.isnan(value) else "an infinite number"
        raise InputError(
            f"{what}: must be finite numbers. Found: {found}{_place(~finite)}.",
            hint="scale them as for the training." if beyond else "leave such a frame out, or fill the gap.",
        )
    if is_real:
        return array.astype(np.float32)
    if info.dtype == "bool":
        return array.astype(np.bool_)
    return _ids(array, rows, what)


def _ids(array: Array, rows: int | None, what: str) -> Array:
    hint = "ids count from 0, below the Embedding's input_dim."
    if array.dtype.kind == "f" and (broken := array != np.round(array)).any():
        found = f"{array[broken].flat[0]:g}{_place(broken)}"
        raise InputError(f"{what}: must be whole numbers. Found: {found}.", hint=hint)
    first, last = (-_LARGEST - 1, _LARGEST) if rows is None else (0, rows - 1)
    if (outside := (array < first) | (array > last)).any():
        found = f"{int(array[outside].flat[0])}{_place(outside)}"
        raise InputError(f"{what}: must be ids from {first} to {last}. Found: {found}.", hint=hint)
    return array.astype(np.int32)


def _place(bad: Array) -> str:
    """Of the first bad element, where there are several."""
    bad = np.asarray(bad)
    return f" at {np.argwhere(bad)[0].tolist()}" if bad.ndim else ""
