"""Where the time of an inference on LiteRT goes: it adds up, has the names of the file, and never fails a profile."""

from __future__ import annotations

import _ctypes
import time
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from saved_models import artifact, stock_artifact

from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.writer import write
from edgernn.devices.host import operator_times as module
from edgernn.devices.host.operator_times import (
    DELEGATE,
    INTERPRETER,
    CannotTell,
    OperatorTime,
    OperatorTimes,
    operator_times,
)
from edgernn.devices.host.packages import LITERT_PACKAGES
from edgernn.devices.host.session import open_session
from edgernn.graph import Builder
from edgernn.graph import operators as ops


@cache
def dense(units: int) -> bytes:
    """A .tflite of one product."""
    random = np.random.default_rng(0)
    b = Builder("model")
    x = b.input("x", (units,))
    weights = b.constant("weights", random.standard_normal((units, units)))
    product = b.apply(ops.Affine(1, bias=False), x, weights)
    return write(b.finish(b.apply(ops.Unary("relu"), product)), "while", {})


@cache
def told(source: Path | bytes) -> OperatorTimes:
    """The times of an artifact."""
    found = operator_times(source.read_bytes() if isinstance(source, Path) else source, runs=20)
    assert isinstance(found, OperatorTimes), found
    return found


def models() -> list[Path | bytes]:
    """A float GRU and an integer one, another tool's, and one without a loop."""
    return [artifact("float32", "phone"), artifact("int8", "micro"), stock_artifact(), dense(64)]


def tables(times: OperatorTimes) -> list[tuple[float, tuple[OperatorTime, ...]]]:
    """Whole and rows, of the default delegate and of LiteRT's own kernels."""
    return [(times.invocation_us, times.rows), *([(times.builtin_us, times.builtin_rows)] if times.delegated else [])]


@pytest.mark.parametrize("number", range(4))
def test_the_rows_add_up_to_the_inference(number: int) -> None:
    for whole, rows in tables(told(models()[number])):
        assert all(row.microseconds >= 0 and row.calls > 0 for row in rows)
        assert sum(row.microseconds for row in rows) == pytest.approx(whole)
        assert sum(row.share for row in rows) == pytest.approx(1)
        assert [row.microseconds for row in rows] == sorted((row.microseconds for row in rows), reverse=True)


@pytest.mark.parametrize("number", range(4))
def test_every_operator_of_the_file_is_told_or_counted_as_delegated(number: int) -> None:
    source = models()[number]
    file, times = read_tflite(source), told(source)
    for _, rows in tables(times):
        for row in rows:
            if row.operator is not None and row.subgraph is not None:
                operator = file.subgraphs[row.subgraph].operators[row.operator]
                assert row.name == operator.name
                assert not operator.subgraphs  # the time of a WHILE is that of its body
    seen = Counter(row.name for row in times.rows if row.operator is not None)
    loops = Counter(op.name for graph in file.subgraphs for op in graph.operators if op.subgraphs)
    assert seen + Counter(times.delegated) + loops == Counter(file.operators)
    assert any(row.name == (DELEGATE if times.delegated else INTERPRETER) for row in times.rows)


def test_the_body_of_a_loop_is_called_once_a_step() -> None:
    file, times = read_tflite(artifact("int8", "micro")), told(artifact("int8", "micro"))
    body = [row for _, rows in tables(times) for row in rows if row.subgraph == 2]
    assert body
    assert {row.calls for row in body} == {9}
    assert {row.calls for row in times.rows if row.name == "LESS"} == {10}
    assert {op.name for op in file.subgraphs[1].operators} == {"LESS"}


def test_the_whole_is_what_an_independent_timer_measures() -> None:
    session = open_session(artifact("int8", "micro"), "litert")
    session.feed({info.name: info.noise() for info in session.inputs})
    durations = []
    for _ in range(200):
        start = time.perf_counter()
        session.invoke()
        durations.append(1e6 * (time.perf_counter() - start))
    operators = sum(row.microseconds for row in told(artifact("int8", "micro")).rows if row.operator is not None)
    assert 1 / 3 < operators / float(np.median(durations)) < 3


def test_what_the_delegate_tells_of_a_long_product_is_a_row() -> None:
    rows = {row.name: row for row in told(dense(2048)).rows}
    product = next(row for name, row in rows.items() if "Fully Connected" in name)
    assert product.operator is None  # one of the delegate's own
    assert product.share > 0.5


def test_a_damaged_file_is_a_reason() -> None:
    for content in (b"", b"no model", dense(64)[:200]):
        found = operator_times(content)
        assert isinstance(found, CannotTell)
        assert found.reason


def test_other_packages_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = LITERT_PACKAGES[0]._replace(package="a-package-that-is-not-installed")
    monkeypatch.setattr(module, "LITERT_PACKAGES", (absent, *LITERT_PACKAGES[1:]))
    assert operator_times(dense(64)) == CannotTell(f"only {absent.package} has a profiler, and it is not installed")


def test_a_package_without_the_profiler_cannot_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / LITERT_PACKAGES[0].module
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "libLiteRt.so").write_bytes(Path(_ctypes.__file__).read_bytes())  # any library but the right one
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = operator_times(dense(64))
    assert isinstance(found, CannotTell)
    assert "must have LiteRtCreateEnvironment" in found.reason


def test_a_crash_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos.abort()\n")  # runs first in every new Python process
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert operator_times(dense(64)) == CannotTell("LiteRT crashed under its profiler (SIGABRT)")
