"""What a profile shall measure: the options, once they are known to be possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgernn.devices.boards import Board, find_boards
from edgernn.errors import InputError, no_count, one_of
from edgernn.profiling.latency import Plan

RUNTIMES = ("litert", "micro")  # those of a .tflite
MOST_THREADS = 256


@dataclass(frozen=True)
class Wanted:
    """What shall be measured.

    Attributes:
        runtime: whose latency: litert or micro.
        plan: how long.
        threads: that LiteRT may use.
        period_ms: time between two invocations, for the real-time factor.
        boards: that it shall fit on.
        static: only what the file tells, running nothing.
        steps: number of time steps, for a Keras model that leaves it open.
    """

    runtime: str
    plan: Plan
    threads: int
    period_ms: float | None
    boards: tuple[Board, ...]
    static: bool
    steps: int | None


def check_wanted(
    runtime: str,
    plan: Plan,
    threads: int,
    period_ms: float | None,
    board: str | Sequence[str] | None,
    static: bool,
    steps: int | None,
) -> Wanted:
    """The options, once they are known to be possible.

    Raises:
        InputError: one is not.
    """
    one_of("runtime", runtime, RUNTIMES)
    plan.check()
    if wrong := no_count("threads", threads, 1, MOST_THREADS):
        raise InputError(wrong)
    if period_ms is not None and not 0 < period_ms < float("inf"):
        raise InputError(f"period: must be a positive number of milliseconds. Found: {period_ms}.")
    return Wanted(runtime, plan, threads, period_ms, find_boards(board), static, steps)
