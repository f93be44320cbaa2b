"""Times that can be compared on a busy machine: all contestants in one process, in turns, many times over.

A shared machine's speed drifts by tens of percent within a minute. A ratio of two times that were taken one after the
other is off by as much; a ratio taken within a round of a few milliseconds is not, and the median over many rounds
forgets the rounds that were disturbed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import litert_interpreter, quantized
from benchmarks.results import Ratio

BLOCK_SECONDS = 0.004
BLOCK_CALLS = 3
WARMUP_SECONDS = 0.2


@dataclass(frozen=True)
class Timing:
    """Times of several contestants in the same rounds.

    Attributes:
        seconds: per contestant the time of one call in each round, `[rounds]`.
    """

    seconds: Mapping[str, NDArray[np.float64]]

    def median(self, name: str) -> float:
        """The median time of one call in seconds."""
        return float(np.median(self.seconds[name]))

    def ratio(self, ours: str, peer: str, size: str = "") -> Ratio:
        """The median of the per-round ratios of `ours` to `peer`, with the 10th and 90th percentile."""
        ratios = self.seconds[ours] / self.seconds[peer]
        low, median, high = np.percentile(ratios, (10, 50, 90))
        seconds = self.median(ours), self.median(peer)
        return Ratio(ours, peer, size, float(median), float(low), float(high), len(ratios), *seconds)


def take_turns(contestants: Mapping[str, Callable[[], float]], rounds: int) -> Timing:
    """Give every contestant one turn per round, in an order that changes.

    Args:
        contestants: by name, a function that has its turn and returns the seconds that one call took.
        rounds: how often everyone has a turn.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    shuffle = random.Random(0)
    for _ in range(rounds):
        shuffle.shuffle(order)  # so that nobody always follows the one that leaves the caches worst
        for name in order:
            seconds[name].append(contestants[name]())
    return Timing({name: np.array(values) for name, values in seconds.items()})


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> Timing:
    """Time short calls in turns; a turn is a block of calls, of which the median counts."""
    return take_turns({name: partial(_block, call, _block_length(call)) for name, call in calls.items()}, rounds)


def _block_length(call: Callable[[], object]) -> int:
    """How many calls fill a block; the calls that find out are the warm-up."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < WARMUP_SECONDS or count < BLOCK_CALLS:
        call()
        count += 1
    return max(BLOCK_CALLS, round(count * BLOCK_SECONDS / elapsed))


def _block(call: Callable[[], object], count: int) -> float:
    call()  # brings code and weights back into the caches; not counted
    times = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def litert_timing(artifacts: Mapping[str, Path], sample: NDArray[np.float32], rounds: int) -> Timing:
    """Time one run of each artifact on LiteRT with one thread.

    Args:
        artifacts: by name.
        sample: the input, float32 `[1, steps, features]`, which each artifact takes in its own type.
        rounds: how often everyone has a turn.
    """
    interpreters = {name: litert_interpreter(path) for name, path in artifacts.items()}
    for interpreter in interpreters.values():
        details = interpreter.get_input_details()[0]
        interpreter.set_tensor(details["index"], quantized(sample, details))
    return interleaved({name: interpreter.invoke for name, interpreter in interpreters.items()}, rounds)
