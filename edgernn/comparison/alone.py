"""What can be said where LSTM and GRU are not both there: the best score, the smallest file, the shortest time."""

from __future__ import annotations

from collections.abc import Sequence

from edgernn.comparison.evidence import Evidence
from edgernn.comparison.pairings import rounds_of
from edgernn.comparison.results import Row
from edgernn.comparison.rows import gain
from edgernn.comparison.statistics import ratio_over_rounds
from edgernn.comparison.words import amount, counted, metric_name, row_words, score_text


def alone(evidence: Evidence) -> list[str]:
    """A sentence each; of a single row what it has."""
    rows = [row for row in evidence.rows if row.seeds]
    sentences = [_score(rows, evidence.task.metric), _smallest(rows), _fastest(rows, evidence)]
    return [sentence for sentence in sentences if sentence] or [f"{counted(len(rows), 'row')} without figures."]


def _score(rows: list[Row], metric: str) -> str:
    known = [(row, row.score) for row in rows if row.score is not None]
    if not known:
        return ""
    top, score = max(known, key=lambda pair: gain(metric, pair[1], 0.0))
    return f"The best {metric_name(metric)} is {score_text(metric, score)}, of {row_words(top)}{_ties(known, score)}."


def _smallest(rows: list[Row]) -> str:
    known = [(row, row.bytes) for row in rows if row.bytes is not None]
    if not known:
        return ""
    row, size = min(known, key=lambda pair: pair[1])
    return f"The smallest file is {row_words(row)}, {amount('bytes', size)}{_ties(known, size)}."


def _ties(known: Sequence[tuple[Row, float]], best: float) -> str:
    """How many others have the same figure, as a clause; empty if none has."""
    others = sum(value == best for _, value in known) - 1
    return f"; {counted(others, 'other')} {'has' if others == 1 else 'have'} the same" if others else ""


def _fastest(rows: list[Row], evidence: Evidence) -> str:
    known = [(row, row.latency_us) for row in rows if row.latency_us is not None]
    if not known:
        return ""
    fastest, time = min(known, key=lambda pair: pair[1])
    mine = rounds_of(evidence.runs[fastest.id])
    ratios = [ratio_over_rounds(mine, rounds_of(evidence.runs[row.id])) for row, _ in known if row is not fastest]
    equal = sum(ratio is not None and ratio.is_noise for ratio in ratios)
    words = f"The shortest time on this machine is that of {row_words(fastest)}, {amount('latency_us', time)}"
    return f"{words}; {counted(equal, 'other')} within noise of it." if equal else f"{words}."
