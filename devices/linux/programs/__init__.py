"""The programs that run on a device: texts, never imported here."""

from __future__ import annotations

from importlib import resources


def program_text(name: str) -> str:
    """The source of a program."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
