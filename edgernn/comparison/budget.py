"""Under a budget: what a user's limits say, which rows keep them, and which of these is the best."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgernn.comparison.results import Budget, Row
from edgernn.comparison.rows import gain
from edgernn.comparison.statistics import Scores, standard_error
from edgernn.comparison.words import amount, counted, metric_name, points, row_words, score_text
from edgernn.errors import UnsupportedError
from edgernn.profiling.fit import MICRO_CODE_BYTES, MICRO_STACK_BYTES

if TYPE_CHECKING:
    from edgernn.devices.boards import Board

BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "kib": 1024, "mib": 1024**2}
MICROSECONDS = {"us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6}
_EXAMPLE = "write it as flash=256KiB,ram=64KiB,latency=10ms,accuracy=0.9."
_VALUE = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*([a-zµμ%]*)", re.IGNORECASE)


def board_budget(board: Board) -> Budget:
    """What a board leaves for a model's file and for its arena, as limits."""
    if board.runtime != "micro":
        return Budget(ram=board.ram_bytes, board=board.name)
    flash = None if board.flash_bytes is None else max(0, board.flash_bytes - MICRO_CODE_BYTES)
    return Budget(flash=flash, ram=max(0, board.ram_bytes - MICRO_STACK_BYTES), board=board.name)


def parse_budget(text: str, base: Budget | None = None) -> Budget:
    """Limits as a user writes them: ``flash=256KiB,ram=64KiB,latency=10ms,accuracy=0.9``.

    Args:
        text: ``key=value`` with commas between. Keys: flash and ram in B, KiB, KB, MiB or MB, or plain bytes; latency
            in us, ms or s; accuracy as a fraction or in %; rmse; or score, in whatever the metric is.
        base: limits of a board; those in the text replace them.

    Raises:
        UnsupportedError: everything that is wrong with the text.
    """
    budget, broken = base or Budget(), []
    seen: set[str] = set()
    for word in (word.strip() for word in text.split(",")):
        key, equals, value = (part.strip() for part in word.partition("="))
        key = key.lower()
        if not equals or not value:
            broken.append((f"budget: every limit must be KEY=VALUE. Found: '{word}'.", _EXAMPLE))
        elif key not in _KEYS:
            broken.append((f"budget: must limit one of {', '.join(_KEYS)}. Found: '{key}'.", _EXAMPLE))
        elif key in seen:
            broken.append((f"budget: '{key}' must be given once. Found: twice.", ""))
        else:
            read, rule, hint = _KEYS[key]
            limit = read(value, budget)
            if limit is None:
                broken.append((f"budget: '{key}' must be {rule}. Found: '{value}'.", hint))
            else:
                budget = limit
        seen.add(key)
    if {"accuracy", "rmse", "score"} & seen and len({"accuracy", "rmse", "score"} & seen) > 1:
        broken.append((f"budget: must limit one score. Found: {' and '.join(sorted(seen & _SCORES))}.", ""))
    if broken:
        raise UnsupportedError(broken)
    return budget


def _number(value: str, units: Mapping[str, float]) -> float | None:
    """A number above 0 in one of the units, else None."""
    match = _VALUE.fullmatch(value)
    if match is None or (factor := units.get(match[2].lower().replace("μ", "µ"))) is None:
        return None
    number = float(match[1]) * factor
    return number if 0 < number < math.inf else None


def _flash(value: str, budget: Budget) -> Budget | None:
    size = _number(value, BYTES)
    return None if size is None or size < 1 else replace(budget, flash=int(size))


def _ram(value: str, budget: Budget) -> Budget | None:
    size = _number(value, BYTES)
    return None if size is None or size < 1 else replace(budget, ram=int(size))


def _latency(value: str, budget: Budget) -> Budget | None:
    time = _number(value, MICROSECONDS)
    return None if time is None else replace(budget, latency_us=time)


def _accuracy(value: str, budget: Budget) -> Budget | None:
    share = _number(value, {"": 1.0, "%": 0.01})
    # Rounded, since 70 x 0.01 is more than 0.7, which a score of 0.7 would miss.
    return None if share is None or share > 1 else replace(budget, score=round(share, 12), metric="accuracy")


def _rmse(value: str, budget: Budget) -> Budget | None:
    error = _number(value, {"": 1.0})
    return None if error is None else replace(budget, score=error, metric="rmse")


def _score(value: str, budget: Budget) -> Budget | None:
    score = _number(value, {"": 1.0})
    return None if score is None else replace(budget, score=score, metric="")


_SCORES = {"accuracy", "rmse", "score"}
_SIZE = ("a size above 0 in B, KiB, KB, MiB or MB", "256KiB is 256 x 1024 bytes, 256KB is 256 x 1000.")
_KEYS: Mapping[str, tuple[Callable[[str, Budget], Budget | None], str, str]] = {
    "flash": (_flash, *_SIZE),
    "ram": (_ram, *_SIZE),
    "latency": (_latency, "a time above 0 in us, ms or s", "10ms is ten milliseconds."),
    "accuracy": (_accuracy, "above 0 and at most 1, or in %", "0.9 and 90% are the same."),
    "rmse": (_rmse, "a number above 0", ""),
    "score": (_score, "a number above 0", ""),
}


def judge(rows: Sequence[Row], budget: Budget | None, metric: str) -> tuple[Row, ...]:
    """Say of every row whether it fits, and what is short; of baselines and of what failed nothing is said."""
    if budget is None:
        return tuple(rows)
    return tuple(row if row.kind == "baseline" or not row.seeds else _judged(row, budget, metric) for row in rows)


def memory(row: Row) -> int | None:
    """What counts against `Budget.ram`: the arena, but of a file for a phone the file itself and its tensors."""
    if row.target == "micro" or (row.target != "phone" and row.arena_bytes is not None):
        return row.arena_bytes
    return None if row.bytes is None or row.activation_bytes is None else row.bytes + row.activation_bytes


def _judged(row: Row, budget: Budget, metric: str) -> Row:
    costs = (
        ("flash", "bytes", row.bytes, budget.flash),
        ("ram", "bytes", memory(row), budget.ram),
        ("latency", "latency_us", row.latency_us, budget.latency_us),
    )
    misses, unknown = [], False
    for name, figure, needed, limit in costs:
        if limit is None:
            continue
        unknown |= needed is None
        if needed is not None and needed > limit:
            misses.append(f"{name}: {amount(figure, needed - limit)} over {amount(figure, limit)}")
    if budget.score is not None:
        known = row.score if budget.metric in ("", metric) else None
        unknown |= known is None
        if known is not None and (short := gain(metric, budget.score, known)) > 0:
            side = "over" if metric == "rmse" else "under"
            short_text, limit_text = points(metric, short), score_text(metric, budget.score)
            misses.append(f"{metric_name(metric)}: {short_text} {side} {limit_text}")
    return replace(row, fits=False if misses else None if unknown else True, misses=tuple(misses))


@dataclass(frozen=True)
class Choice:
    """The best row within a budget, and why, in words; no row if none is known to fit."""

    row: Row | None
    why: str


def best(rows: Sequence[Row], metric: str, samples: int | None = None) -> Choice:
    """Choose among the rows that fit, as `judge` has marked them.

    The best score wins. Scores within one standard error of it are as good, and of these the smallest file wins. Where
    nothing is scored, the shortest time wins; where nothing is timed either, the smallest file.

    Args:
        rows: judged.
        metric: of the scores.
        samples: how many test samples an accuracy was counted on, if known.
    """
    fitting = [row for row in rows if row.fits]
    if not fitting:
        return Choice(None, _why_none(rows))
    scored = [(row, row.score) for row in fitting if row.score is not None]
    if scored:
        return _best_score(scored, metric, samples)
    timed = [row for row in fitting if row.latency_us is not None]
    if timed:
        fastest = min(timed, key=lambda row: (row.latency_us or 0.0, _size(row)))
        time = amount("latency_us", fastest.latency_us or 0.0)
        return Choice(fastest, f"{row_words(fastest)} takes the least time, {time}; nothing is scored.")
    smallest = min(fitting, key=_size)
    return Choice(
        smallest, f"{row_words(smallest)} is the smallest, {_size_text(smallest)}; nothing is scored or timed."
    )


def _best_score(scored: Sequence[tuple[Row, float]], metric: str, samples: int | None) -> Choice:
    top, top_score = max(scored, key=lambda pair: (gain(metric, pair[1], 0.0), -_size(pair[0])))
    counts = samples if metric == "accuracy" else None

    def noise(row: Row, score: float) -> float:
        first = Scores(top_score, top.score_spread, top.seeds)
        return standard_error(first, Scores(score, row.score_spread, row.seeds), counts)

    as_good = [(row, score) for row, score in scored if gain(metric, top_score, score) <= noise(row, score)]
    chosen, score = min(as_good, key=lambda pair: (_size(pair[0]), -gain(metric, pair[1], 0.0)))
    reached = f"{score_text(metric, score)} with {_size_text(chosen)}"
    if chosen is top:
        smaller = f"; the {counted(len(as_good) - 1, 'other')} as good within noise are no smaller"
        return Choice(top, f"{row_words(top)} has the best score, {reached}{smaller if len(as_good) > 1 else ''}.")
    lead = points(metric, gain(metric, top_score, score))
    return Choice(
        chosen,
        f"{row_words(chosen)} reaches {reached}. {row_words(top)} has {score_text(metric, top_score)}, but {lead} are "
        f"within one standard error, {points(metric, noise(chosen, score))}, and it needs {_size_text(top)}: of "
        f"{counted(len(as_good), 'row')} that are as good, the smallest file wins.",
    )


def _size(row: Row) -> float:
    return math.inf if row.bytes is None else row.bytes


def _size_text(row: Row) -> str:
    return "a file of unknown size" if row.bytes is None else amount("bytes", row.bytes)


def _why_none(rows: Sequence[Row]) -> str:
    missing = [row for row in rows if row.fits is False]
    unknown = [row for row in rows if row.fits is None and row.seeds and row.kind != "baseline"]
    if not missing and not unknown:
        return "There is no row to judge."
    words = []
    if missing:
        closest = min(missing, key=lambda row: (len(row.misses), _size(row)))
        words.append(f"Nothing fits. {row_words(closest)} comes closest: {'; '.join(closest.misses)}.")
    if unknown:
        words.append(
            f"Of {counted(len(unknown), 'row')} it cannot be told: a figure that the budget limits is missing."
        )
    return " ".join(words)
