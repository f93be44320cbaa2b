"""The benchmark: its workload, its measures and its table."""

from __future__ import annotations

import importlib.util
import itertools
import json
import textwrap
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.arena import ALIGNMENT, arena_bytes, smallest_arena
from edgernn.devices.host.micro import MicroSession
from edgernn.errors import InputError

ROOT = Path(__file__).parent.parent

with pytest.MonkeyPatch.context() as patch:
    # The benchmark is not installed. Only for this import, since the folder also holds converters/ and devices/.
    patch.syspath_prepend(str(ROOT))
    from benchmarks import measure, report, stock, table
    from benchmarks.child import run_module
    from benchmarks.results import CELLS, SCHEMES, Conversion, Ratio, Results, TaskScore
    from benchmarks.timing import Timing, interleaved, take_turns
    from benchmarks.workload import Size, prepare, samples, workload

TINY = Size(units=5, steps=7, features=3, outputs=2)


def test_samples_are_correlated_and_have_unit_variance() -> None:
    calibration, test = samples(Size(steps=500))
    assert calibration.shape == (64, 500, 16)
    assert test.shape == (32, 500, 16)
    assert calibration.dtype == test.dtype == np.float32
    assert np.var(calibration) == pytest.approx(1, abs=0.05)
    assert np.mean(calibration[:, 1:] * calibration[:, :-1]) == pytest.approx(0.8, abs=0.05)
    assert not np.array_equal(calibration[:32], test)


def test_size_survives_its_text() -> None:
    assert Size.parse(str(Size(17, 1))) == Size(17, 1)


@pytest.mark.parametrize("cell", CELLS)
def test_workload_is_reproducible_and_hides_no_path_behind_zeros(cell: str) -> None:
    first, _, test = workload(cell, TINY)
    second, _, _ = workload(cell, TINY, unroll=True)
    for weights, same in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)
        assert np.all(weights != 0)
    output = first(test[:1]).numpy()
    assert output.shape == (1, TINY.outputs)
    np.testing.assert_allclose(output, second(test[:1]).numpy(), atol=1e-6)


def test_quantized_values_are_within_half_a_step_and_saturate() -> None:
    details = {"dtype": np.int8, "quantization_parameters": {"scales": np.array([0.03]), "zero_points": np.array([-9])}}
    values = np.linspace(-3, 3, 301, dtype=np.float32)
    codes = measure.quantized(values, details)
    assert codes.dtype == np.int8
    assert np.abs(measure.real(codes, details) - values).max() <= 0.015 + 1e-6
    np.testing.assert_array_equal(measure.quantized(np.array([-99.0, 99.0]), details), [-128, 127])


def test_float_values_stay_as_they_are() -> None:
    values = np.array([[0.1, -7.0]], np.float32)
    details: dict[str, Any] = {"dtype": np.float32, "quantization_parameters": {}}
    np.testing.assert_array_equal(measure.real(measure.quantized(values, details), details), values)


def test_relative_error_is_the_mean_of_each_samples_worst() -> None:
    expected = np.array([[1.0, -2.0], [0.5, 0.1]])
    outputs = np.array([[1.1, -1.8], [0.5, 0.0]])
    assert measure.relative_error(outputs, expected) == pytest.approx((0.2 / 2 + 0.1 / 0.5) / 2)


def test_ratio_forgets_the_drift_of_the_machine() -> None:
    speed = iter(np.repeat(np.linspace(1, 9, 40), 2))
    timing = take_turns({"ours": lambda: 3e-6 * next(speed), "peer": lambda: 4e-6 * next(speed)}, 40)
    ratio = timing.ratio("ours", "peer", "5x7")
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((0.75, 0.75, 0.75))
    assert (ratio.ours, ratio.peer, ratio.size, ratio.rounds) == ("ours", "peer", "5x7", 40)
    assert (ratio.ours_seconds, ratio.peer_seconds) == pytest.approx((15e-6, 20e-6))


def test_ratio_has_the_spread_of_the_rounds() -> None:
    timing = Timing({"ours": np.arange(1.0, 12.0), "peer": np.ones(11)})
    ratio = timing.ratio("ours", "peer")
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((2, 6, 10))


def test_everyone_has_one_turn_per_round_in_changing_order() -> None:
    turns: list[str] = []

    def turn(name: str) -> float:
        turns.append(name)
        return 1.0

    take_turns({name: lambda name=name: turn(name) for name in "abc"}, 20)  # type: ignore[misc]
    rounds = {tuple(turns[start : start + 3]) for start in range(0, 60, 3)}
    assert len(rounds) > 1
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)


def test_twice_the_work_takes_twice_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that only work moves."""
    clock = itertools.count()
    monkeypatch.setattr("benchmarks.timing.time", SimpleNamespace(perf_counter=lambda: next(clock) * 1e-4))

    def work(amount: int) -> None:
        for _ in range(amount):
            next(clock)

    timing = interleaved({"once": lambda: work(999), "twice": lambda: work(1999)}, 15)
    assert timing.ratio("twice", "once").median == pytest.approx(2)
    assert timing.median("once") == pytest.approx(0.1)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes a module of some code, which a child process can run, and gives its name."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(code: str) -> str:
        (tmp_path / "child_under_test.py").write_text(textwrap.dedent(code))
        return "child_under_test"

    return make


def test_child_gives_the_json_that_it_prints_last(module: Any) -> None:
    outcome = run_module(module("import json, sys; print('{}'); print(json.dumps({'x': sys.argv[1:]}, indent=2))"), 1)
    assert outcome.value == {"x": ["1"]}
    assert not outcome.failure


def test_child_that_dies_of_a_signal_is_an_outcome(module: Any) -> None:
    outcome = run_module(module("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    assert outcome.failure == "SIGSEGV"
    assert outcome.value == {}


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("raise ValueError('no such thing')", "ValueError: no such thing"),
        ("import sys; sys.exit('error: layer: wrong.\\nhint: mend it.')", "layer: wrong."),
        ("import sys; sys.exit(5)", "exit status 5"),
    ],
)
def test_child_that_fails_says_why(module: Any, code: str, failure: str) -> None:
    assert run_module(module(code)).failure == failure


def test_child_may_have_a_result_and_a_failed_check(module: Any) -> None:
    code = "import sys; print('{\"x\": 1}'); sys.exit(1)"
    assert run_module(module(code), statuses=(0, 1)).value == {"x": 1}
    assert run_module(module(code)).failure


@pytest.fixture
def small_artifact() -> Path:
    """A float model of three dense layers, which comes with the TFLite-Micro interpreter."""
    spec = importlib.util.find_spec("tflite_micro")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "python" / "tflite_micro" / "sine_float.tflite"


def test_operators_are_counted(small_artifact: Path) -> None:
    assert measure.count_operators(small_artifact.read_bytes()) == 3


def test_required_arena_is_the_smallest_that_works(small_artifact: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = small_artifact.read_bytes()
    used, required = arena_bytes(content).used, smallest_arena(content)
    assert 0 < used <= required  # planning the memory takes more than what stays allocated
    MicroSession(read_tflite(content), required)
    with pytest.raises(InputError, match="TFLite-Micro"):
        MicroSession(read_tflite(content), required - ALIGNMENT)
    assert capfd.readouterr().err == ""


def test_both_runtimes_give_the_same_outputs(small_artifact: Path) -> None:
    inputs = np.linspace(0, 6, 9, dtype=np.float32)[:, np.newaxis]
    outputs = measure.litert_outputs(small_artifact, inputs)
    np.testing.assert_allclose(outputs, np.sin(inputs), atol=0.2)
    np.testing.assert_allclose(measure.micro_outputs(small_artifact, inputs), outputs, atol=1e-6)


def example_results() -> Results:
    """Results with every row filled, all within their limits."""

    def conversion(maker: str, form: str, cell: str, scheme: str, size: str) -> Conversion:
        made = Conversion(maker, form, cell, scheme, size, "", 0.5, 20_000, 30, 1e-6, 7000, 7000, 1e-6, "", 40.0)
        crashes = (maker, form) == ("stock", "rolled") and scheme in ("int8", "int16x8")
        return Conversion(maker, form, cell, scheme, size, failure="SIGSEGV") if crashes else made

    sizes = ("64x64", "32x32")
    names = [
        *((*configuration[:2], configuration[2], "stock") for configuration in stock.CONFIGURATIONS),
        *((cell, target, scheme, "edgernn") for cell in CELLS for target in ("micro", "phone") for scheme in SCHEMES),
    ]
    made = [conversion(maker, form, cell, scheme, size) for size in sizes for cell, form, scheme, maker in names]
    ratios = [
        Ratio(ours.name, peer.name, ours.size, 0.05, 0.04, 0.06, 100, 4e-5, 8e-4)
        for ours in made
        for peer in made
        if (ours.maker, peer.maker) == ("edgernn", "stock") and ours.size == peer.size
    ]
    process = Ratio("edgernn convert GRU dynamic", "stock script GRU dynamic", "64x64", 0.1, 0.09, 0.11, 5, 0.4, 4.0)
    score = TaskScore("japanese-vowels", "GRU", "micro", 0.96, 0.958, 0.2, 3)
    return Results({"Python": "3"}, sizes, tuple(made), tuple(ratios), (process,), False, (score,), ())


def altered(results: Results, target: str, cell: str, scheme: str, **changes: Any) -> Results:
    """`results` with one conversion of edgernn changed, at the full size."""
    wanted = results.conversion("edgernn", target, cell, scheme, "64x64")
    changed = [replace(each, **changes) if each is wanted else each for each in results.conversions]
    return replace(results, conversions=tuple(changed))


def test_no_limit_is_broken_by_good_results() -> None:
    assert report.broken_limits(example_results()) == []


@pytest.mark.parametrize(
    ("target", "cell", "scheme", "changes", "label"),
    [
        ("micro", "GRU", "int8", {"bytes": 24 * 1024 + 1}, "int8 GRU file"),
        ("micro", "LSTM", "int8", {"bytes": None}, "int8 LSTM file"),
        ("micro", "GRU", "int8", {"arena_required": 9729}, "int8 GRU arena"),
        ("micro", "LSTM", "int8", {"relative_error": 0.0151}, "int8 LSTM relative error"),
        ("micro", "LSTM", "int8", {"micro_relative_error": 0.0151}, "int8 LSTM relative error"),
        ("phone", "LSTM", "float32", {"relative_error": 2e-5}, "float32 relative error"),
        ("phone", "GRU", "dynamic", {"relative_error": None}, "dynamic relative error"),
        ("phone", "GRU", "float16", {"failure": "crash"}, "conversions that succeed"),
    ],
)
def test_limit_is_broken(target: str, cell: str, scheme: str, changes: dict[str, Any], label: str) -> None:
    (broken,) = report.broken_limits(altered(example_results(), target, cell, scheme, **changes))
    assert broken.startswith(label)


def test_slow_or_missing_times_break_their_limits() -> None:
    results = example_results()
    slow = replace(results, latency=tuple(replace(ratio, median=1.2) for ratio in results.latency))
    expected = ["dynamic GRU time", "int8 LSTM time", "int8 LSTM time"]
    for broken in (slow, replace(results, latency=())):
        assert [
            label[: len(start)] for label, start in zip(report.broken_limits(broken), expected, strict=True)
        ] == expected


def test_small_size_has_no_limits() -> None:
    assert all(row.limit is None for row in table.rows(example_results(), "32x32"))


def test_markdown_and_json_hold_every_row_and_artifact() -> None:
    results = example_results()
    markdown, document = report.to_markdown(results), json.loads(report.to_json(results))
    assert document["schema"] == "edgernn.benchmark"
    assert len(document["conversions"]) == len(results.conversions)
    labels = [row["label"] for rows in document["table"].values() for row in rows]
    assert all(f"| {label} |" in markdown for label in labels)
    assert markdown.count("| SIGSEGV |") == 8
    assert "6 of 10" in markdown


def test_unknown_conversion_is_an_error() -> None:
    with pytest.raises(KeyError, match="stock rolled GRU int4 64x64"):
        example_results().conversion("stock", "rolled", "GRU", "int4", "64x64")


@pytest.mark.slow
def test_stock_converter_is_measured_and_its_crash_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = Size(5, 7)
    prepare(tmp_path / "GRU", "GRU", size)
    configurations = [("GRU", "rolled", "float32"), ("GRU", "rolled", "int8")]
    monkeypatch.setattr(stock, "CONFIGURATIONS", configurations)
    converted, crashed = stock.stock_conversions(size, tmp_path, lambda text: None)
    assert converted.failure == ""
    assert converted.relative_error is not None
    assert converted.relative_error < 1e-5
    assert converted.bytes == (tmp_path / "GRU" / "stock-rolled-float32.tflite").stat().st_size
    assert converted.arena_required is not None
    assert crashed.failure == "SIGSEGV"
    announced: list[str] = []
    assert list(stock.stock_conversions(size, tmp_path, announced.append)) == [converted, crashed]
    assert announced == []  # the second time they come from the cache
