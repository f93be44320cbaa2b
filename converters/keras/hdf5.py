"""Reading HDF5 files that somebody else wrote: only what is in the file itself, only numbers, only in sane amounts."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgernn.converters.keras.source_model import Array
from edgernn.errors import InputError

LARGEST = 1 << 32  # bytes of one weight, or of a whole weight file
_EXPANSION = 100  # a weight of some size that is kept in a hundredth of it is not a weight
_SMALL = 1 << 24  # bytes; up to here expansion does no harm
_FILTERS = frozenset({1, 2, 3, 32000})  # gzip, shuffle, fletcher32, lzf; others would be looked for on this machine
_HINT = "save the model again with Keras."


def member(parent: Any, path: str) -> Any | None:
    """The group or dataset at `path` below a group, or None.

    Raises:
        InputError: a link on the way leads somewhere else (soft, external or user-defined).
    """
    import h5py

    current = parent
    for part in path.split("/"):
        if not isinstance(current, h5py.Group) or not part or part == ".":
            return None
        try:
            kind = current.get(part, getclass=True, getlink=True)
        except TypeError:  # a user-defined link
            kind = None
        if kind is None and part not in current:
            return None
        if kind is not h5py.HardLink:
            raise InputError(f"weights '{path}': must be in the file itself. Found: a link to elsewhere.", hint=_HINT)
        current = current[part]
    return current


def text(value: object) -> str:
    """An attribute as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def text_list(group: Any, name: str) -> list[str]:
    """A list of names in an attribute; Keras splits long lists into `name0`, `name1`, ..."""
    if name in group.attrs:
        chunks = [group.attrs[name]]
    else:
        chunks = []
        while f"{name}{len(chunks)}" in group.attrs:
            chunks.append(group.attrs[f"{name}{len(chunks)}"])
    return [text(item) for chunk in chunks for item in np.atleast_1d(chunk).tolist()]


def check_dataset(dataset: Any, where: str) -> None:
    """See that a dataset holds numbers, in the file itself, and as many as it says.

    Raises:
        InputError: it does not.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise InputError(f"weights '{where}': must be a dataset. Found: {type(dataset).__name__}.", hint=_HINT)
    if dataset.is_virtual or dataset.external:
        raise InputError(f"weights '{where}': must be in the file itself. Found: kept in another file.", hint=_HINT)
    if dataset.dtype.kind not in "fiub" and dataset.dtype != np.dtype("V2"):
        raise InputError(f"weights '{where}': must be numbers. Found: type {dataset.dtype}.", hint=_HINT)
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if filters - _FILTERS:
        raise InputError(f"weights '{where}': must be plain or gzip. Found: HDF5 filters {filters}.", hint=_HINT)
    declared, stored = dataset.size * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if declared > LARGEST or (declared > _SMALL and declared > _EXPANSION * stored) or (declared and not stored):
        found = f"{declared} bytes declared, {stored} stored"
        raise InputError(f"weights '{where}': must be stored in full. Found: {found}.", hint=_HINT)


def read_floats(dataset: Any) -> Array:
    """A checked dataset as float32 (integers stay what they are)."""
    values = dataset[()]
    if values.dtype == np.dtype("V2"):  # bfloat16, which HDF5 does not know: the upper half of a float32
        halves = np.frombuffer(values.tobytes(), np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(values.shape)
    if values.dtype.kind != "f":
        return np.asarray(values)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is reported with its layer
        return np.asarray(values, dtype=np.float32)
