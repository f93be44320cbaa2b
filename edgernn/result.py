"""What the verbs give back, as it looks in a shell, in a notebook and to a program."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from edgernn.documents import json_text, plain
from edgernn.files import atomic_write

_WIDE = 160  # pixels of the longest bar


class Bar(NamedTuple):
    """A bar of a small plot.

    Attributes:
        label: what it is of.
        value: its length, of the unit that all bars share.
        text: the value in words.
        good: whether it is as it should be; None where that is no question.
    """

    label: str
    value: float
    text: str
    good: bool | None = None


class Result(ABC):
    """The result of a verb.

    `repr` is one line, a notebook shows a table and a small plot, `to_dict` is what the command prints with `--json`.
    """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The whole result, with `schema` and `version`; arrays, paths and NumPy's numbers are as they are."""

    @abstractmethod
    def figures(self) -> Sequence[tuple[str, object]]:
        """Names and values of what is shown, the most telling first."""

    def bars(self) -> Sequence[Bar]:
        """What is drawn in a notebook."""
        return ()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result as JSON, as `--json` prints it.

        Args:
            path: of the file; one that is there is replaced as a whole.

        Returns:
            The path.

        Raises:
            InputError: nothing can be written there.
        """
        atomic_write(path, json_text(self.to_dict(), indent=2) + "\n")
        return Path(path)

    def __repr__(self) -> str:
        """One line."""
        shown = ", ".join(f"{name}: {_shown(value)}" for name, value in self.figures())
        return f"<{type(self).__name__} {shown}>"

    def _repr_html_(self) -> str:
        """A table, and bars beside their values; without a script, in the colours of the notebook."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(_shown(value))}"
            "</td></tr>"
            for name, value in self.figures()
        )
        bars = list(self.bars())
        longest = max((bar.value for bar in bars), default=0.0) or 1.0
        drawn = "".join(_drawn(bar, longest) for bar in bars)
        plot = f"<table style='margin-top:0.5em'>{drawn}</table>" if bars else ""
        return f"<div><strong>{escape(type(self).__name__)}</strong><table>{rows}</table>{plot}</div>"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(plain(value)) if not isinstance(value, str) else value


def _drawn(bar: Bar, longest: float) -> str:
    colour = {None: "#4477aa", True: "#228833", False: "#cc3311"}[bar.good]
    width = max(1, round(_WIDE * bar.value / longest))
    return (
        f"<tr><td style='text-align:left'>{escape(bar.label)}</td><td style='text-align:left'>"
        f"<div style='display:inline-block;height:0.7em;width:{width}px;background:{colour}'></div> "
        f"{escape(bar.text)}</td></tr>"
    )
