"""Rows as tables: on the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.fidelity.rows import CALIBRATED, Row, from_object
from benchmarks.fidelity.summary import GOAL, Losses, columns, costs, goal_kept, losses, telling, unit
from benchmarks.fidelity.task import Task
from benchmarks.report import markdown_table

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]

METHOD = """\
What an artifact loses against the float network's own metric: points of accuracy and of AUC, per cent of an RMSE and of
bits per character, in which a probability of 0 counts as 1e-7; positive is worse. The float answers are Keras's. +- is
the standard error of a loss over the choice of the test's examples, by a paired bootstrap. Every number of calibration
samples counts as a case of its own; samples are the first of the training examples in a random order. Arena: what
TFLite-Micro has allocated on this 64-bit machine; of C, working memory and state. Latency: time on LiteRT over that of
the float32 file for a phone, in turns, one thread.
"""


def tables(rows: Sequence[Row], record: Sequence[Row], tasks: Sequence[Task]) -> Iterator[Table]:
    """Every table: title, columns and cells."""
    yield _summary("What is lost", rows)
    if record:
        yield _summary("What the quantizer of the record loses", record)
    counts = sorted({row.samples for row in rows if row.scheme in CALIBRATED and row.maker == "edgernn"})
    if len(counts) > 1:
        yield _by_samples(rows, counts)
    yield _costs(rows, record)
    yield _tasks(rows, record, tasks)


def _summary(title: str, rows: Sequence[Row]) -> Table:
    body = [(name, *_cells([row for row in rows if row.form.column == name])) for name in columns(rows)]
    (mean, points), (middle, per_cent) = GOAL["points"], GOAL["per cent"]
    body.append(("goal", "", f"{mean} / {points}", "", f"{middle} % / {per_cent} %", "", ""))
    return title, ("", "rows", "points: mean / worst", "worst", "per cent: median / worst", "worst", "goal kept"), body


def _cells(rows: Sequence[Row]) -> tuple[str, ...]:
    points, per_cent = losses(rows, "points"), losses(rows, "per cent")
    failed = points.failed + per_cent.failed
    count = f"{points.count + per_cent.count}" + (f", {failed} failed" if failed else "")
    kept = "yes" if goal_kept(rows) else "NO"
    return count, _pair(points, ""), _where(points), _pair(per_cent, " %"), _where(per_cent), kept


def _pair(found: Losses, suffix: str) -> str:
    if found.middle is None or found.worst is None or found.worst.lost is None:
        return "-"
    return f"{found.middle:+.2f}{suffix} / {found.worst.lost:+.2f}{suffix}"


def _where(found: Losses) -> str:
    if found.worst is None:
        return ""
    samples = f", {found.worst.samples}" if found.worst.samples else ""
    return f"{found.worst.network}{samples}"


def _by_samples(rows: Sequence[Row], counts: Sequence[int]) -> Table:
    body = []
    for name in columns([row for row in rows if row.scheme == "int8" and row.maker == "edgernn"]):
        for count in counts:
            chosen = [row for row in rows if row.form.column == name and row.samples == count]
            if chosen:
                body.append((f"{name}, {count} samples", *_cells(chosen)))
    return (
        "By the number of calibration samples",
        ("", "rows", "points", "worst", "per cent", "worst", "goal kept"),
        body,
    )


def _costs(rows: Sequence[Row], record: Sequence[Row]) -> Table:
    body = []
    for name in columns([row for row in rows if row.maker == "edgernn"]):
        chosen = [row for row in rows if row.form.column == name]
        latency = sorted(row.latency for row in chosen if row.latency)
        found = costs(chosen, record)
        middle = f"{latency[len(latency) // 2]:.2f}" if latency else ""
        body.append((name, middle, *(_ratio(each) for each in (found.bytes, found.arena, found.latency))))
    heads = ("", "latency over float32, median", "bytes", "arena", "latency")
    return "Costs; the last three over the record's, median / worst", heads, body


def _ratio(found: tuple[float, float] | None) -> str:
    return f"{found[0]:.2f} / {found[1]:.2f}" if found else ""


def _tasks(rows: Sequence[Row], record: Sequence[Row], tasks: Sequence[Task]) -> Table:
    body: list[tuple[str, ...]] = []
    for task in tasks:
        for cell in dict.fromkeys(row.cell for row in rows if row.task == task.name):
            chosen = [row for row in rows if row.task == task.name and row.cell == cell and row.maker == "edgernn"]
            expected = " ".join(f"{value:.4g}" for value in dict.fromkeys(row.expected for row in chosen))
            worst = (_worst([row for row in chosen if row.scheme == "int8" and row.target == target])
                     for target in ("phone", "micro", "c"))  # fmt: skip
            then = telling([row for row in record if row.cell == cell], task.name)
            was = f"{then.degree}: {_worst([then.row])}" if then.row else ""
            body.append((f"{task.name}, {cell}", task.metric, expected, *worst, was))
    heads = ("task", "metric", "float", "int8 phone, worst", "int8 micro, worst", "int8 C, worst", "record, worst")
    return "Every task", heads, body


def _worst(rows: Sequence[Row]) -> str:
    known = [(row.lost, row) for row in rows if row.lost is not None]
    failed = next((row.failure for row in rows if row.failure), "")
    if not known:
        return failed[:60] or "-"
    lost, row = max(known, key=lambda pair: pair[0])
    return f"{lost:+.2f}{' %' if unit(row) == 'per cent' else ''} +- {row.error:.2f}" + (
        ", some failed" if failed else ""
    )


def to_json(rows: Sequence[Row], environment: dict[str, str], version: str) -> str:
    """All rows, one a line."""
    head = {"schema": "edgernn.fidelity", "version": 1, "code": version, "environment": environment}
    lines = ",\n".join(json.dumps({k: v for k, v in asdict(row).items() if v not in (None, "")}) for row in rows)
    return json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n' + lines + "\n]}\n"


def from_json(path: Path) -> list[Row]:
    """The rows of a file, or none if there is no file."""
    if not path.is_file():
        return []
    return [from_object(row) for row in json.loads(path.read_text())["rows"]]


def to_markdown(rows: Sequence[Row], record: Sequence[Row], tasks: Sequence[Task], environment: dict[str, str]) -> str:
    """Every table, then the tasks and where their data are from."""
    told = ", ".join(f"{name} {value}" for name, value in environment.items())
    parts = ["# Fidelity: what quantization loses on real tasks\n", f"Written by `make benchmark-fidelity`. {told}.\n"]
    parts.append(METHOD)
    if record:
        degrees = [telling(record, task.name).degree for task in tasks]
        parts.append(
            f"The record loses something, beyond the goal's worst by two standard errors, on "
            f"{sum(degree != 'nothing' for degree in degrees)} of {len(tasks)} tasks, and badly, beyond 5 points or "
            f"20 per cent, on {degrees.count('badly')}.\n"
        )
    for title, heads, body in tables(rows, record, tasks):
        parts += [f"## {title}\n", markdown_table(heads, body)]
    parts += [
        "## The tasks and their data\n",
        markdown_table(("task", "question", "naive", "data"), [*_origins(tasks, rows)]),
    ]
    return "\n".join(parts)


def _origins(tasks: Sequence[Task], rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    measured = {row.task for row in rows}
    for task in tasks:
        if task.name not in measured:
            continue
        better = (
            f"{100 * task.margin:.0f} points better"
            if task.metric in ("accuracy", "auc")
            else f"at most {task.margin} times"
        )
        packages = [f"{s.package} {s.version} ({s.licence}): {s.origin}" for s in task.sources]
        yield task.name, task.question, f"float must be {better}", " ".join(packages) or task.made
