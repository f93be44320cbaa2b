"""Reading HDF5 files that somebody else wrote: only what is in the file itself, only numbers, only in sane amounts.

HDF5's library crashes, or never ends, on some damaged files. So it is imported and used in a guarded child alone, which
gives back a plain tree and writes the arrays into a file that is mapped here, so that none exists twice.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np

from edgernn import guarded
from edgernn.converters.keras.source_model import Array
from edgernn.converters.keras.tree import Attribute, Dataset, Elsewhere, Group, Node
from edgernn.errors import missing_extra, no_room

LARGEST = 1 << 32  # bytes of one weight, or of a whole weight file
SIGNATURE = b"\x89HDF\r\n\x1a\n"
_EXPANSION = 100  # a weight of some size that is kept in a hundredth of it is not a weight
_SMALL = 1 << 24  # bytes; up to here expansion does no harm
_FILTERS = frozenset({1, 2, 3, 32000})  # gzip, shuffle, fletcher32, lzf; others would be looked for on this machine
_DEEPEST = 64  # groups in groups
_BLOCK = 1 << 24  # bytes that are read at a time
_ALIGNMENT = 64
_SECONDS, _BYTES_PER_SECOND = 1.0, 2e7  # of processor time; a Raspberry Pi takes a fraction of it
_MEMORY = 1 << 30


class DamagedError(Exception):
    """HDF5 finds no sense in a file."""


def is_hdf5(stream: BinaryIO) -> bool:
    """Whether a file has HDF5's signature, which is at 0, 512, 1024, 2048, ..."""
    size = stream.seek(0, os.SEEK_END)
    place = 0
    while place + len(SIGNATURE) <= size:
        stream.seek(place)
        if stream.read(len(SIGNATURE)) == SIGNATURE:
            return True
        place = 2 * place or 512
    return False


def read_hdf5(stream: BinaryIO, name: str = "", *, attributes_only: bool = False, skip: Sequence[str] = ()) -> Node:
    """A group of a file with all that is in it, read in a guarded child.

    Args:
        stream: the open file.
        name: of a group in the file's root, or nothing for the root itself.
        attributes_only: leave the members of its members out.
        skip: names of members of the root that are not wanted.

    Raises:
        DamagedError: it is no HDF5 file, or damaged; also if HDF5 crashed on it or did not come to an end.
        EnvironmentProblem: h5py is not installed, or there is no room for the arrays.
    """
    if find_spec("h5py") is None:
        raise missing_extra("h5py", "convert", "reading Keras models")
    size = os.fstat(stream.fileno()).st_size
    with tempfile.TemporaryFile() as arrays:
        try:
            tree = guarded.call(
                _read,
                name,
                attributes_only,
                tuple(skip),
                seconds=_SECONDS + size / _BYTES_PER_SECOND,
                memory=_MEMORY + size,
                files=(stream.fileno(), arrays.fileno()),
                imports=("h5py",),
            )
        except OSError as error:
            raise no_room(error) from error
        except guarded.ChildError as error:
            raise DamagedError(f"HDF5 cannot read it: {error.reason}") from error
        length = os.fstat(arrays.fileno()).st_size
        content = mmap.mmap(arrays.fileno(), length, access=mmap.ACCESS_READ) if length else b""
    return _filled(tree, content, {})


@dataclass(frozen=True)
class _Kept:
    """Where the numbers of a dataset are in the file of arrays; stands for its array on the way from the child."""

    dtype: str
    place: int


def _filled(node: Node, content: mmap.mmap | bytes, done: dict[int, Node]) -> Node:
    """The tree with its arrays; what is linked to twice exists once."""
    if id(node) in done:
        return done[id(node)]
    made: Node = node
    if isinstance(node, Group):
        made = Group(node.attrs, {name: _filled(member, content, done) for name, member in node.members.items()})
    elif isinstance(node, Dataset) and isinstance(node.values, _Kept):
        count = int(np.prod(node.shape, dtype=np.int64))
        kept = node.values
        flat = np.frombuffer(content, kept.dtype, count, kept.place) if count else np.zeros(0, kept.dtype)
        values: Array = flat.reshape(node.shape)
        values.setflags(write=False)
        made = Dataset(node.shape, values)
    done[id(node)] = made
    return made


# In the child


def _read(name: str, attributes_only: bool, skip: tuple[str, ...], source: int, target: int) -> Node:
    import h5py

    try:
        with open(source, "rb", closefd=False) as stream, h5py.File(stream, "r") as file:
            top = file[name] if name and name in file else file
            if name and (top is file or not isinstance(top, h5py.Group)):
                return Elsewhere()
            with open(target, "wb", closefd=False) as arrays:
                return _Reading(arrays, attributes_only, skip).group(top, 0)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's: no room for the arrays
            raise
        raise DamagedError((str(error) or type(error).__name__).splitlines()[0]) from None


@dataclass
class _Reading:
    arrays: BinaryIO
    attributes_only: bool
    skip: tuple[str, ...]
    done: dict[Any, Node] = field(default_factory=dict)  # by HDF5's identity of an object

    def group(self, group: Any, depth: int) -> Node:
        if depth > _DEEPEST:
            raise ValueError(f"groups nested more than {_DEEPEST} deep")
        attributes = {str(name): self.attribute(group.attrs, name) for name in group.attrs}
        names = [name for name in group if depth or name not in self.skip]
        if self.attributes_only:
            return Group(attributes, dict.fromkeys(names, Group({}, {})))
        return Group(attributes, {name: self.member(group, name, depth + 1) for name in names})

    def member(self, parent: Any, name: str, depth: int) -> Node:
        import h5py

        try:
            kind = parent.get(name, getclass=True, getlink=True)
        except TypeError:  # a link of some program's own kind
            kind = None
        if kind is not h5py.HardLink:
            return Elsewhere()
        item = parent[name]
        if item.id in self.done:
            return self.done[item.id]
        self.done[item.id] = Elsewhere()  # what it is to those inside of it: a way out of their place
        if isinstance(item, h5py.Group):
            self.done[item.id] = self.group(item, depth)
        elif isinstance(item, h5py.Dataset):
            self.done[item.id] = self.dataset(item)
        return self.done[item.id]

    def attribute(self, attributes: Any, name: str) -> Attribute:
        try:
            value = attributes[name]
        except TypeError:  # NumPy has no such type, and Keras did not write it
            return None
        if isinstance(value, np.generic | np.ndarray):
            value = value.tolist()
        if isinstance(value, str | bytes):
            return _text(value)
        if isinstance(value, list) and all(isinstance(item, str | bytes) for item in value):
            return [_text(item) for item in value]
        return value if isinstance(value, int | float) else None

    def dataset(self, dataset: Any) -> Dataset:
        try:
            shape, dtype = dataset.shape, dataset.dtype
        except TypeError:
            return Dataset((), None, "must be numbers. Found: an unknown type.")
        if shape is None:
            return Dataset((), None, "must be stored in full. Found: nothing.")
        if refused := _refused(dataset, dtype):
            return Dataset(shape, None, refused)
        self.arrays.seek(-self.arrays.tell() % _ALIGNMENT, os.SEEK_CUR)
        place, kind = self.arrays.tell(), dtype
        for block in _blocks(dataset):
            numbers = _numbers(block)
            kind = numbers.dtype
            self.arrays.write(np.ascontiguousarray(numbers).data.cast("B") if numbers.size else b"")
        return Dataset(shape, _Kept(kind.str, place))  # type: ignore[arg-type]


def _text(value: str | bytes) -> str:
    content = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return content.decode("utf-8", "replace")


def _refused(dataset: Any, dtype: np.dtype[Any]) -> str:
    """The rule that a dataset breaks: numbers, in the file itself, and as many as it says."""
    if dataset.is_virtual or dataset.external:
        return "must be in the file itself. Found: kept in another file."
    if dtype.kind not in "fiub" and dtype != np.dtype("V2"):
        return f"must be numbers. Found: type {dtype}."
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(index)[0] for index in range(properties.get_nfilters())}
    if filters - _FILTERS:
        return f"must be plain or gzip. Found: HDF5 filters {filters}."
    declared, stored = dataset.size * dtype.itemsize, dataset.id.get_storage_size()
    if declared > LARGEST or (declared > _SMALL and declared > _EXPANSION * stored) or (declared and not stored):
        return f"must be stored in full. Found: {declared} bytes declared, {stored} stored."
    return ""


def _blocks(dataset: Any) -> Iterator[Array]:
    """The dataset in pieces along its first axis, whole chunks each; at least one piece."""
    rows = dataset.shape[0] if dataset.shape else 0
    if rows < 2 or not dataset.size:
        yield np.asarray(dataset[()])
        return
    whole = dataset.chunks[0] if dataset.chunks else 1
    step = max(1, _BLOCK // max(1, whole * (dataset.size // rows) * dataset.dtype.itemsize)) * whole
    for start in range(0, rows, step):
        yield dataset[start : start + step]


def _numbers(values: Array) -> Array:
    """Floats as float32; integers stay what they are."""
    if values.dtype == np.dtype("V2"):  # bfloat16, which HDF5 does not know: the upper half of a float32
        halves = np.frombuffer(values.tobytes(), np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(values.shape)
    if values.dtype.kind != "f":
        return values
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is reported with its layer
        return np.asarray(values, dtype=np.float32)
