"""What a comparison knows: trained models, their artifacts, rows over seeds, and what follows from them.

Plain data, in the order in which it comes into being. `Model` and `Artifact` are measured, one record each; `Row` is
what the artifacts of all seeds have in common, and the mean of what they have not; claims, learning curves, the Pareto
fronts and the answer are read off the rows. `results.json` is these dataclasses as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["yes", "no", "within noise", "not measured"]
CNN = "cnn"  # the cell of the convolutional rows
NO_CELL = ""  # the cell of an artifact that somebody else made


@dataclass(frozen=True)
class Score:
    """A score in the task's metric and what reached it without a neural network."""

    name: str
    score: float


@dataclass(frozen=True)
class Task:
    """What the models learn, or are run on.

    Attributes:
        name: of the recipe, or of the data file.
        about: what the model learns to tell, in a few words; may be empty.
        metric: ``accuracy`` (more is better), ``rmse`` (less is better), or empty where nothing is scored.
        samples: how many there are, by name of the split: train, validation, test.
        steps: time steps of a sample.
        features: values per step.
        classes: how many outputs.
        baselines: what simpler answers reach, the naive one first.
        origin: whose data it is, and its licence.
    """

    name: str
    about: str = ""
    metric: str = ""
    samples: Mapping[str, int] = field(default_factory=dict)
    steps: int = 0
    features: int = 0
    classes: int = 0
    baselines: tuple[Score, ...] = ()
    origin: str = ""


@dataclass(frozen=True)
class Model:
    """One trained (or only built) network.

    Attributes:
        id: unique, and a legal file name: ``gru-32-s0``, ``gru-32-f25-s0`` for a quarter of the training data.
        cell: lstm, gru, simplernn, cnn; empty for a file that somebody else made.
        units: of the recurrent layer; of a CNN, those of the GRU whose parameters are its budget.
        seed: of the initial weights.
        fraction: of the training split that it was trained on.
        matched: for a model that is only there to have as many parameters as another, the other's ``cell-units``.
        failed: why there is nothing; empty if all went well. The numbers are then None.
        score: of the float model on the test samples.
        validation: its score on the validation samples after each epoch.
        loss: on the training samples, per epoch.
        epoch_seconds: median time of an epoch, the first, which compiles, left out.
        recurrent_parameters: of these, of the recurrent layers alone.
    """

    id: str
    cell: str
    units: int
    seed: int = 0
    fraction: float = 1.0
    matched: str = ""
    failed: str = ""
    parameters: int | None = None
    recurrent_parameters: int | None = None
    macs: int | None = None
    macs_per_step: int | None = None
    score: float | None = None
    validation: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    epoch_seconds: float | None = None
    samples: int | None = None  # in its share of the training split


@dataclass(frozen=True)
class Latency:
    """Times of one invocation in microseconds, taken in turns with all other artifacts.

    Attributes:
        rounds: per round the median of a block of calls; the rounds are common to all artifacts, so that two of them
            can be compared round by round.
    """

    p50: float
    p90: float
    minimum: float
    rounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Artifact:
    """One model in one scheme for one target, as a file.

    Attributes:
        id: ``MODEL-SCHEME-TARGET``, ``gru-32-s0-int8-micro``; a legal file name.
        model: the id of its model.
        failed: why there is nothing; empty if all went well. The numbers are then None.
        bytes: of the file.
        categories: where they go: weights, biases, quantization, ...; they sum to `bytes`.
        arena_bytes: the smallest arena in which TFLite-Micro runs it; None where it does not run there.
        activation_bytes: the most that its tensors hold at any time.
        latency: on LiteRT here; None where it does not run there, or was not timed.
        cold_start_us: load, allocate and first invocation, in a fresh process.
        rss_bytes: growth of that process's resident set.
        metric: what its score is in, where it was scored: accuracy or rmse.
        score: in the task's metric on the test samples.
        relative_error: against the float model.
        operators: how many of each.
    """

    id: str
    model: str
    scheme: str
    target: str
    file: str = ""
    failed: str = ""
    bytes: int | None = None
    categories: Mapping[str, int] = field(default_factory=dict)
    arena_bytes: int | None = None
    activation_bytes: int | None = None
    latency: Latency | None = None
    cold_start_us: float | None = None
    rss_bytes: int | None = None
    metric: str = ""
    score: float | None = None
    relative_error: float | None = None
    operators: Mapping[str, int] = field(default_factory=dict)


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
        ram: bytes of arena, or of resident memory on a device with an operating system.
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
