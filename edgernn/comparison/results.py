"""What a comparison knows: rows over seeds, and what follows from them.

Plain data, in the order in which it comes into being. `Model` and `Artifact` of `records` are measured; `Row` is what
the artifacts of all seeds have in common, and the mean of what they have not; claims, learning curves, the Pareto
fronts and the answer are read off the rows. `results.json` is these dataclasses as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from edgernn.comparison.records import NO_CELL, Artifact, Model, Task

Verdict = Literal["yes", "mostly", "no", "within noise", "not measured"]


@dataclass(frozen=True)
class Row:
    """A combination over its seeds: what the table, the CSV file and the plots show.

    Attributes:
        id: ``CELL-UNITS-SCHEME-TARGET``; of a baseline, its name; of a file that somebody else made, the artifact's.
        name: for people: ``GRU 32``.
        kind: recurrent, cnn, baseline, or file.
        seeds: how many of its runs went well.
        failures: how many did not.
        reason: why the first of these did not.
        bytes, arena_bytes, ...: medians over seeds. `score`: mean.
        score_spread: sample standard deviation over seeds; None for fewer than two.
        score_lost: mean over seeds of what the artifact's score is worse than the float model's, whatever the metric's
            direction; less is better.
        epochs_to_score: median over seeds of the first epoch whose validation score is at least `Results.threshold`;
            None if fewer than half of the seeds reach it.
        fits: within the budget; None where no budget was given or it cannot be told.
        misses: what is short, in words: ``flash: 12.3 KiB over 16.0 KiB``.
        fronts: on which Pareto fronts it is: bytes, arena_bytes, latency_us.
    """

    id: str
    name: str
    kind: Literal["recurrent", "cnn", "baseline", "file"]
    cell: str = NO_CELL
    units: int | None = None
    scheme: str = ""
    target: str = ""
    matched: str = ""
    seeds: int = 0
    failures: int = 0
    reason: str = ""
    parameters: int | None = None
    recurrent_parameters: int | None = None
    macs: int | None = None
    macs_per_step: int | None = None
    bytes: int | None = None
    categories: Mapping[str, int] = field(default_factory=dict)
    arena_bytes: int | None = None
    activation_bytes: int | None = None
    latency_us: float | None = None
    cold_start_us: float | None = None
    rss_bytes: int | None = None
    epoch_seconds: float | None = None
    epochs_to_score: float | None = None
    score: float | None = None
    score_spread: float | None = None
    float_score: float | None = None
    score_lost: float | None = None
    relative_error: float | None = None
    fits: bool | None = None
    misses: tuple[str, ...] = ()
    fronts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One figure of a GRU against an LSTM's.

    Attributes:
        figure: a field of `Row`: bytes, arena_bytes, latency_us, score, ...
        label: for people; the unit is that of the field of `Row`.
        lstm: the LSTM's figure.
        gru: the GRU's.
        ratio: GRU / LSTM; None for scores, where the difference counts.
        low: 10th percentile of the ratio over rounds for times, else the smallest over seeds where seeds differ.
        high: 90th percentile, or the largest.
        p: of a two-sided test that they are the same; None where the figure has no noise or nothing can be tested.
    """

    figure: str
    label: str
    lstm: float
    gru: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Pairing:
    """An LSTM and a GRU side by side, at equal units or at equal parameters, in one scheme and for one target."""

    equal: Literal["units", "parameters"]
    lstm: str  # ids of rows
    gru: str
    scheme: str
    target: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Claim:
    """A sentence of the textbook comparison, and what this data says of it.

    Attributes:
        claim: the sentence.
        verdict: on this data.
        figures: the numbers behind it, in words.
        p: of the test behind it, if there is one.
        smallest_p: the smallest p that so few seeds can give at all; None where no test is made.
        test: how it was tested, in words.
    """

    claim: str
    verdict: Verdict
    figures: str
    p: float | None = None
    smallest_p: float | None = None
    test: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """Scores of the float models of one cell and size that were trained on a share of the training data."""

    cell: str
    units: int
    fraction: float
    samples: int
    scores: tuple[float, ...]  # one per seed


@dataclass(frozen=True)
class Budget:
    """What a model may need at most; None where there is no limit.

    Attributes:
        flash: bytes of the artifact's file and what it needs beside it.
        ram: bytes of arena, or of file and tensors on a device with an operating system.
        latency_us: of one invocation on this machine.
        score: what it must reach at least (for rmse: at most).
        metric: that the score is in; empty for the task's, whatever it is.
        board: the name of the board that flash and ram come from; empty if they were given.
    """

    flash: int | None = None
    ram: int | None = None
    latency_us: float | None = None
    score: float | None = None
    metric: str = ""
    board: str = ""


@dataclass(frozen=True)
class Answer:
    """The comparison in words.

    Attributes:
        headline: one sentence.
        sentences: what a GRU saves and costs, whether something simpler would do, what fits; each with its numbers.
    """

    headline: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Results:
    """Everything, as written to results.json under the schema `edgernn.compare`.

    Attributes:
        started: time of the first measurement, ISO 8601 with offset.
        seconds: of work so far, over all sessions.
        machine: processor, cores, system, python and packages, by name.
        command: the words that reproduce it.
        complete: False after an interruption.
        threshold: the validation score that `Row.epochs_to_score` counts to; None where nothing is scored.
        best: id of the best row within the budget, or empty.
    """

    started: str
    seconds: float
    edgernn: str
    machine: Mapping[str, Any]
    command: tuple[str, ...]
    complete: bool
    task: Task
    models: tuple[Model, ...]
    artifacts: tuple[Artifact, ...]
    rows: tuple[Row, ...]
    threshold: float | None = None
    budget: Budget | None = None
    best: str = ""
    pairings: tuple[Pairing, ...] = ()
    claims: tuple[Claim, ...] = ()
    curves: tuple[CurvePoint, ...] = ()
    fronts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answer: Answer | None = None
    notes: tuple[str, ...] = ()

    @property
    def trained(self) -> bool:
        """Whether any network was trained for it, so that there is something to say of training and of seeds."""
        return any(model.validation or model.epoch_seconds is not None for model in self.models)
