"""Whether an artifact fits on boards: one in detail, several as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgernn.cli.output import note, print_table, say, say_wrapped
from edgernn.errors import CheckFailed

if TYPE_CHECKING:
    from edgernn.profiling.fit import Fit

_ANSWERS = {True: "fits", False: "does not fit", None: "cannot be told"}


def print_fits(fits: Sequence[Fit]) -> None:
    """Print what a board lacks; of several, a row for each, with the reason of every no."""
    from edgernn.profiling.fit import MATRIX, fit_rows, matrix_row

    if not fits:
        return
    say()
    if len(fits) == 1:
        (fit,) = fits
        print_table(f"{fit.board.title}: {_ANSWERS[fit.fits]}", *fit_rows(fit), prose=("Made of",))
        if fit.time is not None:
            say_wrapped(f"estimated time: {fit.time}")
        for text in fit.notes:
            note(f"note: {text}")
        return
    print_table("", MATRIX, [matrix_row(fit) for fit in fits], drop=MATRIX[2:5], prose=("Why",))
    times = {fit.time.machine: fit.time for fit in fits if fit.time is not None}
    for machine, time in times.items():
        cycles = f"{time.cycles_least:g} to {time.cycles_most:g} cycles each at the board's clock"
        say_wrapped(f"estimated time: {time.instructions:,} instructions a {time.of} on {machine}, {cycles}")
    for text in dict.fromkeys(text for fit in fits for text in fit.notes if text != fit.board.note):
        note(f"note: {text}")


def check_fits(fits: Sequence[Fit], *, every: bool) -> None:
    """End with exit status 1 if it does not fit.

    Args:
        fits: of the boards that were asked for.
        every: whether it must fit on every one; else, where all boards that are known were asked for, on one.
    """
    from edgernn.profiling.fit import shortfalls

    short = [fit for fit in fits if fit.fits is False]
    if not short or not (every or len(short) == len(fits)):
        return
    if len(fits) == 1:
        lacks = "; ".join(shortfalls(short[0]))
        raise CheckFailed(f"board '{short[0].board.name}': the model must fit. Found: {lacks}.")
    names = ", ".join(f"'{fit.board.name}'" for fit in short)
    raise CheckFailed(f"boards: the model must fit on {'each' if every else 'one'}. Found: not on {names}.")
