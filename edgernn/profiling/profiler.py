"""The verb `profile`: everything that can be measured of one artifact on this machine, stage by stage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from edgernn.artifact_source import Converted, source_of
from edgernn.converters.tflite.accounting import account, weight_bytes_by_type
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.liveness import peak_activation_bytes
from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.weighted import FileLayer, custom_operators, layers
from edgernn.devices.host.machine import describe_machine
from edgernn.devices.host.operator_times import CannotTell, OperatorTimes, operator_times
from edgernn.devices.host.probe import FreshRun, probe
from edgernn.devices.host.session import open_session
from edgernn.errors import InputError
from edgernn.inspection import Inspection, inspect
from edgernn.profiling.fit import Fit, Needs, check_fit
from edgernn.profiling.latency import Latency, Plan, measure
from edgernn.profiling.micro import Micro, profile_micro
from edgernn.profiling.wanted import Wanted, check_wanted
from edgernn.result import Bar, Result

FRESH_RUNS = 5  # processes that a cold start is the median of

OnProgress = Callable[[str, float], None]


@dataclass(frozen=True, repr=False)
class Profile(Result):
    """What is known of an artifact; a part that was not measured, or not yet, is None.

    Attributes:
        file: its path, or None for bytes in memory.
        sha256: of its content; empty for a Keras model in memory.
        time: when it was measured, ISO 8601 with offset.
        device: what measured it.
        threads: that LiteRT might use.
        runtime: that the latency and the cold start are of.
        runtime_package: that brings it, with its version; empty until it has run.
        contents: parameters, multiply-accumulates, operators, layers of a Keras model.
        categories: where the file's bytes go; they sum to its size.
        weight_bytes: of a .tflite by type of number; of a Keras model, what its weights would take by scheme.
        file_layers: of a .tflite, the operators that have weights.
        activation_bytes: the most that all tensors but constants hold at one time; an arena is larger, unless its
            runtime lets an output take its input's place.
        micro: what TFLite-Micro says; None if it is not installed or the model is a Keras model.
        cold: cold start and memory of a fresh process, each the median of several.
        latency: in the steady state.
        period_ms: time between two invocations, as the user gave it.
        operator_times: where an invocation's time goes.
        fits: of each board that was asked for, whether it can hold it.
        complete: whether all stages were reached.
        notes: what a user should know of the figures.
    """

    file: Path | None
    sha256: str
    time: str
    device: Mapping[str, Any]
    threads: int
    runtime: str
    contents: Inspection
    runtime_package: str = ""
    categories: Mapping[str, int] = field(default_factory=dict)
    weight_bytes: Mapping[str, int] = field(default_factory=dict)
    file_layers: tuple[FileLayer, ...] = ()
    activation_bytes: int | None = None
    micro: Micro | None = None
    cold: FreshRun | None = None
    latency: Latency | None = None
    period_ms: float | None = None
    operator_times: OperatorTimes | CannotTell | None = None
    fits: tuple[Fit, ...] = ()
    complete: bool = False
    notes: tuple[str, ...] = ()

    def figures(self) -> list[tuple[str, object]]:
        """See `edgernn.result.Result`."""
        contents, latency = self.contents, self.latency
        return [
            *([] if self.file is None else [("file", self.file)]),
            *([] if contents.size is None else [("bytes", contents.size)]),
            ("scheme", contents.scheme),
            *([] if self.micro is None or self.micro.smallest is None else [("arena bytes", self.micro.smallest)]),
            *([] if latency is None else [("latency", f"{latency.p50:,.1f} us (median, {self.runtime_package})")]),
            *((fit.board.name, {True: "fits", False: "does not fit", None: "unknown"}[fit.fits]) for fit in self.fits),
        ]

    def bars(self) -> list[Bar]:
        """Where the file's bytes go."""
        return [Bar(name, size, f"{size:,} bytes") for name, size in self.categories.items() if size]

    def to_dict(self) -> dict[str, Any]:
        """See `edgernn.result.Result`."""
        from edgernn.profiling.document import profile_document

        return profile_document(self)

    @property
    def real_time_factor(self) -> float | None:
        """Share of the time between two invocations that one takes; above 1 the device falls behind."""
        if self.latency is None or self.period_ms is None:
            return None
        return self.latency.p50 / (1000 * self.period_ms)


def profile(
    artifact: Any,
    *,
    runtime: str = "litert",
    runs: int = Plan.runs,
    min_seconds: float = Plan.min_seconds,
    warmup: int = Plan.warmup,
    threads: int = 1,
    period_ms: float | None = None,
    board: str | Sequence[str] | None = None,
    static: bool = False,
    steps: int | None = None,
    on_progress: OnProgress | None = None,
) -> Profile:
    """Measure an artifact on this machine.

    Args:
        artifact: a `.tflite` file of any tool or its content, or what `edgernn.convert` returned;
            of a Keras model only the static part is told.
        runtime: whose latency is measured: litert, or micro for TFLite-Micro's reference kernels.
        runs: at least so many invocations are timed.
        min_seconds: for at least so long.
        warmup: invocations before that.
        threads: that LiteRT may use.
        period_ms: time between two invocations, for the real-time factor.
        board: name of a board whose flash, RAM and operators are checked, or several; `all` for every one.
        static: tell only what the file says, running nothing.
        steps: number of time steps, for a Keras model that leaves it open.
        on_progress: is told what is being done, and which share of it is.

    Raises:
        InputError: no such file, damaged, not for this runtime; no such board; an option out of range.
        EnvironmentProblem: the runtime is not installed.
    """
    if isinstance(artifact, Converted):
        artifact = source_of(artifact)
    found: Profile | None = None
    wanted = check_wanted(runtime, Plan(runs, min_seconds, warmup), threads, period_ms, board, static, steps)
    for found in stages(artifact, wanted, on_progress):  # noqa: B007 - the last one is the answer
        pass
    assert found is not None, "there is at least the static stage"
    return found


def stages(artifact: Any, wanted: Wanted, on_progress: OnProgress | None = None) -> Iterator[Profile]:
    """Measure, and give what is known after every stage, so that nothing is lost if one of them is interrupted."""
    report = on_progress or _ignore
    report("reading", 0)
    contents = inspect(artifact, steps=wanted.steps)
    found = Profile(
        file=Path(artifact) if isinstance(artifact, (str, os.PathLike)) else None,
        sha256=_sha256(artifact),
        time=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        device={"name": "host", **describe_machine()},
        threads=wanted.threads,
        runtime=wanted.runtime,
        contents=contents,
        period_ms=wanted.period_ms,
        notes=contents.notes,
    )
    if contents.kind == "keras":
        from edgernn.profiling.keras_sizes import weight_bytes_by_scheme

        found = replace(found, weight_bytes=weight_bytes_by_scheme(artifact, steps=wanted.steps))
        yield replace(found, complete=True, notes=(*found.notes, *_keras_notes(wanted)))
        return
    file = read_tflite(artifact)
    found = replace(
        found,
        categories=account(file),
        weight_bytes=weight_bytes_by_type(file),
        file_layers=layers(file),
        activation_bytes=peak_activation_bytes(file),
    )
    yield found
    if not wanted.static:
        for further in _running(found, file, wanted, report):
            found = further
            yield found
    found = replace(found, fits=tuple(check_fit(board, _needs(found, file)) for board in wanted.boards))
    yield replace(found, complete=True)


def _running(found: Profile, file: TfliteFile, wanted: Wanted, report: OnProgress) -> Iterator[Profile]:
    """The stages that run the artifact."""
    _check_runnable(file)
    report("running on TFLite-Micro", 0)
    micro, note = profile_micro(file)
    found = replace(found, micro=micro, notes=(*found.notes, *note))
    yield found
    starts = []
    for number in range(FRESH_RUNS):
        report("cold starts", number / FRESH_RUNS)
        starts.append(probe(file, wanted.runtime, threads=wanted.threads))
        found = replace(found, cold=_median_start(starts))
    yield found
    session = open_session(file, wanted.runtime, threads=wanted.threads)
    session.feed({info.name: info.noise() for info in session.inputs})
    latency = measure(session.invoke, wanted.plan, lambda share: report("timing", share))
    found = replace(found, runtime_package=session.description, latency=latency)
    if latency.noisy:
        found = replace(found, notes=(*found.notes, _noise_note(latency)))
    yield found
    if wanted.runtime == "litert":
        report("operators", 0)
        yield replace(found, operator_times=operator_times(file.content, threads=wanted.threads))


def _check_runnable(file: TfliteFile) -> None:
    """Refuse what no interpreter of ours can be asked to run.

    Raises:
        InputError: it needs operators that are not built in, or has several entry points.
    """
    if custom := custom_operators(file):
        raise InputError(
            f"artifact: must hold built-in operators only. Found: {', '.join(custom)}, which "
            f"{'needs' if len(custom) == 1 else 'need'} code that no runtime here has.",
            hint="--static tells what can be told without running it; edgernn convert needs no such operators.",
        )
    entries = {signature.subgraph: signature.key for signature in file.signatures}
    if len(entries) > 1:
        raise InputError(
            f"artifact: must have one signature to run. Found: {', '.join(map(repr, entries.values()))}.",
            hint="export a file for each; --static tells what can be told without running it.",
        )


def _median_start(starts: list[FreshRun]) -> FreshRun:
    """Part by part; so a cold start's parts need not be those of one and the same process."""
    return FreshRun(
        load_us=median(start.load_us for start in starts),
        allocate_us=median(start.allocate_us for start in starts),
        first_invoke_us=median(start.first_invoke_us for start in starts),
        rss_bytes=int(median(start.rss_bytes for start in starts)),
    )


def _needs(found: Profile, file: TfliteFile) -> Needs:
    return Needs(
        model_bytes=found.contents.size or 0,
        arena_bytes=found.micro.smallest if found.micro else None,
        activation_bytes=found.activation_bytes or 0,
        operators=tuple(found.contents.operators),
        custom=custom_operators(file),
        micro_runs=found.micro.runs if found.micro else None,
        micro_reason=found.micro.reason if found.micro else "",
    )


def _sha256(artifact: Any) -> str:
    if isinstance(artifact, bytes):
        return hashlib.sha256(artifact).hexdigest()
    path = Path(artifact) if isinstance(artifact, (str, os.PathLike)) else None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path is not None and path.is_file() else ""


def _keras_notes(wanted: Wanted) -> tuple[str, ...]:
    if wanted.static and not wanted.boards:
        return ()
    return ("a Keras model is not run: convert it, and profile the .tflite to see times, memory and whether it fits.",)


def _noise_note(latency: Latency) -> str:
    return (
        f"the machine's speed changed by {100 * latency.spread:.0f} % while it was measured, so the median may be off "
        "by as much: close other programs, or raise --min-seconds."
    )


def _ignore(stage: str, share: float) -> None:
    """Nobody wants to know."""
