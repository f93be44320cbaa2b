"""The records that the benchmark consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CELLS = ("LSTM", "GRU")
SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")


@dataclass(frozen=True)
class Conversion:
    """One artifact and what was measured of it; None stands for what does not exist.

    Attributes:
        maker: `stock` or `edgernn`.
        form: `rolled`, `unrolled` or `keras2` of the stock converter; `micro` or `phone`, the target, of edgernn.
        cell: `LSTM` or `GRU`.
        scheme: one of `SCHEMES`.
        size: units and steps, as in `64x64`.
        failure: empty, or why there is no artifact that runs on LiteRT.
        seconds: that the conversion call took, in a process that had the converter and the model loaded.
        bytes: of the file.
        operators: in the file, bodies of loops included.
        relative_error: on LiteRT, against Keras.
        arena: bytes that TFLite-Micro has allocated while it runs the artifact.
        arena_required: bytes of the smallest arena in which TFLite-Micro runs it.
        micro_relative_error: on TFLite-Micro, against Keras.
        micro_failure: empty, or why TFLite-Micro does not run it.
        microseconds: median time of one run on LiteRT with one thread.
    """

    maker: str
    form: str
    cell: str
    scheme: str
    size: str
    failure: str = ""
    seconds: float | None = None
    bytes: int | None = None
    operators: int | None = None
    relative_error: float | None = None
    arena: int | None = None
    arena_required: int | None = None
    micro_relative_error: float | None = None
    micro_failure: str = ""
    microseconds: float | None = None

    @property
    def name(self) -> str:
        """What tells this conversion from all others of the same size."""
        return f"{self.maker} {self.form} {self.cell} {self.scheme}"

    @property
    def file_stem(self) -> str:
        """The name of its files, which lie in a folder per cell."""
        return f"{self.maker}-{self.form}-{self.scheme}"


@dataclass(frozen=True)
class Ratio:
    """How long one contestant takes, divided by how long the other takes, measured in turns in the same run.

    Attributes:
        ours: name of the first contestant.
        peer: name of the second.
        size: units and steps, or empty where that does not matter.
        median: of the ratios of all rounds.
        low: the 10th percentile of the ratios.
        high: the 90th percentile.
        rounds: how many there were.
        ours_seconds: median time of the first.
        peer_seconds: median time of the second.
    """

    ours: str
    peer: str
    size: str
    median: float
    low: float
    high: float
    rounds: int
    ours_seconds: float
    peer_seconds: float


@dataclass(frozen=True)
class TaskScore:
    """What int8 costs on a real task, in points of accuracy (hundredths).

    Attributes:
        recipe: the task.
        cell: `LSTM` or `GRU`.
        target: `micro` or `phone`.
        keras: accuracy of the Keras models, mean over seeds, 0 to 1.
        artifact: accuracy of the int8 artifacts, mean over seeds, 0 to 1.
        points_lost: hundred times the difference; negative where int8 happens to be better.
        seeds: how many models were trained.
    """

    recipe: str
    cell: str
    target: str
    keras: float
    artifact: float
    points_lost: float
    seeds: int


@dataclass(frozen=True)
class Results:
    """Everything that one run of the benchmark measured.

    Attributes:
        environment: the machine and the versions of the packages.
        sizes: of the workload, in the order of the tables.
        conversions: all artifacts of all sizes.
        latency: edgernn's artifacts against the stock ones of the same cell and scheme, on LiteRT.
        process: `edgernn convert` against a script that calls the stock converter.
        imports_tensorflow: whether `edgernn convert` imports TensorFlow; None if that was not found out.
        tasks: accuracy on real data.
        missing: what could not be measured, and why.
    """

    environment: dict[str, Any]
    sizes: tuple[str, ...]
    conversions: tuple[Conversion, ...]
    latency: tuple[Ratio, ...]
    process: tuple[Ratio, ...]
    imports_tensorflow: bool | None
    tasks: tuple[TaskScore, ...]
    missing: tuple[str, ...]

    def conversion(self, maker: str, form: str, cell: str, scheme: str, size: str) -> Conversion:
        """The one conversion with these properties.

        Raises:
            KeyError: it was not attempted.
        """
        wanted = (maker, form, cell, scheme, size)
        for found in self.conversions:
            if (found.maker, found.form, found.cell, found.scheme, found.size) == wanted:
                return found
        raise KeyError(" ".join(wanted))
