"""Scores against what they cost: every row a point, and the front that nothing beats at both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgernn.comparison.results import Results, Row
from edgernn.report.canvas import TEXT, Plot, legend, name_part, new_figure
from edgernn.report.palette import FILLS, GREY, INK, cell_name, cell_style, fill, in_order, schemes_in_order
from edgernn.report.table import kib, score_column, short

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Cost:
    """A figure that one wants less of, as a plot shows it."""

    key: str
    title: str
    label: str
    unit: str
    scale: float
    show: Callable[[float], str]


COSTS = (
    Cost("bytes", "Score and file size", "file, KiB", "KiB", 1024, kib),
    Cost("arena_bytes", "Score and memory", "arena of TFLite-Micro, KiB", "KiB", 1024, kib),
    Cost("latency_us", "Score and time", "one inference on this machine, µs", "µs", 1, short),
)
LIMITS = {"bytes": "flash", "arena_bytes": "ram", "latency_us": "latency_us"}  # the budget's field for each cost


def pareto_plots(results: Results) -> list[Plot]:
    """A plot for each cost that rows with a score have."""
    found = []
    for cost in COSTS:
        rows = [row for row in results.rows if row.score is not None and getattr(row, cost.key) is not None]
        if rows:
            found.append(_plot(results, cost, rows))
    return found


def row_label(row: Row) -> str:
    """A row's name, scheme and target: ``GRU 32, int8, micro``."""
    return ", ".join(part for part in (row.name, row.scheme, row.target) if part)


def scheme_handles(schemes: Sequence[str]) -> list[Artist]:
    """A legend's entries for the fills of schemes."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], ls="", marker="o", ms=7, color=INK, mfc=INK, mfcalt="none", fillstyle=fill(scheme), label=scheme)
        for scheme in schemes_in_order(schemes)
    ]


def cell_handles(cells: Sequence[str]) -> list[Artist]:
    """A legend's entries for the colours and markers of cells."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], ls="", marker=cell_style(cell)[1], ms=7, color=cell_style(cell)[0], label=cell_name(cell))
        for cell in in_order(cells)
    ]


def _plot(results: Results, cost: Cost, rows: Sequence[Row]) -> Plot:
    score = score_column(results)
    figure, axes = new_figure(340)
    factor = 100 if score.unit == "%" else 1
    position = {row.id: (getattr(row, cost.key) / cost.scale, (row.score or 0) * factor) for row in rows}
    front = sorted((position[id] for id in results.fronts.get(cost.key, ()) if id in position), key=lambda at: at[0])
    if len(front) > 1:
        axes.plot(*zip(*front, strict=True), drawstyle="steps-post", color=INK, lw=1.2, alpha=0.7, zorder=1)
    hints = {}
    for index, row in enumerate(rows):
        color, marker = cell_style(row.cell)
        (point,) = axes.plot(
            *([value] for value in position[row.id]),
            ls="",
            marker=marker,
            ms=8 if cost.key in row.fronts else 6.5,
            color=color,
            mfcalt="none",
            fillstyle=fill(row.scheme) if row.scheme in FILLS or row.scheme else "full",
            zorder=3 if cost.key in row.fronts else 2,
        )
        figures = f"{score.text(row)} {score.unit}".rstrip()
        hints[name_part(point, f"row-{index}")] = (
            f"{row_label(row)}: {figures}, {cost.show(getattr(row, cost.key))} {cost.unit}"
        )
    _scale(axes, [x for x, _ in position.values()])
    _limits(axes, results, cost, factor)
    axes.set_xlabel(cost.label)
    axes.set_ylabel(score.title.lower() if score.unit else f"{score.heading}, {score.better} is better")
    cells = cell_handles([row.cell for row in rows])
    legend(figure, [*cells, *scheme_handles([row.scheme for row in rows if row.scheme])], len(cells))
    name = {"bytes": "pareto-bytes", "arena_bytes": "pareto-arena", "latency_us": "pareto-latency"}[cost.key]
    return Plot(name, cost.title, _caption(results, cost, rows), figure, hints)


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with plain numbers where values span more than a factor of 8."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if min(values) <= 0 or max(values) / min(values) < 8:
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _limits(axes: Axes, results: Results, cost: Cost, factor: float) -> None:
    """The budget as lines, where they cross the plot; elsewhere they would only press the points together."""
    if results.budget is None:
        return
    limit = getattr(results.budget, LIMITS[cost.key])
    low, high = axes.get_xlim()
    if limit is not None and low < limit / cost.scale < high:
        axes.axvline(limit / cost.scale, color=GREY, ls=(0, (4, 2)), lw=1.3, zorder=0)
        axes.text(
            limit / cost.scale, 1.01, "budget", transform=axes.get_xaxis_transform(), ha="center", size=TEXT, color=INK
        )
    low, high = axes.get_ylim()
    if results.budget.score is not None and low < results.budget.score * factor < high:
        axes.axhline(results.budget.score * factor, color=GREY, ls=(0, (4, 2)), lw=1.3, zorder=0)


def _caption(results: Results, cost: Cost, rows: Sequence[Row]) -> str:
    score = score_column(results)
    front = [row for row in rows if cost.key in row.fronts]
    front.sort(key=lambda row: float(getattr(row, cost.key)))
    shown = front if len(front) <= 4 else [*front[:2], *front[-2:]]
    words = [
        f"{row_label(row)} ({cost.show(getattr(row, cost.key))} {cost.unit}, {score.text(row)} {score.unit}".rstrip()
        + ")"
        for row in shown
    ]
    if not words:
        return f"{len(rows)} rows."
    if len(front) > len(shown):
        words.insert(2, f"{len(front) - len(shown)} more")
    return f"{len(rows)} rows. On the front, from little to much: {'; '.join(words)}."
