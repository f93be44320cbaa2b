"""The comparison's table, written once: its columns serve the terminal, the CSV file, Markdown and HTML alike."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from edgernn.comparison.results import Results, Row

SCHEMA = "edgernn.compare"
VERSION = 1

FRONTS = {"bytes": "file", "arena_bytes": "arena", "latency_us": "time"}
# The fields that a narrow terminal does without, the first to go first.
DROP: tuple[str, ...] = (
    *("macs_per_step", "macs", "rss_bytes", "activation_bytes", "cold_start_us", "epoch_seconds", "epochs_to_score"),
    *("seeds", "relative_error", "fronts", "parameters", "score_spread", "reason", "arena_bytes"),
    *("score_lost", "failures", "latency_us", "bytes"),
)
PROSE = ("fits", "reason")

Better = Literal["less", "more", ""]


@dataclass(frozen=True)
class Column:
    """One field of `Row` as people read it.

    Attributes:
        key: the field.
        heading: what stands above the column, without the unit.
        unit: of the numbers as `text` writes them; empty if they have none.
        about: what the figure is, in a sentence.
        better: which direction is better, if one is.
        show: the text of a value, without the unit.
    """

    key: str
    heading: str
    unit: str = ""
    about: str = ""
    better: Better = ""
    show: Callable[[Any], str] = str

    @property
    def title(self) -> str:
        """Heading and unit: ``File, KiB``."""
        return f"{self.heading}, {self.unit}" if self.unit else self.heading

    def value(self, row: Row) -> Any:
        """The row's own value, None where there is none."""
        value = getattr(row, self.key)
        return None if value == "" or value == () or (isinstance(value, float) and not math.isfinite(value)) else value

    def text(self, row: Row) -> str:
        """The row's value as people read it; empty where there is none."""
        value = self.value(row)
        return "" if value is None else self.show(value)


def whole(value: float) -> str:
    """A count: ``11,056``."""
    return f"{value:,.0f}"


def kib(value: float) -> str:
    """Bytes in KiB of 1024 bytes, without the unit: ``10.8``."""
    return f"{value / 1024:,.1f}"


def short(value: float) -> str:
    """Three significant digits or more, never an exponent: ``3.21``, ``32.1``, ``3,210``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def percent(value: float) -> str:
    """A fraction in per cent, without the sign: ``97.8``."""
    return f"{100 * value:.1f}"


def signed_points(value: float) -> str:
    """A difference of fractions in points: ``+0.40``; what rounds to nothing has no sign."""
    text = f"{100 * value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text


def signed_short(value: float) -> str:
    """A difference of other scores: ``+0.0123``."""
    return ("+" if value > 0 else "") + short(value)


def plain_points(value: float) -> str:
    """A spread of fractions in points: ``0.40``."""
    return f"{100 * value:.2f}"


def small_percent(value: float) -> str:
    """A fraction near 0 in per cent: ``0.32``."""
    return "<0.01" if 0 < value < 0.0001 else f"{100 * value:.2f}"


def yes_or_no(value: bool) -> str:
    """A truth value in words."""
    return "yes" if value else "no"


def front_names(keys: Sequence[str]) -> str:
    """The Pareto fronts that a row is on, by the headings of their columns."""
    return ", ".join(FRONTS.get(key, key) for key in keys)


def score_column(results: Results) -> Column:
    """The column of scores, in the task's metric: accuracy in per cent, everything else as it is."""
    mean = ", mean over seeds" if results.trained else ""
    if results.task.metric == "accuracy":
        return Column("score", "Accuracy", "%", f"Right answers on the test samples{mean}.", "more", percent)
    better: Better = "less" if results.task.metric == "rmse" else "more"
    return Column("score", results.task.metric.upper() or "Score", "", f"On the test samples{mean}.", better, short)


def columns(results: Results) -> tuple[Column, ...]:
    """The columns in which any row has a value, in the order in which they are shown."""
    score = score_column(results)
    accuracy = results.task.metric == "accuracy"
    points = "points" if accuracy else ""
    lost = signed_points if accuracy else signed_short
    spread = plain_points if accuracy else short
    goal = "" if results.threshold is None else f" of {score.show(results.threshold)} {score.unit}".rstrip()
    every = (
        Column("name", "Model"),
        Column("scheme", "Scheme", "", "How weights are stored and calculated with."),
        Column("target", "Target", "", "What the file was written for."),
        Column("fits", "Fits", "", "Whether it is within the budget.", "", yes_or_no),
        score,
        Column("score_spread", "Spread", points, "Sample standard deviation over seeds.", "less", spread),
        Column("score_lost", "Lost", points, "By conversion and quantization, against the float model.", "less", lost),
        Column("bytes", "File", "KiB", "Size of the .tflite file.", "less", kib),
        Column("arena_bytes", "Arena", "KiB", "Smallest arena in which TFLite-Micro runs it.", "less", kib),
        Column("latency_us", "Time", "µs", "Median of one inference on LiteRT on this machine.", "less", short),
        Column("cold_start_us", "Cold start", "µs", "Load, allocate, first inference; new process.", "less", whole),
        Column("activation_bytes", "Activations", "KiB", "The most that its tensors hold at a time.", "less", kib),
        Column("rss_bytes", "Resident", "KiB", "Growth of a new process's resident memory.", "less", kib),
        Column("parameters", "Parameters", "", "Trained numbers of the Keras model.", "less", whole),
        Column("macs", "MACs", "", "Multiply-accumulates of one inference.", "less", whole),
        Column("macs_per_step", "MACs per step", "", "Multiply-accumulates of one time step.", "less", whole),
        Column("relative_error", "Error", "%", "Relative error against the float model.", "less", small_percent),
        Column("epoch_seconds", "Epoch", "s", "Median training time of an epoch.", "less", short),
        Column("epochs_to_score", "Epochs", "", f"Epochs to a validation score{goal}, median.", "less", "{:g}".format),
        Column("fronts", "Front", "", "Nothing has both a better score and less of this.", "", front_names),
        Column("misses", "Short of", "", "What is over the budget, and by how much.", "", "; ".join),
        Column("seeds", "Seeds", "", "Runs that went well.", "", str),
        Column("failures", "Failed", "", "Runs that did not.", "less", str),
        Column("reason", "Why", "", "Why the first of them failed."),
    )
    return tuple(column for column in every if _is_filled(column, results))


def _is_filled(column: Column, results: Results) -> bool:
    if column.key == "failures":
        return any(row.failures for row in results.rows)
    if column.key == "seeds":
        return results.trained
    if column.key == "score" and not results.task.metric:
        return False
    return column.key == "name" or any(column.value(row) is not None for row in results.rows)


def terminal_table(results: Results) -> tuple[list[str], list[list[str]]]:
    """Headings and cells; a row that is over the budget says by how much where it says no."""
    every = [column for column in columns(results) if column.key != "misses"]

    def text(column: Column, row: Row) -> str:
        said = column.text(row)
        return f"{said}: {'; '.join(row.misses)}" if column.key == "fits" and row.misses else said

    return [column.title for column in every], [[text(column, row) for column in every] for row in results.rows]


def titles(keys: Sequence[str], results: Results) -> list[str]:
    """The headings of the columns of some fields, in the order of these."""
    by_key = {column.key: column.title for column in columns(results)}
    return [by_key[key] for key in keys if key in by_key]


def csv_text(results: Results) -> str:
    """Every field of every row as it is, one line per row; the bytes by category get a column each."""
    categories = list(dict.fromkeys(name for row in results.rows for name in row.categories))
    names = [field.name for field in fields(Row) if field.name != "categories"]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*names, *(f"categories.{name}" for name in categories)])
    for row in results.rows:
        values = [getattr(row, name) for name in names] + [row.categories.get(name) for name in categories]
        writer.writerow([_csv_cell(value) for value in values])
    return stream.getvalue()


def _csv_cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "; ".join(value)
    return repr(value) if isinstance(value, float) else str(value)


def results_document(results: Results) -> dict[str, Any]:
    """The results as JSON's own types, under the schema `edgernn.compare`; what is not finite becomes None."""
    document: dict[str, Any] = _plain(results)
    return {"schema": SCHEMA, "version": VERSION, **document}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
