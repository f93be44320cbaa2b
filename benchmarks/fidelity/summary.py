"""Rows in few numbers: what each scheme loses over all networks, what it costs, and which tasks tell anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.fidelity.rows import Row

POINTS = ("accuracy", "auc")  # metrics whose loss is in points; that of the others is in per cent
GOAL = {"points": (0.1, 0.5), "per cent": (0.5, 2.0)}  # mean or median, and worst
BADLY = {"points": 5.0, "per cent": 20.0}
SURE = 2.0  # standard errors


def unit(row: Row) -> str:
    """Of its loss."""
    return "points" if row.metric in POINTS else "per cent"


@dataclass(frozen=True)
class Losses:
    """Of many rows in one unit.

    Attributes:
        middle: the mean of points, the median of per cents.
        worst: the largest, as its row.
        count: of rows.
        failed: rows without figures.
    """

    middle: float | None
    worst: Row | None
    count: int
    failed: int


def losses(rows: Iterable[Row], of: str) -> Losses:
    """Those in one unit."""
    chosen = [row for row in rows if unit(row) == of]
    known = [(row.lost, row) for row in chosen if row.lost is not None]
    if not known:
        return Losses(None, None, 0, len(chosen))
    values = [lost for lost, _ in known]
    middle = fmean(values) if of == "points" else median(values)
    return Losses(middle, max(known, key=lambda pair: pair[0])[1], len(known), len(chosen) - len(known))


def columns(rows: Sequence[Row]) -> list[str]:
    """The names of what was converted to, in the order of the rows."""
    return list(dict.fromkeys(row.form.column for row in rows))


def goal_kept(rows: Sequence[Row]) -> bool:
    """Whether both units' losses are within the goal, and nothing failed."""
    for of, (middle, worst) in GOAL.items():
        found = losses(rows, of)
        if found.failed or (found.middle is not None and found.middle > middle):
            return False
        if found.worst is not None and found.worst.lost is not None and found.worst.lost > worst:
            return False
    return True


@dataclass(frozen=True)
class Telling:
    """What a quantizer loses on a task at worst.

    Attributes:
        row: with the largest loss that is sure.
        degree: `badly`, `something` or `nothing`.
    """

    row: Row | None
    degree: str


def telling(rows: Iterable[Row], task: str) -> Telling:
    """How much int8 loses on a task, over all networks, targets and numbers of samples.

    Something is beyond the goal's worst, badly beyond 5 points or 20 per cent, each by two standard errors.
    """
    chosen = [row for row in rows if row.task == task and row.scheme == "int8" and row.maker == "edgernn"]
    sure = [(_relative(row), row) for row in chosen if row.lost is not None]
    if not sure:
        return Telling(None, "nothing")
    excess, row = max(sure, key=lambda pair: pair[0])
    if excess <= 1:
        return Telling(row, "nothing")
    least = (row.lost or 0.0) - SURE * (row.error or 0.0)
    return Telling(row, "badly" if least > BADLY[unit(row)] else "something")


def _relative(row: Row) -> float:
    """The least that is surely lost, over the goal's worst."""
    return ((row.lost or 0.0) - SURE * (row.error or 0.0)) / GOAL[unit(row)][1]


@dataclass(frozen=True)
class Costs:
    """Ratios of the same rows' costs, ours over those of the record: median and worst."""

    bytes: tuple[float, float] | None
    arena: tuple[float, float] | None
    latency: tuple[float, float] | None


def costs(rows: Iterable[Row], record: Iterable[Row]) -> Costs:
    """Of the networks that both have."""
    old = {(row.network, row.form): row for row in record}
    pairs = [(row, old[row.network, row.form]) for row in rows if (row.network, row.form) in old]

    def ratios(name: str) -> tuple[float, float] | None:
        found = [
            getattr(new, name) / getattr(was, name) for new, was in pairs if getattr(new, name) and getattr(was, name)
        ]
        return (median(found), max(found)) if found else None

    return Costs(ratios("bytes"), ratios("arena"), ratios("latency"))
