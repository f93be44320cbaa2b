"""Figures in sentences: scores in the task's metric, ratios as per cent, bytes and times with their units."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgernn.comparison.results import Row
from edgernn.report.table import kib, percent, plain_points, short, whole

# What stands for a field of `Row` in sentences and above the columns of pairs.
LABELS = {
    "parameters": "Parameters",
    "macs": "MACs",
    "bytes": "File",
    "arena_bytes": "Arena",
    "latency_us": "Time",
    "cold_start_us": "Cold start",
    "epoch_seconds": "Epoch",
    "epochs_to_score": "Epochs",
    "score": "Score",
    "score_lost": "Lost",
}


def label(figure: str, metric: str) -> str:
    """What people call a figure."""
    return metric_name(metric).capitalize() if figure == "score" and metric == "accuracy" else LABELS[figure]


def metric_name(metric: str) -> str:
    """What people call a score: ``accuracy``, ``RMSE``."""
    return {"accuracy": "accuracy", "rmse": "RMSE"}.get(metric, "score")


def amount(figure: str, value: float) -> str:
    """A figure of a row that is no score, with its unit: ``10.8 KiB``."""
    if figure.endswith("bytes"):
        return f"{kib(value)} KiB"
    if figure.endswith("_us"):
        return f"{short(value)} µs" if value < 10_000 else f"{short(value / 1000)} ms"
    if figure.endswith("seconds"):
        return f"{short(value)} s"
    return f"{value:g}" if figure == "epochs_to_score" else whole(value)


def score_text(metric: str, value: float) -> str:
    """A score: ``97.3 %`` for an accuracy, else three digits."""
    return f"{percent(value)} %" if metric == "accuracy" else short(value)


def points(metric: str, value: float) -> str:
    """The size of a difference of scores: ``0.80 points`` of an accuracy."""
    return f"{plain_points(abs(value))} points" if metric == "accuracy" else short(abs(value))


def better_or_worse(metric: str, gained: float) -> str:
    """A difference of scores in words, `gained` being positive for a better one."""
    if points(metric, gained) == points(metric, 0):
        return "the same"
    return f"{points(metric, gained)} {'better' if gained > 0 else 'worse'}"


def relative(ratios: Sequence[float], less: str, more: str, same: str) -> str:
    """Ratios in words, from the smallest to the largest: ``11 to 20 % smaller``.

    Args:
        ratios: at least one.
        less: the word for ratios below 1.
        more: above 1.
        same: where all are 1 to a tenth of a per cent.
    """
    low, high = min(ratios), max(ratios)
    near, far = sorted((_per_cent(low), _per_cent(high)), key=float)
    if near == far == "0":
        return same
    if low < 1 < high and "0" not in (near, far):
        return f"from {_per_cent(low)} % {less} to {_per_cent(high)} % {more}"
    span = far if near == far else f"{near} to {far}"
    return f"{span} % {less if low < 1 and _per_cent(low) != '0' else more}"


def in_the_median(ratios: Sequence[float], less: str, more: str, same: str) -> str:
    """The median of ratios in words: ``16 % smaller``."""
    return relative([median(ratios)], less, more, same)


def _per_cent(ratio: float) -> str:
    size = 100 * abs(1 - ratio)
    return f"{size:.0f}" if size >= 0.95 or size < 0.05 else f"{size:.1f}"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}" if parts else ""


def counted(number: int, one: str, many: str = "") -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def row_words(row: Row) -> str:
    """A row's name, and what kind of file it is: ``GRU 32 in int8 for micro``."""
    words = f"'{row.name}'" if row.kind == "file" else row.name
    if row.scheme:
        words += f" in {row.scheme}"
    return f"{words} for {row.target}" if row.target not in ("", "any") else words
