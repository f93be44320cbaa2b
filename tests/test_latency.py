"""How latencies are taken and told."""

from __future__ import annotations

import time

import numpy as np
import pytest

from edgernn.errors import InputError, UnsupportedError
from edgernn.profiling.latency import Plan, measure, summarize


def test_percentiles_are_those_of_the_times() -> None:
    times = np.arange(1, 101) * 1e-6
    found = summarize(np.random.default_rng(0).permutation(times), warmup=7)
    assert found.p50 == pytest.approx(50.5)
    assert found.p90 == pytest.approx(90.1)
    assert found.p95 == pytest.approx(95.05)
    assert found.p99 == pytest.approx(99.01)
    assert found.min == pytest.approx(1)
    assert found.mean == pytest.approx(50.5)
    assert found.std == pytest.approx(np.std(np.arange(1, 101), ddof=1))
    assert (found.runs, found.warmup) == (100, 7)


def test_one_run_has_no_deviation() -> None:
    found = summarize(np.array([2e-6]))
    assert found.p50 == pytest.approx(2)
    assert found.p99 == pytest.approx(2)
    assert (found.std, found.spread) == (0, 0)


def test_no_run_is_refused() -> None:
    with pytest.raises(InputError, match="at least one run"):
        summarize(np.array([]))


def test_a_machine_that_gets_slower_is_noisy_and_a_steady_one_is_not() -> None:
    steady = np.full(1000, 1e-5)
    steady[::50] = 1e-3  # now and then an interruption, which leaves the median alone
    slower = np.concatenate([np.full(500, 1e-5), np.full(500, 1.3e-5)])
    assert not summarize(steady).noisy
    assert summarize(slower).noisy
    assert summarize(slower).spread == pytest.approx(0.3 / 1.15, rel=1e-6)


def test_both_the_count_and_the_time_are_reached() -> None:
    many = measure(lambda: None, Plan(runs=70_000, min_seconds=0, warmup=0))
    assert many.runs == 70_000
    start = time.perf_counter()
    long = measure(lambda: time.sleep(0.001), Plan(runs=3, min_seconds=0.05, warmup=2))
    assert time.perf_counter() - start >= 0.05
    assert long.runs > 3
    assert long.warmup >= 2


def test_warm_up_is_not_timed() -> None:
    calls = []

    def first_is_slow() -> None:
        calls.append(0)
        time.sleep(0.02 if len(calls) == 1 else 0)

    found = measure(first_is_slow, Plan(runs=5, min_seconds=0, warmup=1))
    assert found.mean < 10_000
    assert len(calls) == 6


def test_progress_is_told_between_the_runs() -> None:
    told: list[float] = []
    measure(lambda: time.sleep(0.03), Plan(runs=10, min_seconds=0, warmup=0), told.append)
    assert told
    assert told == sorted(told)
    assert max(told) <= 1


def test_impossible_plans_are_refused_all_at_once() -> None:
    with pytest.raises(UnsupportedError) as error:
        Plan(runs=0, min_seconds=-1, warmup=-1).check()
    assert len(error.value.broken) == 3
    with pytest.raises(UnsupportedError, match="min seconds"):
        Plan(min_seconds=float("nan")).check()
