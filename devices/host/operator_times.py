"""Where the time of an inference on LiteRT goes, operator by operator, as far as LiteRT's profiler tells.

The profiler slows down what it watches: by about a tenth of a microsecond in each operator, as long as many of them
take, and by far more around them. So the whole is timed without it, and from each call of an operator that it saw the
same cost is taken off, such that the operators do not exceed the whole. The control of loops cannot be told apart from
that cost. What the default delegate took over is one row, the rest of the whole, unless its operators take so long that
its own clock, of whole microseconds, sees them; the same model on LiteRT's own kernels tells every operator apart.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TypeVar

from edgernn import guarded
from edgernn.converters.tflite.counting import count
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.litert_profiler import DELEGATED, OPERATOR, CompiledModel, Event, Figures, Kernels
from edgernn.devices.host.packages import LITERT_PACKAGES
from edgernn.errors import EdgernnError

DELEGATE = "XNNPACK"
INTERPRETER = "interpreter"
_FEWEST, _WARMUP, _SECONDS = 4, 10, 3.0  # of each of the four measurements, for a model that is slow
_LIMIT, _LONGEST, _SLOWEST = 120.0, 1800.0, 1e6  # seconds for the process, and multiply-accumulates per second

T = TypeVar("T")


@dataclass(frozen=True)
class OperatorTime:
    """A row of the table.

    Attributes:
        name: of the file's operator; or `DELEGATE`, or what the delegate calls one of its own; or `INTERPRETER`.
        subgraph: index of the subgraph it is in; None for what belongs to the whole.
        operator: its index there; None for what is not an operator of the file.
        calls: in one inference.
        microseconds: of all these calls.
        share: of the inference.
    """

    name: str
    subgraph: int | None
    operator: int | None
    calls: float
    microseconds: float
    share: float


@dataclass(frozen=True)
class OperatorTimes:
    """Where the time of one inference goes; the rows of each table add up to its whole.

    Attributes:
        package: that brought the runtime, with its version.
        invocation_us: microseconds of one inference with the default delegate, without the profiler.
        rows: of that inference, the slowest first. If a delegate took operators over, its row holds the control of
            loops too, which cannot be told apart from it, but not those of its operators that have rows.
        delegated: how many operators of each kind the delegate took over; empty if it took none.
        builtin_us: of one inference on LiteRT's own kernels; 0 if the delegate took none.
        builtin_rows: of that inference, every operator by itself; empty if the delegate took none.
    """

    package: str
    invocation_us: float
    rows: tuple[OperatorTime, ...]
    delegated: Mapping[str, int]
    builtin_us: float
    builtin_rows: tuple[OperatorTime, ...]


@dataclass(frozen=True)
class CannotTell:
    """No times of operators.

    Attributes:
        reason: for people; the rest of a sentence such as "operators: not told, ...".
    """

    reason: str


def operator_times(content: bytes, *, runs: int = 50, threads: int = 1) -> OperatorTimes | CannotTell:
    """Measure an artifact's operators in another process; whatever goes wrong there is a reason, never an error.

    Args:
        content: of a .tflite file; its first signature is run, on noise.
        runs: how many inferences each measurement takes; fewer if they are slow.
        threads: how many LiteRT may use.
    """
    found = LITERT_PACKAGES[0].package
    if not installed():
        return CannotTell(f"only {found} has a profiler, and it is not installed")
    try:
        macs = count(read_tflite(content)).macs or 0
        limit = min(_LIMIT + macs / _SLOWEST, _LONGEST)
        with guarded.Child(fresh=True) as child:
            return child.call(_measured_there, content, runs, threads, seconds=limit)
    except EdgernnError as error:
        return CannotTell(error.message)
    except guarded.ChildError as error:
        if error.crashed:
            return CannotTell(error.reason.replace("it crashed", "LiteRT crashed under its profiler"))
        return CannotTell(f"the profiled process did not end well: {error.reason}")


def installed() -> bool:
    """Whether the only package that has a profiler is there."""
    try:
        metadata.version(LITERT_PACKAGES[0].package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _measured_there(content: bytes, runs: int, threads: int) -> OperatorTimes:
    return measure(read_tflite(content), runs=runs, threads=threads)


def measure(file: TfliteFile, *, runs: int, threads: int) -> OperatorTimes:
    """As `operator_times`, in this process.

    Raises:
        InputError: LiteRT refuses the file.
        EnvironmentProblem: its library has no profiler.
    """
    package, runs = LITERT_PACKAGES[0].package, max(runs, 1)
    whole, seen, inside = _measured(file, "delegate", runs, threads)
    own_whole, own, _ = _measured(file, "builtin", runs, threads)
    hidden = [event for event in own if event not in seen]  # a delegate leaves the indices of the others as they were
    own_rows = _rows(own, own_whole, _cost(own, own_whole), INTERPRETER)
    cost = max(_cost(seen, whole), _cost(own, own_whole) if hidden else 0.0)
    rows = _rows({**seen, **inside}, whole, cost, DELEGATE if hidden else INTERPRETER)
    return OperatorTimes(
        package=f"{package} {metadata.version(package)}",
        invocation_us=whole,
        rows=rows,
        delegated=dict(sorted(Counter(event.name for event in hidden).items())),
        builtin_us=own_whole if hidden else 0.0,
        builtin_rows=own_rows if hidden else (),
    )


def _measured(
    file: TfliteFile, kernels: Kernels, runs: int, threads: int
) -> tuple[float, dict[Event, Figures], dict[Event, Figures]]:
    """Microseconds of a run without profiler; with it, the figures of the file's operators and of the delegate's."""
    plain = CompiledModel(file, kernels=kernels, threads=threads, profile=False)
    watched = CompiledModel(file, kernels=kernels, threads=threads, profile=True)
    whole = _mean(_faster_half(plain.run, runs, float)) * 1e6
    events = [found for _, found in _faster_half(watched.profiled_run, runs, lambda run: run[0])]
    total = {  # the first run of the faster half is like any other: an inference does the same every time
        event: Figures(_mean([run[event].calls for run in same]), _mean([run[event].microseconds for run in same]))
        for event in events[0]
        for same in [[run for run in events if event in run]]
    }
    operators = {event: figures for event, figures in total.items() if event.type & OPERATOR}
    # WHILE, IF, CALL_ONCE contain the events of their bodies, which are counted by themselves.
    calling = {(s, i) for s, graph in enumerate(file.subgraphs) for i, op in enumerate(graph.operators) if op.subgraphs}
    leaves = {event: figures for event, figures in operators.items() if (event.subgraph, event.node) not in calling}
    # The delegate's clock cuts off what is below a microsecond.
    inside = {e: f for e, f in total.items() if e.type & DELEGATED and f.microseconds >= f.calls}
    return whole, leaves, inside


def _faster_half(run: Callable[[], T], runs: int, seconds: Callable[[T], float]) -> list[T]:
    """The runs that nothing else on the machine disturbed."""
    start = time.perf_counter()
    for done in range(_WARMUP):
        run()
        if done and time.perf_counter() - start > _SECONDS / 10:
            break
    found: list[T] = []
    start = time.perf_counter()
    while len(found) < runs and (len(found) < _FEWEST or time.perf_counter() - start < _SECONDS):
        found.append(run())
    return sorted(found, key=seconds)[: (len(found) + 1) // 2]


def _cost(events: Mapping[Event, Figures], whole: float) -> float:
    """Microseconds that the profiler adds to each call, at least: by which the calls exceed the whole."""
    calls = sum(figures.calls for figures in events.values())
    return max(0.0, sum(figures.microseconds for figures in events.values()) - whole) / max(calls, 1)


def _rows(events: Mapping[Event, Figures], whole: float, cost: float, rest: str) -> tuple[OperatorTime, ...]:
    """The table: each event without the profiler's cost, and what is left of the whole."""
    times = {
        event: max(0.0, figures.microseconds - (cost * figures.calls if event.type & OPERATOR else 0.0))
        for event, figures in events.items()
    }
    # What was below the cost is 0 and not negative; so the sum may exceed the whole again, by little.
    shrink = min(1.0, whole / max(sum(times.values()), 1e-9))
    rows = [
        OperatorTime(
            event.name,
            event.subgraph,
            event.node if event.type & OPERATOR else None,
            events[event].calls,
            shrink * us,
            shrink * us / whole,
        )
        for event, us in times.items()
    ]
    left = max(0.0, whole - sum(row.microseconds for row in rows))
    rows.append(OperatorTime(rest, None, None, 1, left, left / whole))
    return tuple(sorted(rows, key=lambda row: -row.microseconds))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
