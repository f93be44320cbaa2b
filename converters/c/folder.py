"""A model in C on disk: a folder that is written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgernn.errors import InputError
from edgernn.files import write_folder

DESCRIPTION = "edgernn.json"


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
