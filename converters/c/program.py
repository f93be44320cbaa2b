"""What generated C consists of: constants, memory, and lines of functions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from edgernn.converters.c.naming import constant_names

# Buffers begin and end at multiples of this many elements, so that kernels may read whole words of them.
GRANULE = 4
C_TYPES = {
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "float32": "float",
    "bool": "uint8_t",
}


@dataclass(frozen=True)
class Slot:
    """A place in memory: an array that C can index.

    Attributes:
        pointer: C expression of the address of its first element.
        ctype: of its elements.
        owned: whether it lies in memory of ours, at a whole word.
        pool: the memory that it lies in; None if that is not ours.
        start: where the array of `pool` begins that this is, or is a part of.
        root: the pointer of that array.
    """

    pointer: str
    ctype: str
    owned: bool = True
    root: str = ""
    pool: Pool | None = field(default=None, compare=False, repr=False)
    start: int = 0

    def at(self, index: str) -> str:
        """An element."""
        return f"{self.pointer}[{index}]" if re.fullmatch(r"[\w>.-]+", self.pointer) else f"({self.pointer})[{index}]"

    def part(self, offset: int | str) -> Slot:
        """The array that begins `offset` elements later."""
        if offset in (0, "0"):
            return self
        pointer = f"{self.pointer} + {offset}"
        if isinstance(offset, int):
            return replace(self, pointer=pointer, owned=self.owned and offset % 2 == 0, start=self.start + offset)
        return replace(self, pointer=pointer, owned=False)

    def reserve(self, count: int) -> None:
        """Let so many elements from the first one on be memory of ours, whatever lies there: a kernel reads them."""
        if self.pool is not None:
            self.pool.grow(self.ctype, self.start + count)


def whole(count: int) -> int:
    """A number of elements, up to a whole granule."""
    return -(-count // GRANULE) * GRANULE


@dataclass
class Pool:
    """Members of a C struct of which slots are cut; slots that were given back are used again.

    Attributes:
        pointer: how functions call the struct.
        sizes: elements by C type.
    """

    pointer: str
    sizes: dict[str, int] = field(default_factory=dict)
    free: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # by type: (start, length) of holes

    def take(self, ctype: str, size: int) -> Slot:
        """An array of at least `size` elements: the smallest hole that holds it, or new memory."""
        length = whole(size)
        holes = self.free.setdefault(ctype, [])
        fitting = sorted((hole for hole in holes if hole[1] >= length), key=lambda hole: (hole[1], hole[0]))
        if fitting:
            start, room = fitting[0]
            holes.remove(fitting[0])
            if room > length:
                holes.append((start + length, room - length))
        else:
            end = self.sizes.get(ctype, 0)
            start = next((begin for begin, room in holes if begin + room == end), end)
            self.grow(ctype, start + length)
            self.free[ctype] = [hole for hole in self.free[ctype] if hole[0] < start]
        pointer = f"{self.pointer}->{member(ctype)}" + (f" + {start}" if start else "")
        return Slot(pointer, ctype, root=pointer, pool=self, start=start)

    def give_back(self, slot: Slot, size: int) -> None:
        """Let later slots have this one's memory."""
        self._free(slot.ctype, slot.start, whole(size))

    def grow(self, ctype: str, count: int) -> None:
        """Have at least so many elements; those that are new are a hole."""
        end, wanted = self.sizes.get(ctype, 0), whole(count)
        if wanted > end:
            self.sizes[ctype] = wanted
            self._free(ctype, end, wanted - end)

    def _free(self, ctype: str, start: int, length: int) -> None:
        merged: list[tuple[int, int]] = []
        for begin, room in sorted([*self.free.setdefault(ctype, []), (start, length)]):
            if merged and sum(merged[-1]) == begin:
                merged[-1] = (merged[-1][0], merged[-1][1] + room)
            else:
                merged.append((begin, room))
        self.free[ctype] = merged

    @property
    def bytes(self) -> int:
        """Size of the struct."""
        return sum(count * np.dtype(_NUMPY[ctype]).itemsize for ctype, count in self.sizes.items())


_NUMPY = {"int8_t": "i1", "uint8_t": "u1", "int16_t": "i2", "int32_t": "i4", "float": "f4"}
MEMBERS = {"int32_t": "words", "float": "reals", "int16_t": "halves", "int8_t": "bytes", "uint8_t": "flags"}


def member(ctype: str) -> str:
    """The name of a pool's member; the widest types come first in the struct, so that all of them are aligned."""
    return MEMBERS[ctype]


@dataclass
class Constants:
    """Arrays in flash; equal ones are written once.

    Attributes:
        prefix: of their names.
        arrays: by name, in order of first use.
    """

    prefix: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    known: dict[tuple[str, bytes], str] = field(default_factory=dict)
    names: dict[str, Iterator[str]] = field(default_factory=dict)  # that are left, by the name in the model

    def add(self, name: str, array: np.ndarray) -> str:
        """The C name of an array."""
        key = array.dtype.str, array.tobytes()
        if key not in self.known:
            left = self.names.setdefault(name, constant_names(self.prefix, name))
            chosen = next(each for each in left if each not in self.arrays)
            self.known[key] = chosen
            self.arrays[chosen] = array
        return self.known[key]


@dataclass
class Lines:
    """Lines of a function, indented."""

    text: list[str] = field(default_factory=list)
    depth: int = 1
    variables: int = 0
    counting: list[str] = field(default_factory=list)  # variables of the loops that are open

    def fresh(self) -> str:
        """The name of a new variable."""
        self.variables += 1
        return f"v{self.variables}"

    def trial(self) -> Lines:
        """Lines that are thrown away, in the same loops."""
        return Lines(counting=list(self.counting))

    def add(self, line: str) -> None:
        """A line."""
        self.text.append("    " * self.depth + line if line else "")

    @contextmanager
    def block(self, opening: str = "") -> Iterator[None]:
        """Lines in braces behind `opening`."""
        self.add(f"{opening} {{".strip())
        self.depth += 1
        yield
        self.depth -= 1
        self.add("}")

    @contextmanager
    def loop(self, wanted: str, count: int, *, independent: bool = False, reverse: bool = False) -> Iterator[str]:
        """Lines that are done for 0, 1, ... count - 1; a loop of one turn is none.

        Args:
            wanted: name of the variable that counts; a loop around this one may have taken it.
            count: of turns.
            independent: whether no turn reads what another one writes, which compilers cannot see behind tables.
            reverse: whether to begin with the last.

        Yields:
            The name of the variable, which hides no other; the number 0 where there is one turn.
        """
        if count == 1:
            with self.block():
                yield "0"
            return
        name = next(each for k in range(len(self.counting) + 1) if (each := f"{wanted}{k or ''}") not in self.counting)
        if independent:
            self.add("EDGERNN_INDEPENDENT")
        turns = f"{name} = {count - 1}; {name} >= 0; --{name}" if reverse else f"{name} = 0; {name} < {count}; ++{name}"
        self.counting.append(name)
        with self.block(f"for (int {turns})"):
            yield name
        self.counting.pop()
