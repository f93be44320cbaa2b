"""The report as one self-contained HTML page: no network, opens from disk, and prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgernn.comparison.results import Results, Row
from edgernn.report.page import check_packages, drawn, render
from edgernn.report.palette import cell_name, in_order, schemes_in_order
from edgernn.report.plots import plots
from edgernn.report.table import Column, columns, results_document
from edgernn.report.words import (
    SIGNS,
    best_row,
    budget_limits,
    budget_words,
    caveats,
    certainty,
    command_line,
    duration,
    headline,
    machine_facts,
    moment,
    pair_tables,
    task_words,
)

# Titles of the groups of plots, what they are about, and how the names of their plots begin.
GROUPS = (
    (
        "What a better score costs",
        "Each point is a row. The line is the front: nothing is better at both.",
        ("pareto",),
    ),
    ("Schemes and bytes", "What quantization does to the score and to the file.", ("schemes", "breakdown")),
    ("Training", "How the score rises over the epochs, and with more data.", ("training", "learning")),
)
TILES = ("score", "bytes", "arena_bytes", "latency_us", "parameters", "macs")  # of the best row
WORDS = {"misses", "reason", "fronts"}  # columns of text that may be long


@dataclass(frozen=True)
class Cell:
    """A cell of the table: its text, its raw value as the browser sorts by it, and how it looks."""

    text: str
    value: str
    kind: str
    badge: str = ""


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    row: Row
    kind: str
    fits: str
    cells: tuple[Cell, ...]


def html(results: Results) -> str:
    """The whole page.

    Raises:
        EnvironmentProblem: jinja2 or matplotlib is not installed.
    """
    check_packages()
    shown = columns(results)
    figures = drawn(plots(results))
    groups = [
        (title, about, [plot for plot in figures if plot["name"].startswith(starts)]) for title, about, starts in GROUPS
    ]
    groups = [group for group in groups if group[2]]
    pairs = pair_tables(results)
    limits = budget_limits(results)
    contents = [
        ("budget", "Budget", limits),
        ("claims", "Claims", results.claims),
        ("plots", "Plots", groups),
        ("rows", "All rows", True),
        ("pairs", "GRU against LSTM", pairs),
        ("limits", "What it does not tell", True),
        ("machine", "Machine", True),
        ("again", "Do it again", True),
    ]
    return render(
        "report.html.j2",
        results_document(results),
        edgernn=results.edgernn,
        file="results.json",
        results=results,
        headline=headline(results),
        task_words=task_words(results),
        started=moment(results.started),
        duration=duration(results.seconds),
        contents=[(id, name) for id, name, there in contents if there],
        limits=limits,
        budget_words=budget_words(results),
        tiles=_tiles(results, shown),
        claims=[(each, certainty(each.p, each.smallest_p, each.test)) for each in results.claims],
        signs=SIGNS,
        plot_groups=groups,
        columns=[_heading(column, results) for column in shown],
        lines=_lines(results, shown),
        filters=_filters(results),
        pair_tables=pairs,
        caveats=caveats(results),
        machine=machine_facts(results.machine),
        command=command_line(results),
    )


def _is_numeric(column: Column, results: Results) -> bool:
    values = [column.value(row) for row in results.rows]
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _heading(column: Column, results: Results) -> dict[str, Any]:
    better = {"less": " Less is better.", "more": " More is better.", "": ""}[column.better]
    return {
        "key": column.key,
        "heading": column.heading,
        "unit": column.unit,
        "title": column.title,
        "about": (column.about + better).strip(),
        "better": column.better,
        "numeric": _is_numeric(column, results),
    }


def _lines(results: Results, shown: Sequence[Column]) -> list[Line]:
    tops = {column.key: _top(column, results) for column in shown}
    numeric = {column.key: _is_numeric(column, results) for column in shown}
    lines = []
    for row in results.rows:
        cells = tuple(_cell(column, row, tops[column.key], numeric[column.key]) for column in shown)
        kind = "failed" if row.failures and not row.seeds else "best" if row.id == results.best else row.kind
        lines.append(Line(row, kind, {True: "yes", False: "no", None: ""}[row.fits], cells))
    return lines


def _cell(column: Column, row: Row, top: str | None, numeric: bool) -> Cell:
    value, text = column.value(row), column.text(row)
    raw = "" if value is None else repr(value) if numeric else text
    if column.key == "fits" and text:
        return Cell(text, raw, "", text)
    if numeric:
        return Cell(text, raw, "number top" if text and text == top else "number")
    return Cell(text, raw, "words" if column.key in WORDS and len(text) > 24 else "")


def _top(column: Column, results: Results) -> str | None:
    """The text of a column's best value; None where many share it."""
    if not column.better or column.key == "failures" or not _is_numeric(column, results):
        return None
    rows = [row for row in results.rows if column.value(row) is not None]
    texts = [column.text(row) for row in rows]
    if not rows:
        return None
    top = column.text((min if column.better == "less" else max)(rows, key=column.value))
    return top if texts.count(top) <= min(3, len(texts) - 1) else None


def _tiles(results: Results, shown: Sequence[Column]) -> list[tuple[str, str, str]]:
    best = best_row(results)
    if best is None:
        return []
    by_key = {column.key: column for column in shown}
    found = [by_key[key] for key in TILES if key in by_key and by_key[key].text(best)]
    return [(column.heading, column.text(best), column.unit) for column in found]


def _filters(results: Results) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What the table can be narrowed down by: fields with at least two different values."""
    cells = in_order([row.cell for row in results.rows if row.cell])
    schemes = schemes_in_order([row.scheme for row in results.rows if row.scheme])
    targets = sorted({row.target for row in results.rows if row.target})
    every = [
        ("cell", "Cell", [(cell, cell_name(cell)) for cell in cells]),
        ("scheme", "Scheme", [(scheme, scheme) for scheme in schemes]),
        ("target", "Target", [(target, target) for target in targets]),
    ]
    return [(field, label, options) for field, label, options in every if len(options) > 1]
