"""Whether something simpler would do: an answer without a network, a CNN, a plain recurrent layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from edgernn.comparison.evidence import Evidence
from edgernn.comparison.records import CNN
from edgernn.comparison.results import Row
from edgernn.comparison.rows import gain
from edgernn.comparison.statistics import Scores, standard_error
from edgernn.comparison.words import amount, better_or_worse, listed, metric_name, points, score_text
from edgernn.report.palette import cell_name


@dataclass(frozen=True)
class Network:
    """One cell and size, and the scores of its float models."""

    cell: str
    units: int
    scores: Scores

    @property
    def name(self) -> str:
        """``CNN 32``."""
        return f"{cell_name(self.cell)} {self.units}"


def best_network(evidence: Evidence, cells: Sequence[str]) -> Network | None:
    """The size and cell with the best mean score; None if none of these has a score."""
    found = []
    for cell in cells:
        for units, models in evidence.networks(cell).items():
            scores = [model.score for model in models if model.score is not None]
            if scores:
                spread = stdev(scores) if len(scores) > 1 else None
                found.append(Network(cell, units, Scores(fmean(scores), spread, len(scores))))
    return max(found, key=lambda network: gain(evidence.task.metric, network.scores.mean, 0.0), default=None)


def not_needed(evidence: Evidence) -> str:
    """A headline, if an answer without a network or a CNN scores at least as well as the best LSTM or GRU."""
    gated, metric = best_network(evidence, ("lstm", "gru")), evidence.task.metric
    if gated is None:
        return ""
    best = f"the best of both, {gated.name}, {score_text(metric, gated.scores.mean)}"
    for known in evidence.task.baselines:
        if gain(metric, known.score, gated.scores.mean) >= 0:
            reached = score_text(metric, known.score)
            return f"Neither LSTM nor GRU is needed: '{known.name}' reaches {reached} without a network, {best}."
    cnn = best_network(evidence, (CNN,))
    if cnn is not None and gain(metric, cnn.scores.mean, gated.scores.mean) >= 0:
        return f"Neither LSTM nor GRU is needed: {cnn.name} reaches {score_text(metric, cnn.scores.mean)}, {best}."
    return ""


def simpler(evidence: Evidence) -> list[str]:
    """A sentence for the best baseline, the best CNN and the best SimpleRNN, against the best LSTM or GRU."""
    gated, metric = best_network(evidence, ("lstm", "gru")), evidence.task.metric
    if gated is None:
        return []
    sentences = []
    if evidence.task.baselines:
        known = max(evidence.task.baselines, key=lambda known: gain(metric, known.score, 0.0))
        words = _against(evidence, f"'{known.name}'", Scores(known.score, None, 1), gated)
        sentences.append(f"Without a network, {words}.")
    for cell in (CNN, "simplernn"):
        other = best_network(evidence, (cell,))
        if other is not None:
            words = _against(evidence, other.name, other.scores, gated)
            costs = _costs(evidence, other, gated)
            sentences.append(f"{words}. {costs}".strip() if costs else f"{words}.")
    return sentences


def _against(evidence: Evidence, name: str, scores: Scores, gated: Network) -> str:
    metric = evidence.task.metric
    gained = gain(metric, scores.mean, gated.scores.mean)
    error = standard_error(scores, gated.scores, evidence.test_samples)
    change = better_or_worse(metric, gained)
    if abs(gained) <= error:
        change += f", within one standard error ({points(metric, error)})"
    return (
        f"{name} reaches {metric_name(metric)} {score_text(metric, scores.mean)} against "
        f"{score_text(metric, gated.scores.mean)} of the best of both, {gated.name}: {change}"
    )


def _costs(evidence: Evidence, other: Network, gated: Network) -> str:
    """Sizes and times of both, of the kind of file in which the LSTM or GRU is smallest and, if any, has an arena."""

    def of(network: Network) -> dict[tuple[str, str], Row]:
        rows = [row for row in evidence.rows if (row.cell, row.units) == (network.cell, network.units) and row.bytes]
        return {(row.scheme, row.target): row for row in rows}

    others, gates = of(other), of(gated)
    common = [kind for kind in gates if kind in others]
    if not common:
        return ""
    both = [kind for kind in common if others[kind].arena_bytes and gates[kind].arena_bytes] or common
    scheme, target = min(both, key=lambda kind: gates[kind].bytes or 0)
    mine, theirs = others[scheme, target], gates[scheme, target]
    parts = []
    for figure, what in (("bytes", "file"), ("arena_bytes", "arena"), ("latency_us", "time")):
        a, b = getattr(mine, figure), getattr(theirs, figure)
        if a is not None and b is not None:
            parts.append(f"{what} {amount(figure, a)} against {amount(figure, b)}")
    return f"In {scheme} for {target}: {listed(parts)}."
