"""The name of a model in C, and its folder on disk, which is written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from edgernn.errors import InputError
from edgernn.files import write_folder

DESCRIPTION = "edgernn.json"
_C_WORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main
    alignas alignof and asm bool catch class constexpr delete explicit export false friend mutable namespace new
    noexcept not nullptr operator or private protected public template this throw true try typeid typename using
    virtual wchar_t xor
"""
_RESERVED = frozenset(_C_WORDS.split())  # C's, and C++'s, since the header may be included there


def legal_name(name: str) -> str:
    """The name, if C and C++ take it as an identifier.

    Raises:
        InputError: they do not.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in _RESERVED or name.startswith("edgernn"):
        hint = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
        hint = hint if re.match(r"[A-Za-z]", hint) and hint not in _RESERVED else "model"
        raise InputError(
            f"name: must be a C identifier that is no keyword and does not begin with edgernn. Found: '{name}'.",
            hint=f"name the folder '{hint}' with --output, or give --name {hint}.",
        )
    return name


def write_project(files: Mapping[str, str], folder: Path) -> None:
    """Write the folder whole or not at all; one that an earlier conversion wrote is replaced.

    Raises:
        InputError: there is something else, or it cannot be written.
        EnvironmentProblem: the disk is full.
    """
    check_folder(folder)
    write_folder(folder, files)


def check_folder(folder: Path) -> None:
    """Refuse early what `write_project` would refuse.

    Raises:
        InputError: the path is taken by something else than an earlier conversion.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / DESCRIPTION).is_file()):
        found = "a file" if folder.is_file() else "a folder with other files"
        raise InputError(
            f"output '{folder}': must be a new folder, or one that an earlier conversion to C wrote. Found: {found}.",
            hint="choose another path with --output.",
        )
