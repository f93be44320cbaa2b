"""In sentences: what a GRU saves against an LSTM, and what it costs, at equal units or at equal parameters."""

from __future__ import annotations

from statistics import median

from edgernn.comparison.evidence import Evidence
from edgernn.comparison.learning import expressive
from edgernn.comparison.pairings import ratios_of
from edgernn.comparison.results import Pairing
from edgernn.comparison.speed import speed
from edgernn.comparison.words import better_or_worse, counted, listed, metric_name, relative


def saved(evidence: Evidence, equal: str) -> str:
    """A sentence or two on sizes and times, with the range over all pairs; empty without pairs."""
    pairs = evidence.pairs(equal)
    if not pairs:
        return ""
    counts = [
        f"{relative(ratios, 'fewer', 'more', 'as many')} {what}"
        for figure, what in (("parameters", "parameters"), ("macs", "multiply-accumulates"))
        if (ratios := ratios_of(pairs, figure))
    ]
    sizes = [
        f"{subject} {relative(ratios, 'smaller', 'larger', 'as large')}"
        for figure, subject in (("bytes", "its file is"), ("arena_bytes", "its arena on TFLite-Micro is"))
        if (ratios := ratios_of(_for(figure, evidence, equal), figure))
    ]
    time = _time(evidence, equal)
    names = sorted({pair.lstm.split("-")[1] for pair in pairs}, key=int)
    rows = {row.id: row for row in evidence.rows}
    if equal == "parameters":
        couples = dict.fromkeys((rows[pair.gru].name, rows[pair.lstm].name) for pair in pairs)
        where = f"At equal parameters ({listed([f'{gru} for {lstm}' for gru, lstm in couples])})"
    else:
        where = f"At equal units ({listed(names)})"
    words = f"{where}, a GRU has {listed(counts)} than an LSTM. " if counts else f"{where}, GRU against LSTM: "
    rest = listed([*sizes, time] if time else sizes)
    return (words + rest[:1].upper() + rest[1:] + "." if rest else words).strip()


def _for(figure: str, evidence: Evidence, equal: str) -> list[Pairing]:
    """An arena matters in files for TFLite-Micro, if there are any."""
    pairs = [pair for pair in evidence.pairs(equal) if ratios_of([pair], figure)]
    micro = [pair for pair in pairs if pair.target == "micro"]
    return micro if figure == "arena_bytes" and micro else pairs


def _time(evidence: Evidence, equal: str) -> str:
    times = speed(evidence, equal)
    if times is None:
        return ""
    if times.depends:
        return f"an inference is {times.tally}"
    if times.mean.is_noise:
        return f"an inference takes the same time within noise (ratio {times.band})"
    return f"an inference takes {relative([times.mean.median], 'less', 'more', 'as much')} time (ratio {times.band})"


def scored(evidence: Evidence, equal: str) -> str:
    """A sentence on the scores of the float models; empty without scores."""
    matches, tested = expressive(evidence, equal)
    if tested is None:
        return ""
    metric = evidence.task.metric
    change = better_or_worse(metric, tested.difference)
    seeds = sorted({len(models) for match in matches for models in (match.lstm, match.gru)})
    each = counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    tried = f"mean over {counted(len(matches), 'pair')}, {each} of each network, p = {tested.p:.2g}"
    sure = "more than the seeds explain" if tested.is_significant else "within noise"
    return f"At equal {equal} the GRU's {metric_name(metric)} is {change}, {sure} ({tried})."


def in_short(evidence: Evidence) -> str:
    """The headline's clause: medians over pairs of equal units, or ranges where it depends on the pair."""
    parts = []
    for figure, subject in (("bytes", "file"), ("arena_bytes", "arena")):
        if ratios := ratios_of(_for(figure, evidence, "units"), figure):
            mixed = min(ratios) < 1 < max(ratios)
            change = relative(ratios if mixed else [median(ratios)], "smaller", "larger", "as large")
            parts.append(f"its {subject} is {change}")
    if times := speed(evidence, "units"):
        if times.depends:
            parts.append(f"it is {times.tally}")
        elif times.mean.is_noise:
            parts.append("it is as fast within noise")
        else:
            parts.append(f"it takes {relative([times.mean.median], 'less', 'more', 'as much')} time")
    _, tested = expressive(evidence, "units")
    if tested is not None:
        metric = evidence.task.metric
        sure = "" if tested.is_significant else ", within noise"
        parts.append(f"its {metric_name(metric)} is {better_or_worse(metric, tested.difference)}{sure}")
    return listed(parts)
