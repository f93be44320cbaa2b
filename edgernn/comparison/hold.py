"""One comparison at a time in a folder: two would disturb each other's clocks, and time every pair twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from edgernn.errors import InputError
from edgernn.files import ORDINARY, explained, lock

LOCK = ".lock"  # holds the number of the process; the lock on it is the system's, and ends with the process


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a comparison's folder, which is made if it is missing.

    Raises:
        InputError: another process holds it, or it cannot be written.
        EnvironmentProblem: the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, ORDINARY)
    except OSError as error:
        raise explained(folder, error) from error
    try:
        try:
            if not lock(descriptor, wait=False):
                owner = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
                raise InputError(
                    f"output '{folder}': must not be in use. Found: a comparison by process {owner or 'unknown'}.",
                    hint="wait until it ends, or choose another --output.",
                )
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise explained(folder, error) from error
        yield
    finally:
        os.close(descriptor)
