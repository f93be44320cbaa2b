"""Times of one invocation: how many are taken, what is told of them, and when they are not to be trusted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError, UnsupportedError, no_count

NOISY_SPREAD = 0.1  # of the medians of parts of the measurement, relative to the median of all
_PARTS = 10
_LONGEST_SECONDS = 3600.0
_LARGEST_COUNT = 10_000_000
_RESERVED = 1 << 16  # times that there is room for at first
_SLICE_SECONDS = 0.1  # between two words on the progress

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """How long to measure: until both the count and the time are reached.

    Attributes:
        runs: at least so many invocations are timed.
        min_seconds: and for at least so long.
        warmup: invocations before that, not counted; a fifth of `min_seconds` is spent on them at least.
    """

    runs: int = 100
    min_seconds: float = 1.0
    warmup: int = 10

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            UnsupportedError: names every value that is out of range.
        """
        broken = []
        for what, number, least in (("runs", self.runs, 1), ("warmup", self.warmup, 0)):
            if wrong := no_count(what, number, least, _LARGEST_COUNT):
                broken.append((wrong, ""))
        if not 0 <= self.min_seconds <= _LONGEST_SECONDS:
            broken.append((f"min seconds: must be from 0 to {_LONGEST_SECONDS:g}. Found: {self.min_seconds}.", ""))
        if broken:
            raise UnsupportedError(broken)


@dataclass(frozen=True)
class Latency:
    """Microseconds of one invocation in the steady state, without setting inputs and reading outputs.

    Attributes:
        p50: the median; p90, p95, p99 likewise, by linear interpolation between the sorted times.
        min: the shortest.
        mean: the mean.
        std: the sample standard deviation; 0 of a single run.
        runs: how many were timed.
        warmup: how many came before and were not.
        spread: the range of the medians of ten successive parts of the measurement, relative to `p50`. It shows a
            machine whose speed changes meanwhile, which percentiles do not.
    """

    p50: float
    p90: float
    p95: float
    p99: float
    min: float
    mean: float
    std: float
    runs: int
    warmup: int
    spread: float

    @property
    def noisy(self) -> bool:
        """Whether the median is doubtful: another measurement may differ by more than a tenth."""
        return self.spread > NOISY_SPREAD


def measure(invoke: Callable[[], None], plan: Plan, on_progress: Callable[[float], None] | None = None) -> Latency:
    """Time an invocation over and over.

    Args:
        invoke: runs once.
        plan: how often and how long.
        on_progress: is told now and then which share of the measurement is done.

    Raises:
        InputError: as `invoke`.
    """
    warmup, start = 0, time.perf_counter()
    while warmup < plan.warmup or time.perf_counter() - start < 0.2 * plan.min_seconds:
        invoke()
        warmup += 1
    times: Seconds = np.empty(max(_RESERVED, plan.runs))
    clock, count, start = time.perf_counter, 0, time.perf_counter()
    told = start
    while True:
        before = clock()
        invoke()
        after = clock()
        if count == len(times):
            times = np.concatenate([times, np.empty_like(times)])
        times[count] = after - before
        count += 1
        if count >= plan.runs and after - start >= plan.min_seconds:
            break
        if on_progress is not None and after - told > 0.1:  # outside of what is timed
            told = after
            on_progress(min(count / plan.runs, (after - start) / plan.min_seconds if plan.min_seconds else 1.0))
    return summarize(times[:count], warmup)


def measure_slices(
    take: Callable[[int, float], Seconds], plan: Plan, on_progress: Callable[[float], None] | None = None
) -> Latency:
    """As `measure`, of an invocation that another process times.

    Args:
        take: gives the times of so many invocations, or of those that are over within so many seconds, one at least.
        plan: how often and how long.
        on_progress: is told now and then which share of the measurement is done.

    Raises:
        InputError: as `take`.
    """

    def some(needed: int, left: float) -> Seconds:
        return take(_RESERVED, min(left, _SLICE_SECONDS)) if left > 0 else take(needed, _SLICE_SECONDS)

    warmup, start = 0, time.perf_counter()
    while (left := 0.2 * plan.min_seconds - (time.perf_counter() - start)) > 0 or warmup < plan.warmup:
        warmup += len(some(plan.warmup - warmup, left))
    taken: list[Seconds] = []
    count, start = 0, time.perf_counter()
    while (left := plan.min_seconds - (time.perf_counter() - start)) > 0 or count < plan.runs:
        taken.append(some(plan.runs - count, left))
        count += len(taken[-1])
        if on_progress is not None:
            share = (time.perf_counter() - start) / plan.min_seconds if plan.min_seconds else 1.0
            on_progress(min(count / plan.runs, share, 1.0))
    return summarize(np.concatenate(taken), warmup)


def summarize(seconds: Seconds, warmup: int = 0) -> Latency:
    """What is told of times in the order in which they were taken.

    Raises:
        InputError: there are none.
    """
    if not len(seconds):
        raise InputError("latency: must have at least one run. Found: none.", hint="raise --runs.")
    microseconds = 1e6 * seconds
    p50, p90, p95, p99 = (float(value) for value in np.percentile(microseconds, (50, 90, 95, 99)))
    medians = [np.median(part) for part in np.array_split(microseconds, min(_PARTS, len(microseconds)))]
    return Latency(
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99,
        min=float(microseconds.min()),
        mean=float(microseconds.mean()),
        std=float(microseconds.std(ddof=1)) if len(microseconds) > 1 else 0.0,
        runs=len(microseconds),
        warmup=warmup,
        spread=float((max(medians) - min(medians)) / p50) if p50 else 0.0,
    )
