"""Rows one below the other: where the bytes of each file go, and what each scheme does to the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgernn.comparison.results import Results, Row
from edgernn.report.canvas import TEXT, Plot, legend, name_part, new_figure
from edgernn.report.palette import GREY, INK, PAPER, PARTS, cell_style, fill, schemes_in_order
from edgernn.report.pareto import row_label, scheme_handles
from edgernn.report.table import kib, score_column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 24


def breakdown_plots(results: Results) -> list[Plot]:
    """Bars of the files' bytes by category; of more than fit, those of the largest model of each cell."""
    from matplotlib.patches import Patch

    every = [row for row in results.rows if row.bytes and row.categories]
    if not every:
        return []
    rows = _most_telling(every)
    totals: dict[str, int] = {}
    for row in rows:
        for name, size in row.categories.items():
            totals[name] = totals.get(name, 0) + size
    names = [name for name in sorted(totals, key=lambda name: -totals[name]) if totals[name]]
    figure, axes = new_figure(80 + 21 * len(rows) + 20 * -(-len(names) // 3))
    hints = {}
    for index, row in enumerate(rows):
        left = 0.0
        for part, name in enumerate(names):
            size = row.categories.get(name, 0)
            if size:
                (bar,) = axes.barh(
                    index, size / 1024, 0.72, left=left, color=PARTS[part % len(PARTS)], edgecolor=PAPER, lw=0.8
                )
                hints[name_part(bar, f"row-{index}-{part}")] = f"{row_label(row)}: {name} {kib(size)} KiB"
            left += size / 1024
    _one_below_the_other(axes, [_short_label(row, rows) for row in rows])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("KiB")
    handles = [Patch(color=PARTS[part % len(PARTS)], label=name) for part, name in enumerate(names)]
    legend(figure, handles)
    largest = max(rows, key=lambda row: row.bytes or 0)
    shares = ", ".join(f"{name} {kib(largest.categories.get(name, 0))} KiB" for name in names)
    which = "" if len(rows) == len(every) else f" Shown are {len(rows)} of {len(every)}: the largest of each cell."
    caption = f"The largest, {row_label(largest)}: {shares}.{which}"
    return [Plot("breakdown", "Where the bytes go", caption, figure, hints)]


def scheme_plots(results: Results) -> list[Plot]:
    """Each model's score in every scheme, with its spread; nothing without scores or with a single scheme."""
    every = [row for row in results.rows if row.score is not None and row.scheme]
    if len({row.scheme for row in every}) < 2:
        return []
    rows = _most_telling(every, MOST_BARS * 4)
    score = score_column(results)
    factor = 100 if score.unit == "%" else 1
    models = list(dict.fromkeys((row.name, row.target) for row in rows))
    lines = models[:MOST_BARS]
    schemes = schemes_in_order([row.scheme for row in rows])
    figure, axes = new_figure(90 + max(26, 9 * len(schemes)) * len(lines))
    hints = {}
    for index, row in enumerate(rows):
        if (row.name, row.target) not in lines:
            continue
        shift = (schemes.index(row.scheme) - (len(schemes) - 1) / 2) * 0.7 / len(schemes)
        color, marker = cell_style(row.cell)
        container = axes.errorbar(
            [factor * (row.score or 0)],
            [lines.index((row.name, row.target)) + shift],
            xerr=[factor * row.score_spread] if row.score_spread is not None else None,
            color=color,
            marker=marker,
            ms=6.5,
            mfcalt="none",
            fillstyle=fill(row.scheme),
            elinewidth=1.2,
            ls="",
        )
        words = f"{row_label(row)}: {score.text(row)} {score.unit}".rstrip()
        hints[name_part(container.lines[0], f"row-{index}")] = words
    for line in range(len(lines) - 1):
        axes.axhline(line + 0.5, color=GREY, lw=0.5, alpha=0.5)
    targets = {target for _, target in lines}
    labels = [f"{name}, {target}" if len(targets) > 1 and target else name for name, target in lines]
    _one_below_the_other(axes, labels)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(score.title.lower() if score.unit else f"{score.heading}, {score.better} is better")
    legend(figure, scheme_handles(schemes))
    lost = [row for row in rows if row.score_lost is not None]
    most = max(lost, key=lambda row: row.score_lost or 0.0, default=None)
    caption = "Mean over seeds; the whiskers are one standard deviation to each side."
    if most is not None and (most.score_lost or 0) > 0:
        column = f"{100 * (most.score_lost or 0):.2f} points" if factor == 100 else f"{most.score_lost:.3g}"
        caption += f" {row_label(most)} loses most: {column}."
    if len(rows) < len(every) or len(lines) < len(models):
        caption += " Shown are the largest models of each cell."
    return [Plot("schemes", "Score by scheme", caption, figure, hints)]


def _most_telling(rows: Sequence[Row], most: int = MOST_BARS) -> list[Row]:
    """All rows if there are few; else those of the most units of each cell, and no more than `most`."""
    if len(rows) <= most:
        return list(rows)
    largest = {cell: max(row.units or 0 for row in rows if row.cell == cell) for cell in {row.cell for row in rows}}
    return [row for row in rows if (row.units or 0) == largest[row.cell]][:most]


def _short_label(row: Row, rows: Sequence[Row]) -> str:
    """A row's label without what all rows have in common."""
    parts = [row.name]
    if len({other.scheme for other in rows}) > 1:
        parts.append(row.scheme)
    if len({other.target for other in rows}) > 1:
        parts.append(row.target)
    return ", ".join(part for part in parts if part)


def _one_below_the_other(axes: Axes, labels: Sequence[str]) -> None:
    cut = [label if len(label) <= 30 else label[:29] + "…" for label in labels]
    axes.set_yticks(range(len(cut)), cut, size=TEXT, color=INK)
    axes.set_ylim(len(cut) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
