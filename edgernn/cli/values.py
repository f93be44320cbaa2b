"""Kinds of values that options take: what no command can use is refused before it begins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from edgernn.errors import LARGEST_COUNT
from edgernn.files import names_folder


class _Whole(click.types.IntParamType):
    """A whole number that is a count of something, or the negative of one, which each command judges."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not -LARGEST_COUNT <= number <= LARGEST_COUNT:
            self.fail(f"must be at most {LARGEST_COUNT} and at least -{LARGEST_COUNT}.", param, ctx)
        return number


class _Place(click.Path):
    """A path. The empty one, of a variable of the shell that is not set, does not mean the current folder."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if value == "":
            self.fail("must be a path. Found: an empty text.", param, ctx)
        return super().convert(value, param, ctx)


class _File(_Place):
    """A path of a file to write, which with a slash at its end would be a folder's."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if value != "" and names_folder(value):
            self.fail(f"must be a file. Found: '{value!s}', a folder.", param, ctx)
        return super().convert(value, param, ctx)


WHOLE = _Whole()
PLACE = _Place(path_type=Path)
FILE = _File(path_type=Path)
AS_GIVEN = _Place(path_type=str)
"""A path with the slash at its end, which only a folder's has."""


def completed(words: Callable[[], Iterable[str]]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What a shell offers for an option, as its argument `shell_complete`; anything else may be typed.

    Args:
        words: gives them when a shell asks, so that nothing is imported before.
    """
    return lambda context, parameter, begun: [word for word in words() if word.startswith(begun)]


def board_names() -> list[str]:
    """Of every board."""
    from edgernn.devices.boards import boards

    return [board.name for board in boards()]


def scheme_names() -> list[str]:
    """Of every scheme."""
    from edgernn.targets import SCHEMES

    return [*SCHEMES, "auto"]
