"""Earlier profiles: a history that only grows, and regressions."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest

from edgernn.errors import EnvironmentProblem, InputError
from edgernn.profiling.history import append, check_writable, compare_with, read_earlier


def profile(artifact: str = "a.tflite", **changes: Any) -> dict[str, Any]:
    document = {
        "schema": "edgernn.profile",
        "version": 1,
        "artifact": artifact,
        "runtime": "litert",
        "runtime_package": "x 1",
        "threads": 1,
        "device": {"processor": "p", "cores": 2},
        "model_bytes": 1000,
        "activation_bytes": 500,
        "arena_bytes": 800,
        "latency_us": {"p50": 100.0, "p99": 150.0, "noisy": False},
        "cold_start_us": 2000.0,
        "rss_bytes": 4096,
    }
    return {**document, **changes}


def test_a_history_grows_line_by_line_and_gives_the_newest_of_the_artifact(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for number, name in enumerate(["a.tflite", "b.tflite", "a.tflite"]):
        before = path.read_bytes() if path.exists() else b""
        append(path, profile(name, model_bytes=number))
        assert path.read_bytes().startswith(before)
    assert read_earlier(path, "b.tflite")["model_bytes"] == 1
    assert read_earlier(path, "a.tflite")["model_bytes"] == 2
    assert read_earlier(path, "unknown.tflite")["model_bytes"] == 2


def test_a_line_that_was_cut_off_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"schema": "edgernn.prof')
    append(path, profile())
    assert read_earlier(path, "a.tflite")["model_bytes"] == 1000
    assert path.read_text().startswith('{"schema": "edgernn.prof\n')


def test_a_json_document_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps(profile(), indent=2))
    assert read_earlier(path, None)["arena_bytes"] == 800


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must hold a profile"),
        (b"[1, 2]", "must hold a profile"),
        (b'{"schema": "edgernn.train", "version": 1}', "must hold a profile"),
        (b'{"schema": "edgernn.profile", "version": 9}', "must be of version 1. Found: 9"),
        (b"\xff\xfe", "must be a readable file. Found: no text"),
    ],
)
def test_what_is_no_profile_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_earlier(path, None)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json.*No such file"):
        read_earlier(tmp_path / "none.json", None)


def test_growth_beyond_the_limit_is_a_regression() -> None:
    latency = {"p50": 111.0, "p99": 400.0, "noisy": False}
    found = compare_with(profile(), profile(model_bytes=1100, arena_bytes=900, latency_us=latency, rss_bytes=99999))
    growth = {change.name: change.growth for change in found.changes}
    assert growth["model_bytes"] == pytest.approx(0.1)
    assert growth["arena_bytes"] == pytest.approx(0.125)
    assert [change.name for change in found.regressions(0.1)] == ["arena_bytes", "latency_us.p50"]
    assert [change.name for change in found.regressions(0.12)] == ["arena_bytes"]
    assert found.notes == ()


def test_times_of_another_machine_are_not_judged_but_bytes_are() -> None:
    other = profile(device={"processor": "q", "cores": 2}, model_bytes=2000, latency_us={"p50": 999.0})
    found = compare_with(profile(), other)
    assert [change.name for change in found.regressions(0.1)] == ["model_bytes"]
    assert found.notes == ("times and memory are not judged, since device.processor differed.",)


def test_what_was_not_measured_is_left_out_and_what_was_nothing_grows_without_end() -> None:
    found = compare_with(profile(arena_bytes=None, activation_bytes=0), profile())
    assert "arena_bytes" not in {change.name for change in found.changes}
    assert "activation_bytes" in {change.name for change in found.regressions(1e9)}


def test_a_busy_machine_is_said() -> None:
    busy = profile(latency_us={"p50": 300.0, "noisy": True})
    found = compare_with(profile(), busy)
    assert "busy machine" in found.notes[0]


def test_a_history_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="history"):
        append(tmp_path / "no" / "folder.jsonl", profile())
    for wall in (Path("/dev/full"), tmp_path / "fifo"):
        if wall.parent == tmp_path:
            os.mkfifo(wall)
        with pytest.raises(InputError, match="must be a new file, or a regular one"):
            check_writable(wall)
        with pytest.raises(InputError, match="must be a new file, or a regular one"):
            append(wall, profile())


def test_a_full_disk_leaves_a_history_as_it_is(tmp_path: Path) -> None:
    """A limit on the size of files stands in for it."""
    path = tmp_path / "history.jsonl"
    append(path, profile())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(EnvironmentProblem, match="cannot be written: File too large"):
            append(path, profile())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
