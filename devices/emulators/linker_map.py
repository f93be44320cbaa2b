"""Reads GNU ld's map: which piece of which file takes how many bytes where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["text", "rodata", "data", "bss"]


@dataclass(frozen=True)
class Piece:
    """A function, a table or a variable in a linked program.

    Attributes:
        kind: text (code), rodata (constants), data (variables with an initial value) or bss (without).
        name: the input section, such as ``.text.main``; ``*fill*`` is padding.
        file: the name of its object file or of the archive's member.
        size: bytes.
    """

    kind: Kind
    name: str
    file: str
    size: int


def is_constant(piece: Piece) -> bool:
    """Whether it is an array of constants, in flash."""
    return piece.kind == "rodata" or piece.name.startswith((".rodata", ".progmem"))  # the latter among an AVR's code


_OUTPUT = re.compile(r"(\.\S+)")
_INPUT = re.compile(r" (\*fill\*|\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s*(.*)")


def read_pieces(text: str) -> list[Piece]:
    """Every piece of the four sections that a program is made of, in the order of addresses."""
    pieces: list[Piece] = []
    kind: Kind | None = None
    for line in _joined(text.partition("Linker script and memory map")[2].splitlines()):
        if output := _OUTPUT.match(line):
            kind = next((known for known in get_args(Kind) if output[1] == f".{known}"), None)
        elif kind and (found := _INPUT.fullmatch(line)) and (size := int(found[2], 16)):
            pieces.append(Piece(kind, found[1], _member(found[3]), size))
    return pieces


def _joined(lines: Iterable[str]) -> Iterable[str]:
    """A name of 15 characters or more stands alone on its line; join it to what belongs to it."""
    name = ""
    for line in lines:
        if re.fullmatch(r" ?\.\S+", line):
            name = line
        elif name and line.startswith("   "):
            yield f"{name} {line.lstrip()}"
            name = ""
        else:
            name = ""
            yield line


def _member(path: str) -> str:
    """The object's name, of an archive the member's: ``libc.a(memcpy.o)`` gives ``memcpy.o``."""
    archive = re.fullmatch(r".*\((.+)\)", path)
    return archive[1] if archive else path.rpartition("/")[2]
