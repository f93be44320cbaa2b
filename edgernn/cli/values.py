"""Kinds of values that options take: what no command can use is refused before it begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

LARGEST = 2**31 - 1


class _Whole(click.types.IntParamType):
    """A whole number that fits 32 bits: one with more digits than a shape may have is no count of anything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not -LARGEST <= number <= LARGEST:
            self.fail(f"must be at most {LARGEST} and at least -{LARGEST}.", param, ctx)
        return number


class _Place(click.Path):
    """A path. The empty one, of a variable of the shell that is not set, does not mean the current folder."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if value == "":
            self.fail("must be a path. Found: an empty text.", param, ctx)
        return super().convert(value, param, ctx)


WHOLE = _Whole()
PLACE = _Place(path_type=Path)
