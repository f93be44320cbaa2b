"""The standard streams of the process, also where whoever started it closed one of them (`edgernn ... >&-`)."""

from __future__ import annotations

import os
import sys


def open_standard_streams() -> None:
    """Let what was closed lead nowhere.

    Otherwise Python has None for it, and the next file that is opened would take its number: what a library in C prints
    would then end up in that file.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 (for as long as the process lives)


def discard_stdout() -> None:
    """Let what is still buffered go nowhere, so that the interpreter does not fail on it once more at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # stdout may be no file at all, as in a test that captures it
        pass
