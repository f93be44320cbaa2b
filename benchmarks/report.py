"""The results as a table on the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from benchmarks.results import Conversion, Results
from benchmarks.table import Row, rows, task_rows
from edgernn.cli.output import print_table

COLUMNS = ("", "stock, Keras 3", "stock, Keras 2", "edgernn", "limit kept")
DETAIL_COLUMNS = (
    "maker", "form", "cell", "scheme", "bytes", "operators", "relative error", "LiteRT, us",
    "arena, bytes", "arena to start", "error on micro", "seconds to convert",
)  # fmt: skip

METHOD = """\
One recurrent layer, 16 features, Dense(8), Keras's default initializers, biases uniform in [-0.3, 0.3], first-order
autoregressive inputs, batch 1. Relative error: mean over 32 test samples of (largest absolute error / largest absolute
Keras output). Times: all artifacts in one process on one thread of LiteRT, in turns of a few milliseconds; a ratio is
the median of the rounds' ratios (10th to 90th percentile). Arena: what TFLite-Micro, built for this 64-bit machine,
has allocated; "to start" is the smallest arena in which it runs, where that is more. KiB is 1024 bytes.
The stock converter's int8 column is the unrolled model, the only int8 model of a recurrent layer that it can make.
"""


def tables(results: Results) -> Iterator[tuple[str, list[Row]]]:
    """The titles and rows of the summary, one table per size and one for the tasks."""
    for size in results.sizes:
        units, steps = size.split("x")
        yield f"{units} units, {steps} steps", rows(results, size)
    if results.tasks:
        yield "Real data, 32 units", task_rows(results)


def broken_limits(results: Results) -> list[str]:
    """The labels of the rows whose limit is not kept."""
    return [row.label for _, table in tables(results) for row in table if not row.within]


def print_results(results: Results) -> None:
    """Print the summary on stdout."""
    for title, table in tables(results):
        print_table(title, COLUMNS, [_cells(row) for row in table])


def _cells(row: Row) -> tuple[str, ...]:
    kept = "" if row.limit is None else ("yes" if row.within else "NO")
    return row.label, row.stock, row.keras2, row.edgernn, kept


def to_json(results: Results) -> str:
    """Everything, with the summary's rows."""
    document = {
        "schema": "edgernn.benchmark",
        "version": 1,
        **asdict(results),
        "table": {title: [{**asdict(row), "within": row.within} for row in table] for title, table in tables(results)},
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def to_markdown(results: Results) -> str:
    """The summary, then every artifact."""
    environment = ", ".join(f"{name} {value}" for name, value in results.environment.items())
    parts = ["# Conversion benchmark\n", f"Written by `make benchmark`. {environment}.\n", METHOD]
    for title, table in tables(results):
        parts += [f"## {title}\n", markdown_table(COLUMNS, [_cells(row) for row in table])]
    for size in results.sizes:
        details = [_details(each) for each in results.conversions if each.size == size]
        parts += [f"## Every artifact, {size.replace('x', ' units, ')} steps\n"]
        parts += [markdown_table(DETAIL_COLUMNS, details)]
    if results.missing:
        parts += ["## Not measured\n", *(f"- {text}" for text in results.missing)]
    return "\n".join(parts).rstrip("\n") + "\n"


def markdown_table(columns: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *body]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _details(conversion: Conversion) -> tuple[str, ...]:
    def text(value: float | None, form: Callable[[float], str]) -> str:
        return "" if value is None else form(value)

    return (
        conversion.maker,
        conversion.form,
        conversion.cell,
        conversion.scheme,
        conversion.failure or text(conversion.bytes, "{:,}".format),
        text(conversion.operators, "{}".format),
        text(conversion.relative_error, "{:.2e}".format),
        text(conversion.microseconds, "{:.1f}".format),
        conversion.micro_failure or text(conversion.arena, "{:,}".format),
        text(conversion.arena_required, "{:,}".format),
        text(conversion.micro_relative_error, "{:.2e}".format),
        text(conversion.seconds, "{:.2f}".format),
    )
