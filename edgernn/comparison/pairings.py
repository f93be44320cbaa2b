"""An LSTM and a GRU side by side: at equal units, and at equal parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from edgernn.comparison.records import Artifact, Model
from edgernn.comparison.results import Difference, Pairing, Row
from edgernn.comparison.rows import Run, epochs_to, score_lost
from edgernn.comparison.statistics import Block, permutation_test, ratio_over_rounds
from edgernn.comparison.words import label

CLOSE = 0.03  # two rows within 3 % have as many parameters
FIGURES = (
    "parameters",
    "macs",
    "bytes",
    "arena_bytes",
    "latency_us",
    "cold_start_us",
    "epoch_seconds",
    "epochs_to_score",
    "score",
    "score_lost",
)
OfRun = Callable[[Model, Artifact], float | None]


def pairings(
    rows: Sequence[Row], runs: Mapping[str, Sequence[Run]], metric: str, threshold: float | None
) -> tuple[Pairing, ...]:
    """All pairs of rows of one scheme and target that went well, first at equal units, then at equal parameters.

    Args:
        rows: of the comparison.
        runs: of these rows, by id; they carry what differs from seed to seed and from round to round.
        metric: of the scores.
        threshold: to which epochs are counted.
    """
    lstms = [row for row in rows if row.cell == "lstm" and row.seeds]
    grus = [row for row in rows if row.cell == "gru" and row.seeds]
    found = []
    for lstm in lstms:
        partners = [row for row in grus if (row.scheme, row.target) == (lstm.scheme, lstm.target)]
        for gru in partners:
            if gru.units == lstm.units:
                found.append(Pairing("units", lstm.id, gru.id, lstm.scheme, lstm.target, ()))
        if (match := as_many_parameters(lstm, partners)) is not None:
            found.append(Pairing("parameters", lstm.id, match.id, lstm.scheme, lstm.target, ()))
    by_id = {row.id: row for row in rows}
    full = [
        Pairing(
            pair.equal,
            pair.lstm,
            pair.gru,
            pair.scheme,
            pair.target,
            tuple(_differences(by_id[pair.lstm], by_id[pair.gru], runs[pair.lstm], runs[pair.gru], metric, threshold)),
        )
        for pair in found
    ]
    return tuple(sorted(full, key=lambda pair: pair.equal, reverse=True))  # "units" before "parameters"; stable


Network = TypeVar("Network", Row, Model)


def as_many_parameters(lstm: Network, grus: Sequence[Network]) -> Network | None:
    """The GRU that was trained to match, else the one whose number of parameters is closest, within 3 %."""
    matched = [gru for gru in grus if gru.matched == f"lstm-{lstm.units}"]
    if matched:
        return matched[0]
    wanted = lstm.parameters
    if not wanted:
        return None
    counted = [(abs(gru.parameters - wanted), gru) for gru in grus if gru.parameters is not None]
    distance, closest = min(counted, key=lambda pair: pair[0], default=(math.inf, None))
    return closest if distance <= CLOSE * wanted else None


def _differences(
    lstm: Row, gru: Row, left: Sequence[Run], right: Sequence[Run], metric: str, threshold: float | None
) -> Iterator[Difference]:
    for figure in FIGURES:
        a, b = getattr(lstm, figure), getattr(gru, figure)
        if a is None or b is None:
            continue
        ratio = low = high = p = None
        a_seeds, b_seeds = (_by_seed(figure, runs, metric, threshold) for runs in (left, right))
        if figure in ("score", "score_lost"):
            p = _p(a_seeds, b_seeds)
        elif a:
            ratio = b / a
            if figure == "latency_us":
                over = ratio_over_rounds(rounds_of(left), rounds_of(right))
                ratio, low, high = (over.median, over.low, over.high) if over else (ratio, None, None)
            else:
                low, high = _range(a_seeds, b_seeds)
            if figure in ("epoch_seconds", "epochs_to_score"):
                p = _p(a_seeds, b_seeds)
        yield Difference(figure, label(figure, metric), float(a), float(b), ratio, low, high, p)


def rounds_of(runs: Sequence[Run]) -> list[tuple[float, ...]]:
    """For every seed its times, round by round; seeds that were not timed are left out."""
    latencies = [run.artifact.latency for run in runs if run.artifact is not None and not run.failed]
    return [latency.rounds for latency in latencies if latency is not None and latency.rounds]


def _by_seed(figure: str, runs: Sequence[Run], metric: str, threshold: float | None) -> dict[int, float]:
    """A figure of every seed that has it."""
    reads: Mapping[str, OfRun] = {
        "parameters": lambda model, artifact: model.parameters,
        "macs": lambda model, artifact: model.macs,
        "bytes": lambda model, artifact: artifact.bytes,
        "arena_bytes": lambda model, artifact: artifact.arena_bytes,
        "cold_start_us": lambda model, artifact: artifact.cold_start_us,
        "epoch_seconds": lambda model, artifact: model.epoch_seconds,
        "epochs_to_score": lambda model, artifact: epochs_or_more(model, threshold, metric),
        "score": lambda model, artifact: artifact.score,
        "score_lost": lambda model, artifact: score_lost(model, artifact, metric),
    }
    if figure not in reads:
        return {}
    found = {}
    for run in runs:
        if run.failed or run.artifact is None:
            continue
        value = reads[figure](run.model, run.artifact)
        if value is not None and math.isfinite(value):
            found[run.model.seed] = float(value)
    return found


def epochs_or_more(model: Model, threshold: float | None, metric: str) -> int | None:
    """Epochs to the threshold; a run that never reaches it counts as one epoch more than it had."""
    if threshold is None or not model.validation:
        return None
    return epochs_to(model, threshold, metric) or len(model.validation) + 1


def _p(left: Mapping[int, float], right: Mapping[int, float]) -> float | None:
    tested = permutation_test([Block(tuple(left.values()), tuple(right.values()))])
    return tested.p if tested else None


def _range(left: Mapping[int, float], right: Mapping[int, float]) -> tuple[float | None, float | None]:
    """The smallest and the largest ratio of the same seeds, if they differ."""
    ratios = [right[seed] / left[seed] for seed in left if seed in right and left[seed]]
    if len(ratios) < 2 or min(ratios) == max(ratios):
        return None, None
    return min(ratios), max(ratios)


def ratios_of(pairs: Sequence[Pairing], figure: str) -> list[float]:
    """GRU / LSTM in every pair that has the figure."""
    found = [each for pair in pairs for each in pair.differences if each.figure == figure]
    return [each.ratio for each in found if each.ratio is not None]
