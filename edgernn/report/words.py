"""What Markdown and HTML say alike: headline, budget, pairs, machine, commands, and the limits of all figures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgernn.comparison.results import Difference, Pairing, Results, Row
from edgernn.report.table import Column, columns, kib, score_column, short, signed_points, signed_short

SIGNS = {"yes": "✓", "mostly": "✓", "no": "✗", "within noise": "≈", "not measured": "○"}  # of verdicts, beside the word
EQUAL = {
    "units": ("At equal units", "The same number of units: what a GRU in an LSTM's place changes."),
    "parameters": ("At equal parameters", "As many parameters: what the cell does, whatever its size."),
}


@dataclass(frozen=True)
class PairCell:
    """One figure of a GRU against an LSTM: the ratio or difference, both figures, and how sure it is."""

    main: str
    both: str
    sure: str


@dataclass(frozen=True)
class PairTable:
    """All pairs that are equal in the same way, one per line, and their figures."""

    title: str
    about: str
    headings: tuple[str, ...]
    lines: tuple[tuple[str, str, tuple[PairCell | None, ...]], ...]  # names, scheme and target, cells


def headline(results: Results) -> str:
    """The answer in a sentence, or what was compared."""
    if results.answer is not None:
        return results.answer.headline
    return f"Comparison on {results.task.name}"


def task_words(results: Results) -> str:
    """What the models learn and from what, in two lines."""
    task = results.task
    words = [f"{task.name}: {task.about}." if task.about else f"{task.name}."]
    if task.samples:
        words.append(", ".join(f"{count:,} {split}" for split, count in task.samples.items()) + " samples.")
    shape = [f"{task.steps} steps"] * bool(task.steps) + [f"{task.features} features"] * bool(task.features)
    shape += [f"{task.classes} outputs"] * bool(task.classes)
    if shape:
        words.append(", ".join(shape) + ".")
    if task.baselines:
        score = score_column(results)
        words.append(
            "Without a neural network: "
            + ", ".join(f"{known.name} {score.show(known.score)} {score.unit}".rstrip() for known in task.baselines)
            + "."
        )
    if task.origin:
        words.append(f"Data: {task.origin}.")
    return " ".join(words)


def budget_limits(results: Results) -> list[tuple[str, str]]:
    """The budget's limits by name, with their units; empty without a budget."""
    budget = results.budget
    if budget is None:
        return []
    score = score_column(results)
    limits = [
        ("Board", budget.board or None),
        ("Flash", None if budget.flash is None else f"{kib(budget.flash)} KiB"),
        ("RAM", None if budget.ram is None else f"{kib(budget.ram)} KiB"),
        ("Time", None if budget.latency_us is None else f"{short(budget.latency_us)} µs"),
        (score.heading, None if budget.score is None else f"{score.show(budget.score)} {score.unit}".rstrip()),
    ]
    return [(name, text) for name, text in limits if text is not None]


def budget_words(results: Results) -> str:
    """How many rows fit the budget, and which is best."""
    fits = [row.fits for row in results.rows if row.fits is not None]
    words = f"{sum(fits)} of {len(fits)} rows fit." if fits else "Of no row can it be told whether it fits."
    best = best_row(results)
    return words if best is None else f"{words} The best is {', '.join(_parts(best))}."


def best_row(results: Results) -> Row | None:
    """The best row within the budget."""
    return next((row for row in results.rows if results.best and row.id == results.best), None)


def _parts(row: Row) -> list[str]:
    return [part for part in (row.name, row.scheme, row.target) if part]


def pair_tables(results: Results) -> list[PairTable]:
    """GRU against LSTM at equal units, then at equal parameters."""
    found = []
    names = {row.id: row.name for row in results.rows}
    shown = {column.key: column for column in columns(results)}
    for equal, (title, about) in EQUAL.items():
        pairings = [pairing for pairing in results.pairings if pairing.equal == equal and pairing.differences]
        figures = {each.figure: each.label for pairing in pairings for each in pairing.differences}
        if pairings:
            lines = tuple(_pair_line(pairing, names, list(figures), shown) for pairing in pairings)
            found.append(PairTable(title, about, tuple(figures.values()), lines))
    return found


def _pair_line(
    pairing: Pairing, names: Mapping[str, str], figures: Sequence[str], shown: Mapping[str, Column]
) -> tuple[str, str, tuple[PairCell | None, ...]]:
    by_figure = {each.figure: each for each in pairing.differences}
    pair = f"{names.get(pairing.lstm, pairing.lstm)} → {names.get(pairing.gru, pairing.gru)}"
    where = ", ".join(part for part in (pairing.scheme, pairing.target) if part)
    cells = tuple(_pair_cell(by_figure[name], shown.get(name)) if name in by_figure else None for name in figures)
    return pair, where, cells


def _pair_cell(each: Difference, column: Column | None) -> PairCell:
    show, unit = (column.show, column.unit) if column else (short, "")
    both = f"{show(each.lstm)} → {show(each.gru)} {unit}".rstrip()
    if each.ratio is not None:
        main = f"{each.ratio:.2f} ×"  # noqa: RUF001 - a multiplication sign it is
        sure = "" if each.low is None or each.high is None else f"{each.low:.2f} to {each.high:.2f}"
    else:
        accuracy = unit == "%" or unit == "points"
        main = f"{signed_points(each.gru - each.lstm)} points" if accuracy else signed_short(each.gru - each.lstm)
        sure = ""
    chance = "" if each.p is None else f"p = {each.p:.2g}"
    return PairCell(main, both, ", ".join(part for part in (sure, chance) if part))


def certainty(p: float | None, smallest: float | None, test: str) -> str:
    """How a claim was tested, in words; empty if it was not."""
    words = [] if not test else [test]
    if p is not None:
        words.append(f"p = {p:.2g}")
    if smallest is not None:
        words.append(f"the smallest that so few seeds can give is {smallest:.2g}")
    return "; ".join(words)


def machine_facts(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the comparison ran on, by name; tables within become one line each."""
    facts = []
    for name, value in machine.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {item}" for key, item in value.items())
        elif isinstance(value, list | tuple):
            text = ", ".join(map(str, value))
        else:
            text = str(value)
        facts.append((str(name), text))
    return facts


def duration(seconds: float) -> str:
    """A time span: ``13 min 32 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(hours or minutes)
    return " ".join(parts + ([] if hours else [f"{rest} s"]))


def moment(started: str) -> str:
    """A time in ISO 8601 without the seconds."""
    day, _, time = started.partition("T")
    return f"{day} {time[:5]}".rstrip()


def command_line(results: Results) -> str:
    """The command that does all this again; a long one has a line for each option."""
    line = shlex.join(results.command)
    if len(line) <= 80:
        return line
    words = [shlex.quote(word) for word in results.command]
    return " ".join(f"\\\n  {word}" if word.startswith("--") else word for word in words)


def caveats(results: Results) -> list[str]:
    """What the figures do not tell."""
    shown = {column.key for column in columns(results)}
    found = []
    if "latency_us" in shown:
        found.append(
            "Times are those of LiteRT on the machine below, not of a phone, a Raspberry Pi or a microcontroller. "
            "Which of two models is faster can differ there."
        )
    if "arena_bytes" in shown:
        found.append(
            "Arenas are those of the TFLite-Micro interpreter on this machine. A 32-bit microcontroller needs a little "
            "less, and the interpreter's own code and the stack come on top."
        )
    if "bytes" in shown:
        found.append("File sizes are the model alone: the runtime that reads it takes flash, too.")
    if "score" in shown:
        if results.trained:
            found.append(
                "Scores hold for this data and this way of training. No other learning rate, width or depth was tried."
            )
        else:
            found.append("Scores hold for this data.")
        seeds = max((row.seeds for row in results.rows), default=0)
        if seeds and results.trained:
            found.append(
                f"Each trained row is a mean or median over at most {seeds} {'seed' if seeds == 1 else 'seeds'}. "
                "Differences smaller than the spread may be chance."
            )
    else:
        found.append("Nothing is said of how well the models answer: no scores were measured.")
    return found
