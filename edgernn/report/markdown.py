"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edgernn.comparison.results import Results
from edgernn.report.table import Column, columns
from edgernn.report.words import (
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

_MARKS = re.compile(r"([\\`*_\[\]<>|#~&])")


def markdown(results: Results) -> str:
    """Answer, claims, table, pairs, budget, notes, machine, and how to do it again."""
    lines = [f"# {escape(headline(results))}", ""]
    if not results.complete:
        lines += ["**Interrupted: this is what was measured so far.**", ""]
    for sentence in results.answer.sentences if results.answer else ():
        lines += [escape(sentence), ""]
    lines += [escape(task_words(results)), ""]
    if results.claims:
        lines += ["## What is said of LSTM and GRU, on this data", ""]
        for claim in results.claims:
            tested = certainty(claim.p, claim.smallest_p, claim.test)
            words = f"- **{claim.verdict}**: {escape(claim.claim)} {escape(claim.figures)}".rstrip()
            lines.append(f"{words} ({escape(tested)})" if tested else words)
        lines.append("")
    lines += ["## All rows", "", *_results_table(results), ""]
    for table in pair_tables(results):
        lines += [f"## GRU against LSTM: {table.title.lower()}", "", f"{table.about} Figures: LSTM → GRU.", ""]
        body = [
            [pair, where, *("" if cell is None else f"{cell.main} ({cell.both})" for cell in cells)]
            for pair, where, cells in table.lines
        ]
        lines += [*_table(["Pair", "Files", *table.headings], body), ""]
    limits = budget_limits(results)
    if limits:
        lines += ["## Budget", "", "; ".join(f"{name} {escape(text)}" for name, text in limits) + ".", ""]
        lines += [escape(budget_words(results)), ""]
    lines += ["## What these figures do not tell", "", *(f"- {escape(text)}" for text in caveats(results)), ""]
    if results.notes:
        lines += ["## Notes", "", *(f"- {escape(note)}" for note in results.notes), ""]
    lines += ["## Machine", ""]
    lines += [f"- {escape(name)}: {escape(text)}" for name, text in machine_facts(results.machine)]
    lines += [f"- edgernn: {escape(results.edgernn)}", f"- started: {escape(moment(results.started))}"]
    lines += [f"- work: {duration(results.seconds)}", ""]
    lines += ["## Do it again", "", *_fenced(command_line(results))]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that means itself in a line or a table's cell of Markdown."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _results_table(results: Results) -> list[str]:
    shown = columns(results)
    headings = [column.title for column in shown]
    return _table(headings, ([column.text(row) for column in shown] for row in results.rows), shown)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], shown: Sequence[Column] = ()) -> list[str]:
    rule = ["---:" if column.better else "---" for column in shown] or ["---"] * len(headings)
    body = [[escape(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in ([escape(heading) for heading in headings], rule, *body)]


def _fenced(text: str) -> list[str]:
    """A block of code, with a fence longer than any in the text."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return [f"{fence}sh", text, fence]
