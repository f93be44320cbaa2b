"""The textbook's claims on how LSTM and GRU learn: epochs, data, scores, quantization; each tested over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from edgernn.comparison.evidence import Evidence, Match
from edgernn.comparison.pairings import epochs_or_more
from edgernn.comparison.plan import FULL
from edgernn.comparison.records import Model
from edgernn.comparison.results import Claim, Verdict
from edgernn.comparison.rows import epochs_to, gain, score_lost
from edgernn.comparison.statistics import Block, Tested, permutation_test, sampling_error
from edgernn.comparison.words import amount, better_or_worse, counted, listed, metric_name, points, relative, score_text

EPOCH = "A GRU's epoch is shorter."
EPOCHS = "A GRU needs fewer epochs."
DATA = "A GRU needs less data."
EXPRESSIVE = {
    "units": "An LSTM is more expressive than a GRU of as many units.",
    "parameters": "An LSTM is more expressive than a GRU of as many parameters.",
}
QUANTIZATION = "Quantization costs a GRU more than an LSTM."
FLOATS = ("float32", "float16")  # schemes that quantize nothing to integers
MOST_SHOWN = 4  # sizes that figures are written out for


def _epoch(evidence: Evidence) -> Claim:
    """The logarithms are tested, so that every size counts alike."""

    def logarithm(model: Model) -> float | None:
        return math.log(model.epoch_seconds) if model.epoch_seconds else None

    matches, tested = _tested(evidence.matches("units"), logarithm)
    if tested is None:
        return Claim(EPOCH, "not measured", "No LSTM and GRU of equal units were timed in training.")
    shown = _by_match(matches, lambda model: model.epoch_seconds, lambda value: amount("epoch_seconds", value))
    change = relative([math.exp(tested.difference)], "shorter", "longer", "equally long")
    figures = f"{_sentence(change)}, geometric mean over sizes. GRU against LSTM: {shown}."
    return _claim(EPOCH, tested, tested.difference < 0, figures)


def _epochs(evidence: Evidence) -> Claim:
    metric, threshold = evidence.task.metric, evidence.threshold
    both = [match for match in evidence.matches("units") if threshold is not None]
    runs = [model for match in both for model in (*match.lstm, *match.gru) if model.validation]
    reached = [model for model in runs if epochs_to(model, threshold, metric) is not None]
    if threshold is None or not reached:
        return Claim(EPOCHS, "not measured", "No run reached the validation score that epochs are counted to.")

    def epochs(model: Model) -> float | None:
        return epochs_or_more(model, threshold, metric)

    matches, tested = _tested(both, epochs)
    if tested is None:
        return Claim(EPOCHS, "not measured", "No LSTM and GRU of equal units were trained.")
    shown = _by_match(matches, epochs, lambda value: f"{value:.1f}")
    figures = f"To a validation {metric_name(metric)} of {score_text(metric, threshold)}, GRU against LSTM: {shown}."
    if len(reached) < len(runs):
        late = counted(len(runs) - len(reached), "run")
        figures += f" Of {len(runs)} runs, {late} never reached it, and count as one epoch more than they had."
    return _claim(EPOCHS, tested, tested.difference < 0, figures)


def _data(evidence: Evidence) -> Claim:
    """Whether a GRU does better on little data than it does on all of it, both against an LSTM of as many units."""
    metric = evidence.task.metric
    points_of = {(point.cell, point.units, point.fraction): point for point in evidence.curves}
    shares = sorted({(units, share) for cell, units, share in points_of if cell == "gru"})
    both = [(units, share) for units, share in shares if ("lstm", units, share) in points_of]
    sizes = {units for units, share in both if share == FULL} & {units for units, share in both if share != FULL}
    if not sizes:
        return Claim(DATA, "not measured", "No LSTM and GRU were trained on several shares of the data.")
    blocks, words = [], []
    for units in sorted(sizes):
        small = [share for size, share in both if size == units and share != FULL]
        for share in (*small, FULL):
            lstm, gru = points_of["lstm", units, share], points_of["gru", units, share]
            left, right = (tuple(gain(metric, score, 0.0) for score in point.scores) for point in (lstm, gru))
            blocks.append(Block(left, right, -1.0 if share == FULL else 1 / len(small)))
            samples = counted(gru.samples, "sample") if gru.samples else f"{100 * share:g} % of the samples"
            change = better_or_worse(metric, fmean(right) - fmean(left))
            words.append(f"{units} units, {samples}: {change}")
    tested = permutation_test(blocks)
    if tested is None:
        return Claim(DATA, "not measured", "No LSTM and GRU were trained on several shares of the data.")
    more = 2 * tested.difference  # the sizes of the weights of one size add up to 2
    figures = (
        f"GRU against LSTM, {metric_name(metric)}: {'; '.join(words)}. On small shares the GRU's lead is "
        f"{points(metric, more)} {'larger' if more > 0 else 'smaller'} than on all of the data."
    )
    note = "labels change places within a share; the lead on small shares less that on all samples is tested"
    claim = _claim(DATA, tested, tested.difference > 0, figures)
    return replace(claim, test=f"{claim.test}; {note}")


def expressive(evidence: Evidence, equal: str) -> tuple[list[Match], Tested | None]:
    """Scores of the float models at equal units or parameters; a positive difference says that the GRU is better."""
    metric = evidence.task.metric

    def good(model: Model) -> float | None:
        return None if model.score is None else gain(metric, model.score, 0.0)

    return _tested(evidence.matches(equal), good)


def _expressive(evidence: Evidence, equal: str) -> Claim:
    metric = evidence.task.metric
    matches, tested = expressive(evidence, equal)
    if tested is None:
        return Claim(EXPRESSIVE[equal], "not measured", f"No LSTM and GRU of equal {equal} have scores.")
    shown = _by_match(matches, lambda model: model.score, lambda value: score_text(metric, value))
    over_all = better_or_worse(metric, tested.difference)
    figures = f"GRU against LSTM, {metric_name(metric)}: {shown}; over all, the GRU's is {over_all}."
    figures += sampling_words(evidence, fmean(score for match in matches for score in match.scores))
    return _claim(EXPRESSIVE[equal], tested, tested.difference < 0, figures)


def sampling_words(evidence: Evidence, accuracy: float) -> str:
    """How far an accuracy may be off because the test samples are few; empty for other metrics."""
    samples = evidence.test_samples
    if not samples:
        return ""
    error = points("accuracy", sampling_error(accuracy, samples))
    return f" {samples:,} test samples: one standard error is {error}."


def _quantization(evidence: Evidence) -> Claim:
    """A model's loss is the mean over its quantized artifacts, for these are not independent of each other."""
    metric = evidence.task.metric
    lost: dict[str, dict[tuple[str, str], float]] = {}
    for run in (run for runs in evidence.runs.values() for run in runs):
        made = run.artifact
        if made is None or run.failed or made.scheme in FLOATS:
            continue
        if (loss := score_lost(run.model, made, metric)) is not None:
            lost.setdefault(run.model.id, {})[made.scheme, made.target] = loss
    blocks, schemes = [], set()
    for match in evidence.matches("units"):
        seeds = [tuple(lost[model.id] for model in models if model.id in lost) for models in (match.lstm, match.gru)]
        common = set.intersection(*(set(loss) for losses in seeds for loss in losses)) if all(seeds) else set()
        if common:
            left, right = (tuple(fmean(loss[kind] for kind in common) for loss in losses) for losses in seeds)
            blocks.append(Block(left, right))
            schemes |= {scheme for scheme, _ in common}
    tested = permutation_test(blocks)
    if tested is None:
        return Claim(QUANTIZATION, "not measured", "No LSTM and GRU of equal units have scores with and without it.")
    lstm, gru = (
        fmean(fmean(side) for side in sides) for sides in zip(*((b.left, b.right) for b in blocks), strict=True)
    )
    names = listed(sorted(schemes))
    figures = (
        f"{metric_name(metric).capitalize() if metric != 'rmse' else 'RMSE'} lost by {names}, mean over sizes and "
        f"files: GRU {_signed(metric, gru)}, LSTM {_signed(metric, lstm)}."
    )
    return _claim(QUANTIZATION, tested, tested.difference > 0, figures)


def _signed(metric: str, lost: float) -> str:
    text = points(metric, lost)
    return f"-{text}" if lost < 0 and text != points(metric, 0) else text


def _tested(matches: Sequence[Match], value: Callable[[Model], float | None]) -> tuple[list[Match], Tested | None]:
    """The matches that have the figure, and the test of it over all of them."""
    found = [(match, block) for match in matches if (block := match.block(value)) is not None]
    return [match for match, _ in found], permutation_test([block for _, block in found])


def _claim(claim: str, tested: Tested, as_said: bool, figures: str) -> Claim:
    verdict: Verdict = ("yes" if as_said else "no") if tested.is_significant else "within noise"
    return Claim(claim, verdict, figures, tested.p, tested.smallest_p, tested.words)


def _by_match(matches: Sequence[Match], value: Callable[[Model], float | None], show: Callable[[float], str]) -> str:
    """``16 units: 94.6 % against 95.1 %; ...``: means over seeds, the GRU first."""
    words = []
    for match in matches[:MOST_SHOWN]:
        if (block := match.block(value)) is not None:
            words.append(f"{match.name}: {show(fmean(block.right))} against {show(fmean(block.left))}")
    if len(matches) > MOST_SHOWN:
        words.append(f"and {counted(len(matches) - MOST_SHOWN, 'more size')}")
    return "; ".join(words)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


LEARNING_CLAIMS: tuple[Callable[[Evidence], Claim], ...] = (
    _epoch,
    _epochs,
    _data,
    lambda evidence: _expressive(evidence, "units"),
    lambda evidence: _expressive(evidence, "parameters"),
    _quantization,
)
