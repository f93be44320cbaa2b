"""The table that `make benchmark` prints: each row one property, edgernn and the stock converter side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.results import CELLS, SCHEMES, Conversion, Ratio, Results
from benchmarks.workload import Size

KIB = 1024
LONGEST_REASON = 30
FULL_SIZE = Size()

LIMITS = {
    "failed conversions": 0.0,
    "GRU bytes": 24.0 * KIB,
    "LSTM bytes": 27.0 * KIB,
    "GRU arena": 9.5 * KIB,
    "LSTM arena": 10_500.0,
    "int8 error": 0.015,
    "float32 error": 1e-5,
    "dynamic error": 0.006,
    "dynamic GRU time": 0.8,
    "int8 LSTM time, unrolled": 1.1,
    "int8 LSTM time, keras2": 0.1,
    "process time": 0.7,
    "points lost": 1.0,
}
"""What a release must keep at 64 units and 64 steps; a value above its limit is marked in the table."""


@dataclass(frozen=True)
class Row:
    """One property.

    Attributes:
        label: what it is.
        stock: of the stock converter with Keras 3, as text.
        keras2: of the stock converter with legacy Keras 2, where that makes a difference.
        edgernn: of edgernn.
        value: what is compared with the limit: bytes, a fraction, a ratio or points; None if it is missing.
        limit: the largest value allowed; None if there is none.
    """

    label: str
    stock: str
    keras2: str
    edgernn: str
    value: float | None = None
    limit: float | None = None

    @property
    def within(self) -> bool:
        """Whether the value is there and keeps its limit; a row without a limit always does."""
        return self.limit is None or (self.value is not None and self.value <= self.limit)


def rows(results: Results, size: str) -> list[Row]:
    """The rows of one size; limits are those of the full size and absent at any other."""
    found = [
        _converted(results, size),
        *_micro_rows(results, size),
        *_latency_rows(results, size),
        *_error_rows(results, size),
        *_process_rows(results, size),
    ]
    if size == str(FULL_SIZE):
        return found
    return [Row(row.label, row.stock, row.keras2, row.edgernn, row.value) for row in found]


def task_rows(results: Results) -> list[Row]:
    """What int8 costs on real data; the stock converter has no column here, as it converts none of the models."""
    return [
        Row(
            f"accuracy lost by int8: {score.recipe}, {score.cell}, {score.target} (mean of {score.seeds} seeds)",
            "",
            "",
            f"{score.points_lost:+.2f} points ({score.keras:.1%} to {score.artifact:.1%})",
            score.points_lost,
            LIMITS["points lost"],
        )
        for score in results.tasks
    ]


def _converted(results: Results, size: str) -> Row:
    def converted(maker: str, form: str) -> int:
        return sum(
            not results.conversion(maker, form, cell, scheme, size).failure for cell in CELLS for scheme in SCHEMES
        )

    count, total = converted("edgernn", "phone"), len(CELLS) * len(SCHEMES)
    return Row(
        "conversions that succeed: LSTM and GRU, not unrolled, five schemes",
        f"{converted('stock', 'rolled')} of {total}",
        "",
        f"{count} of {total}",
        float(total - count),
        LIMITS["failed conversions"],
    )


def _micro_rows(results: Results, size: str) -> Iterator[Row]:
    """File, arena and error of int8 for a microcontroller."""
    for cell in reversed(CELLS):
        ours, stock, legacy = _int8(results, cell, size)
        texts = (_kib(stock.bytes, stock), _kib(legacy.bytes, legacy), _kib(ours.bytes, ours))
        yield Row(f"int8 {cell} file, for a micro", *texts, ours.bytes, LIMITS[f"{cell} bytes"])
    for cell in reversed(CELLS):
        ours, stock, legacy = _int8(results, cell, size)
        texts = (_arena(stock), _arena(legacy), _arena(ours))
        yield Row(f"int8 {cell} arena, TFLite-Micro", *texts, ours.arena_required, LIMITS[f"{cell} arena"])
    for cell in reversed(CELLS):
        ours, stock, legacy = _int8(results, cell, size)
        texts = (
            _percent(stock.relative_error, stock),
            _percent(legacy.relative_error, legacy),
            _percent(ours.relative_error, ours),
        )
        errors = (ours.relative_error, ours.micro_relative_error)
        yield Row(f"int8 {cell} relative error, for a micro", *texts, _worst(errors), LIMITS["int8 error"])


def _int8(results: Results, cell: str, size: str) -> tuple[Conversion, Conversion, Conversion]:
    """Ours for a micro, the stock one that works, which is unrolled, and that of legacy Keras."""
    return (
        results.conversion("edgernn", "micro", cell, "int8", size),
        results.conversion("stock", "unrolled", cell, "int8", size),
        _legacy(results, cell, size),
    )


def _legacy(results: Results, cell: str, size: str) -> Conversion:
    if cell == "LSTM":
        return results.conversion("stock", "keras2", cell, "int8", size)
    return Conversion("stock", "keras2", cell, "int8", size, failure="-")


def _latency_rows(results: Results, size: str) -> Iterator[Row]:
    """Time of one run on LiteRT, with the ratio to one stock artifact."""
    compared = [
        ("GRU", "dynamic", "rolled", "dynamic GRU time"),
        ("LSTM", "dynamic", "rolled", ""),
        ("LSTM", "int8", "unrolled", "int8 LSTM time, unrolled"),
        ("LSTM", "int8", "keras2", "int8 LSTM time, keras2"),
        ("GRU", "int8", "unrolled", ""),
    ]
    for cell, scheme, form, limit in compared:
        ours = results.conversion("edgernn", "phone", cell, scheme, size)
        peer = results.conversion("stock", form, cell, scheme, size)
        ratio = next((r for r in results.latency if (r.ours, r.peer, r.size) == (ours.name, peer.name, size)), None)
        against = {"rolled": "rolled", "unrolled": "unrolled", "keras2": "Keras 2 fused"}[form]
        time = _microseconds(peer)
        yield Row(
            f"{scheme} {cell} time on LiteRT, against stock {against}",
            "" if form == "keras2" else time,
            time if form == "keras2" else "",
            f"{_microseconds(ours)}{_ratio(ratio)}",
            ratio.median if ratio else None,
            LIMITS.get(limit),
        )


def _error_rows(results: Results, size: str) -> Iterator[Row]:
    for scheme in ("float32", "dynamic"):
        stock = [results.conversion("stock", "rolled", cell, scheme, size) for cell in CELLS]
        ours = [results.conversion("edgernn", "phone", cell, scheme, size) for cell in CELLS]
        label = f"{scheme} relative error on LiteRT, {' / '.join(CELLS)}"
        worst = _worst([each.relative_error for each in ours])
        yield Row(label, _errors(stock), "", _errors(ours), worst, LIMITS[f"{scheme} error"])


def _worst(errors: Sequence[float | None]) -> float | None:
    """The largest, if all are there."""
    known = [error for error in errors if error is not None]
    return max(known) if len(known) == len(errors) else None


def _errors(conversions: Sequence[Conversion]) -> str:
    return " / ".join(_percent(each.relative_error, each) for each in conversions)


def _process_rows(results: Results, size: str) -> Iterator[Row]:
    ratios = [ratio for ratio in results.process if ratio.size == size]
    if not ratios:
        return
    mean = fmean(ratio.median for ratio in ratios)
    ours, peer = fmean(ratio.ours_seconds for ratio in ratios), fmean(ratio.peer_seconds for ratio in ratios)
    low, high = min(ratio.low for ratio in ratios), max(ratio.high for ratio in ratios)
    imports = {True: ", imports TensorFlow", False: ", without TensorFlow", None: ""}[results.imports_tensorflow]
    text = f"{ours:.2f} s, ratio {mean:.2f} ({low:.2f} to {high:.2f}){imports}"
    label = "whole process of a conversion, against a script that calls the stock converter"
    yield Row(label, f"{peer:.2f} s", "", text, mean, LIMITS["process time"])


def _absent(conversion: Conversion) -> str:
    """Why there is no figure, as far as a cell has room for it."""
    reason = conversion.failure or conversion.micro_failure or "-"
    return reason if len(reason) <= LONGEST_REASON else "failed"


def _kib(size: int | None, conversion: Conversion) -> str:
    return _absent(conversion) if size is None else f"{size / KIB:.1f} KiB"


def _arena(conversion: Conversion) -> str:
    """What stays allocated; and what it takes to start, where that is more."""
    if conversion.arena is None or conversion.arena_required is None:
        return _absent(conversion)
    text = _kib(conversion.arena, conversion)
    if conversion.arena_required > conversion.arena:
        text += f" ({_kib(conversion.arena_required, conversion)} to start)"
    return text


def _percent(fraction: float | None, conversion: Conversion) -> str:
    if fraction is None:
        return _absent(conversion)
    return f"{fraction:.0e}" if fraction < 1e-5 else f"{fraction:.2%}"


def _microseconds(conversion: Conversion) -> str:
    if conversion.microseconds is None:
        return _absent(conversion)
    return f"{conversion.microseconds:.0f} us"


def _ratio(ratio: Ratio | None) -> str:
    return f", ratio {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else ""
