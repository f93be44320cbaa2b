"""Times that can be compared: all artifacts in turns, round after round, with nothing else at work.

A shared machine's speed drifts by tens of percent within a minute. Two times that were taken one after the other differ
by as much; two of the same round do not. Every artifact is opened anew for its turn, so memory does not grow with their
number.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from edgernn.comparison.records import Artifact, ColdStart, Latency, Round
from edgernn.comparison.store import Store
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.probe import probe
from edgernn.devices.host.session import open_session
from edgernn.errors import InputError

ROUNDS = 15
COLD_STARTS = 3  # per artifact; a row's median is over those of all seeds
BLOCK_SECONDS, BLOCK_CALLS = 0.004, 5
WARMUP_SECONDS, WARMUP_CALLS = 0.001, 2

OnRound = Callable[[int, int], None]


def time_artifacts(store: Store, artifacts: Sequence[Artifact], on_turn: OnRound, rounds: int = ROUNDS) -> None:
    """Give every artifact its turn in every round that it lacks, and write each time down at once.

    Args:
        store: holds the files; its ``cold`` and ``rounds`` lines are continued.
        artifacts: those that went well.
        on_turn: is told how many turns are done, and of how many.
        rounds: how many every artifact shall have.

    Raises:
        EnvironmentProblem: LiteRT is not installed, or the disk is full.
    """
    refused = {line.artifact for line in store.lines(ColdStart) if line.refused}
    taken = {(line.artifact, line.round) for line in store.lines(Round)}
    cold = Counter(line.artifact for line in store.lines(ColdStart))
    ids = [artifact.id for artifact in artifacts]
    turns = [("cold", k, id) for k in range(COLD_STARTS) for id in ids if cold[id] <= k]
    order = random.Random(0)
    for number in range(rounds):
        order.shuffle(ids)  # so that nobody always follows the one that leaves the caches worst
        turns += [("rounds", number, id) for id in ids if (id, number) not in taken]
    files = {artifact.id: store.folder / "artifacts" / artifact.file for artifact in artifacts}
    for done, (kind, number, id) in enumerate(turns):
        on_turn(done, len(turns))
        if id in refused:
            continue
        if kind == "rounds":
            store.append(Round(id, number, _block(files[id])))
            continue
        try:
            fresh = probe(read_tflite(files[id]), "litert")
            store.append(ColdStart(id, fresh.cold_start_us, fresh.rss_bytes))
        except InputError as error:  # LiteRT does not run it; TFLite-Micro may
            refused.add(id)
            store.append(ColdStart(id, refused=str(error)))
    on_turn(len(turns), len(turns))


def _block(file: Path) -> float:
    """Median microseconds of one invocation in a block of them, after some to warm the caches."""
    session = open_session(file, "litert")
    session.feed({info.name: info.noise() for info in session.inputs})
    clock = time.perf_counter
    start, calls = clock(), 0
    while calls < WARMUP_CALLS or clock() - start < WARMUP_SECONDS:
        session.invoke()
        calls += 1
    times: list[float] = []
    start = clock()
    while len(times) < BLOCK_CALLS or clock() - start < BLOCK_SECONDS:
        before = clock()
        session.invoke()
        times.append(clock() - before)
    return 1e6 * median(times)


def timed(store: Store) -> Mapping[str, tuple[Latency | None, float | None, int | None]]:
    """By artifact: its times, its median cold start in microseconds, its median growth of resident memory."""
    rounds: dict[str, dict[int, float]] = {}
    for turn in store.lines(Round):
        rounds.setdefault(turn.artifact, {})[turn.round] = turn.us
    cold: dict[str, list[tuple[float, int]]] = {}
    for start in store.lines(ColdStart):
        if start.us is not None and start.rss_bytes is not None:
            cold.setdefault(start.artifact, []).append((start.us, start.rss_bytes))
    return {
        id: (
            _latency(rounds.get(id, {})),
            median(us for us, _ in cold[id]) if id in cold else None,
            int(median(rss for _, rss in cold[id])) if id in cold else None,
        )
        for id in {*rounds, *cold}
    }


def _latency(rounds: Mapping[int, float]) -> Latency | None:
    if not rounds:
        return None
    times = [rounds[number] for number in sorted(rounds)]
    p50, p90 = np.percentile(times, (50, 90))
    return Latency(float(p50), float(p90), min(times), tuple(times))
