"""The textbook's claims on LSTM and GRU: what a GRU is, and what it needs; each with a verdict on this data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgernn.comparison.evidence import Evidence
from edgernn.comparison.learning import LEARNING_CLAIMS
from edgernn.comparison.pairings import ratios_of
from edgernn.comparison.results import Claim, Pairing, Verdict
from edgernn.comparison.speed import speed
from edgernn.comparison.words import amount, counted, relative, row_words

GATES = "A GRU has two gates where an LSTM has three."
WEIGHTS = "A GRU has three weight blocks where an LSTM has four."
FILE = "A GRU's file is smaller."
MEMORY = "A GRU needs less memory."
SPEED = "A GRU runs faster."
MOSTLY = 0.9  # of the pairs, where the others say the opposite
BAND = (
    "within noise if the 10th to 90th percentile over rounds includes 1, or the median is within 1 % of it; both take "
    "their turn in every round"
)


def claims(evidence: Evidence) -> tuple[Claim, ...]:
    """All claims, if an LSTM and a GRU stand side by side; those on learning, if something was trained."""
    if not (evidence.matches("units") or evidence.matches("parameters")):
        return ()
    every: tuple[Callable[[Evidence], Claim], ...] = (_gates, _weights, _file, _memory, _speed)
    if any(model.validation or model.score is not None for model in evidence.models):
        every += LEARNING_CLAIMS
    return tuple(claim(evidence) for claim in every)


def _gates(evidence: Evidence) -> Claim:
    figures = (
        "LSTM: input, forget and output gate. GRU: update and reset gate. Each has a candidate besides, and the LSTM "
        "carries two states from step to step, the GRU one."
    )
    return Claim(GATES, "yes", figures, test="by their equations")


def _weights(evidence: Evidence) -> Claim:
    """Three quarters of the weights; the biases are 4 per unit of an LSTM, 3 or, with reset_after, 6 of a GRU."""
    counts = []
    for match in evidence.matches("units"):
        lstm, gru = match.lstm[0].recurrent_parameters, match.gru[0].recurrent_parameters
        if lstm and gru:
            counts.append((match.lstm[0].units, lstm, gru))
    if not counts:
        return Claim(WEIGHTS, "not measured", "The parameters of no LSTM and GRU of equal units are known.")
    as_said = all(4 * gru >= 3 * lstm and (4 * gru - 3 * lstm) % (12 * units) == 0 for units, lstm, gru in counts)
    units, lstm, gru = counts[len(counts) // 2]
    figures = f"{units} units: {gru:,} against {lstm:,} recurrent parameters, a ratio of {gru / lstm:.3f}."
    more = gru - 3 * lstm // 4
    if as_said and more:
        figures += (
            f" That is three quarters and {more:,} more: Keras's GRU has a second bias for each of its three blocks "
            "(reset_after)."
        )
    return Claim(WEIGHTS, "yes" if as_said else "no", figures, test="counted")


def _file(evidence: Evidence) -> Claim:
    return _less(FILE, "bytes", evidence.pairs("units"), evidence, "smaller", "larger", "equally large")


def _memory(evidence: Evidence) -> Claim:
    pairs = [pair for pair in evidence.pairs("units", ["micro"]) if ratios_of([pair], "arena_bytes")]
    return _less(MEMORY, "arena_bytes", pairs, evidence, "smaller", "larger", "equally large")


def _less(
    claim: str, figure: str, pairs: Sequence[Pairing], evidence: Evidence, less: str, more: str, same: str
) -> Claim:
    """Whether a figure without noise is smaller in some pairs and larger in none."""
    pairs = [pair for pair in pairs if ratios_of([pair], figure)]
    ratios = ratios_of(pairs, figure)
    if not ratios:
        return Claim(
            claim,
            "not measured",
            f"No LSTM and GRU of equal units have {'an arena' if 'arena' in figure else 'a file'}.",
        )
    below, above = sum(ratio < 1 for ratio in ratios), sum(ratio > 1 for ratio in ratios)
    figures = f"In {counted(len(ratios), 'pair')} of equal units {relative(ratios, less, more, same)}"
    mostly = bool(above) and below >= MOSTLY * len(ratios)
    if below and above:
        figures += f"; {'mostly' if mostly else 'it depends'}: {less} in {below}, {more} in {above}"
    figures += f". {_example(pairs, figure, evidence)}"
    verdict: Verdict = "mostly" if mostly else "yes" if below and not above else "no"
    return Claim(claim, verdict, figures, test="counted, without noise")


def _example(pairs: Sequence[Pairing], figure: str, evidence: Evidence) -> str:
    """Both figures of the pair whose ratio is the median."""
    typical = sorted(pairs, key=lambda pair: ratios_of([pair], figure)[0])[(len(pairs) - 1) // 2]
    each = next(each for each in typical.differences if each.figure == figure)
    by_id = {row.id: row for row in evidence.rows}
    return (
        f"{row_words(by_id[typical.gru])}: {amount(figure, each.gru)}; {row_words(by_id[typical.lstm])}: "
        f"{amount(figure, each.lstm)}."
    )


def _speed(evidence: Evidence) -> Claim:
    times = speed(evidence, "units")
    if times is None:
        return Claim(SPEED, "not measured", "No LSTM and GRU of equal units were timed.")
    figures = (
        f"Time of a GRU over an LSTM's of equal units: {times.band}, geometric mean over pairs; {times.tally}. "
        f"{_example(times.pairs, 'latency_us', evidence)} LiteRT on this machine."
    )
    if times.depends and times.faster >= MOSTLY * len(times.ratios):
        return Claim(SPEED, "mostly", figures, test=BAND)
    if times.depends:
        return Claim(SPEED, "no", f"It depends. {figures}", test=BAND)
    if times.mean.is_noise:
        return Claim(SPEED, "within noise", figures, test=BAND)
    return Claim(SPEED, "yes" if times.mean.median < 1 else "no", figures, test=BAND)
