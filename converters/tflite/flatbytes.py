"""Reads a flatbuffer field by field, every offset checked: a damaged file gives an error, never a crash or a hang.

The generated classes trust their file: an offset that points outside reads another part of the memory, and a length of
four billion is believed. Layout of the format: https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_SIZES = {"b": 1, "B": 1, "?": 1, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}


class DamagedError(Exception):
    """The bytes break the format; the message says where."""


@dataclass
class FlatBytes:
    """A flatbuffer's content and the work that may still be spent on it.

    Attributes:
        content: the whole file.
        budget: elements that may still be decoded; vectors that overlap would otherwise multiply.
        tables: tables that were checked, by position, since a file may point to one table many times.
    """

    content: bytes
    budget: int = 0
    tables: dict[int, Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Allow every byte of the file to be read a few times."""
        self.budget = 1000 + 16 * len(self.content)

    def scalar(self, position: int, kind: str) -> Any:
        """One little-endian scalar of `struct`'s format letter `kind`."""
        self.check(position, _SIZES[kind])
        return struct.unpack_from("<" + kind, self.content, position)[0]

    def check(self, position: int, size: int) -> None:
        """Refuse a region that is not inside the file."""
        if position < 0 or size < 0 or position + size > len(self.content):
            raise DamagedError(f"{size} bytes at {position} lie outside of the file's {len(self.content)} bytes")

    def follow(self, position: int) -> int:
        """The position that the unsigned offset at `position` points to."""
        return int(position + self.scalar(position, "I"))

    def spend(self, elements: int) -> None:
        """Count elements as decoded."""
        self.budget -= elements
        if self.budget < 0:
            raise DamagedError("vectors overlap")

    def table(self, position: int) -> Table:
        """The table at `position`."""
        if position not in self.tables:
            self.tables[position] = Table.at(self, position)
        return self.tables[position]

    def root(self) -> Table:
        """The root table."""
        return self.table(self.follow(0))


@dataclass(frozen=True, eq=False)
class Table:
    """A table whose header and field offsets lie inside the file.

    Attributes:
        source: the file.
        position: of the table.
        offsets: of its fields, from its position; 0 for a field that is absent.
    """

    source: FlatBytes
    position: int
    offsets: tuple[int, ...]

    @classmethod
    def at(cls, source: FlatBytes, position: int) -> Table:
        """Check the header at `position`."""
        vtable = position - source.scalar(position, "i")
        length, size = source.scalar(vtable, "H"), source.scalar(vtable + 2, "H")
        if length < 4 or length % 2 or size < 4:
            raise DamagedError(f"the table at {position} has a header of {length} and a body of {size} bytes")
        source.check(vtable, length)
        source.check(position, size)
        source.spend(length // 2)
        offsets = struct.unpack_from(f"<{length // 2 - 2}H", source.content, vtable + 4)
        if max(offsets, default=0) >= size:
            raise DamagedError(f"the table at {position} has a field outside of it")
        return cls(source, position, offsets)

    @property
    def header(self) -> tuple[int, int]:
        """Position and size of the list of its field offsets, which several tables may share."""
        return self.position - self.source.scalar(self.position, "i"), 4 + 2 * len(self.offsets)

    @property
    def size(self) -> int:
        """Bytes of its own, at `position`."""
        return int(self.source.scalar(self.header[0] + 2, "H"))

    def _field(self, index: int) -> int:
        """Position of field `index` of the schema's table, or 0."""
        offset = self.offsets[index] if index < len(self.offsets) else 0
        return self.position + offset if offset else 0

    def scalar(self, index: int, kind: str, default: Any = 0) -> Any:
        """A scalar field."""
        position = self._field(index)
        return self.source.scalar(position, kind) if position else default

    def table(self, index: int) -> Table | None:
        """A field that is a table, or None."""
        position = self._field(index)
        return self.source.table(self.source.follow(position)) if position else None

    def raw(self, index: int, item_bytes: int = 1) -> tuple[int, int] | None:
        """Position and number of elements of a vector, or None."""
        position = self._field(index)
        if not position:
            return None
        start = self.source.follow(position)
        count = self.source.scalar(start, "I")
        self.source.check(start + 4, count * item_bytes)
        return start + 4, count

    def vector(self, index: int, dtype: str) -> np.ndarray:
        """A vector of scalars of NumPy type `dtype`; an absent one is empty."""
        kind = np.dtype(dtype).newbyteorder("<")
        found = self.raw(index, kind.itemsize)
        if found is None:
            return np.zeros(0, kind)
        self.source.spend(found[1])
        return np.frombuffer(self.source.content, kind, found[1], found[0])

    def integers(self, index: int, dtype: str = "i4") -> tuple[int, ...]:
        """A vector of integers as a tuple."""
        return tuple(self.vector(index, dtype).tolist())

    def text(self, index: int) -> str:
        """A string, or an empty one; bytes that are no UTF-8 are shown as such."""
        found = self.raw(index)
        if found is None:
            return ""
        self.source.spend(found[1])
        return self.source.content[found[0] : found[0] + found[1]].decode(errors="backslashreplace")

    def list(self, index: int) -> list[Table]:
        """A vector of tables; an absent one is empty."""
        found = self.raw(index, 4)
        if found is None:
            return []
        start, count = found
        self.source.spend(count)
        return [self.source.table(self.source.follow(start + 4 * k)) for k in range(count)]
