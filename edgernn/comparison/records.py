"""What a comparison measures, one record each: what is learned, trained models, and their artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class Round:
    """A turn of an artifact: which round it was, and the median microseconds of an invocation."""

    artifact: str
    round: int
    us: float


@dataclass(frozen=True)
class ColdStart:
    """An artifact in a fresh process: microseconds to its first answer, growth of memory, or why LiteRT refused it."""

    artifact: str
    us: float | None = None
    rss_bytes: int | None = None
    refused: str = ""


@dataclass(frozen=True)
class Session:
    """When a call of `compare` in this folder began to measure, and for how many seconds it did."""

    time: str
    seconds: float
