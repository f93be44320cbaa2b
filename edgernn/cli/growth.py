"""What has grown since an earlier profile, and whether that is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from edgernn.cli.output import print_table, say
from edgernn.errors import CheckFailed

if TYPE_CHECKING:
    from edgernn.profiling.history import Comparison


class Share(click.ParamType[Any]):
    """A share as ``10%`` or ``0.1``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The share as a number."""
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            self.fail(f"must be a share such as 10% or 0.1. Found: '{value}'.", param, ctx)
        return number


def check_growth(comparison: Comparison, limit: float) -> None:
    """End with exit status 1 if something has grown by more than the limit."""
    if worse := comparison.regressions(limit):
        grown = ", ".join(f"{change.name} by {100 * change.growth:.1f} %" for change in worse)
        raise CheckFailed(f"regression: nothing may grow by more than {100 * limit:g} %. Found: {grown}.")


def print_comparison(comparison: Comparison, limit: float) -> None:
    """Print what has changed since an earlier profile."""
    worse = comparison.regressions(limit)
    say()
    print_table(
        "against the earlier profile",
        ("Figure", "Before", "Now", "Growth", "Judged"),
        [
            (
                change.name,
                _figure(change.before),
                _figure(change.now),
                f"{100 * change.growth:+.1f} %",
                "too much" if change in worse else "ok" if change.judged else "-",
            )
            for change in comparison.changes
        ],
        drop=("Before", "Now"),
    )


def _figure(number: float) -> str:
    """Whole from a thousand on: ``1,375,812``; else six significant digits."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.6g}"
