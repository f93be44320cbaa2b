"""The command `compare` on models that exist and on untrained ones: complete, resumed, interrupted, killed, full."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import EDGERNN, artifact, folder

from edgernn.cli.main import run

ROUNDS = "3"


def options(output: Path, *more: str) -> list[str]:
    return [*more, "-o", str(output), "--rounds", ROUNDS]


def results(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "results.json").read_text())
    return found


def lines(output: Path, name: str) -> list[dict[str, Any]]:
    text = (output / "records" / f"{name}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines() if line]


def files() -> list[str]:
    return [str(artifact("int8", "micro")), str(artifact("float32", "phone")), str(folder() / "lstm.h5")]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of two artifacts and a Keras model, with a broken file between them."""
    output = tmp_path_factory.mktemp("compare") / "out"
    broken = output.parent / "broken.tflite"
    broken.write_bytes(artifact("int8", "micro").read_bytes()[:3000] + bytes(8000))
    data = ("--data", str(folder() / "test.npz"), "--calibration", str(folder() / "calibration.npz"))
    assert run(["compare", *options(output, *files(), *data, "--budget", "flash=12KiB,accuracy=90%")]) == 0
    return output


def test_files_are_compared_by_size_memory_time_and_score(compared: Path) -> None:
    found = results(compared)
    rows = {row["id"]: row for row in found["rows"]}
    micro = next(row for name, row in rows.items() if "int8-micro" in name and name.startswith("gru"))
    assert micro["bytes"] == artifact("int8", "micro").stat().st_size
    assert 0 < micro["arena_bytes"] < 20_000
    assert micro["latency_us"] > 0
    assert micro["score"] > 0.9  # the targets are what this model's Keras form answers
    keras = [row for row in rows.values() if row["scheme"] == "int8" and "lstm" in row["id"]]
    assert {row["target"] for row in keras} == {"phone", "micro"}
    assert all(row["relative_error"] < 0.05 for row in keras)
    assert found["complete"] is True
    assert found["task"]["metric"] == "accuracy"


def test_json_and_csv_agree(compared: Path) -> None:
    rows = results(compared)["rows"]
    with (compared / "results.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["id"] for row in table] == [row["id"] for row in rows]
    for line, row in zip(table, rows, strict=True):
        for key in ("bytes", "arena_bytes", "latency_us", "score", "parameters"):
            assert (float(line[key]) if line[key] else None) == row[key]


def test_the_budget_is_judged(compared: Path) -> None:
    found = results(compared)
    assert found["budget"]["flash"] == 12 * 1024
    for row in found["rows"]:
        if row["bytes"] > 12 * 1024:
            assert row["fits"] is False
            assert "flash" in row["misses"][0]
    best = next(row for row in found["rows"] if row["id"] == found["best"])
    assert best["fits"]


def test_reports_are_written(compared: Path) -> None:
    assert (compared / "report.md").read_text().startswith("# ")
    page = (compared / "report.html").read_text()
    assert "<html" in page
    assert "gru.keras-int8-micro" in page
    assert list((compared / "plots").glob("*.png"))


def test_a_second_call_measures_nothing_again(compared: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (compared / "records").rglob("*.json")}
    rounds, cold = len(lines(compared, "rounds")), len(lines(compared, "cold"))
    data = ("--data", str(folder() / "test.npz"), "--calibration", str(folder() / "calibration.npz"))
    assert run(["compare", *options(compared, *files(), *data)]) == 0
    assert {path: path.stat().st_mtime_ns for path in (compared / "records").rglob("*.json")} == before
    assert (len(lines(compared, "rounds")), len(lines(compared, "cold"))) == (rounds, cold)
    assert results(compared)["budget"] is None


def test_another_comparison_needs_another_folder(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", *options(compared, files()[0])]) == 2
    assert "or hold this comparison. Found: one with another task, files" in capsys.readouterr().err


def test_a_file_that_fails_is_a_row_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "odd.npz"
    np.savez(odd, x=np.zeros((4, 2, 2), "f4"), y=np.zeros(4, int))
    first = artifact("float32", "phone")
    status = run(["compare", *options(tmp_path / "out", str(first), "--data", str(odd))])
    assert status == 2  # nothing worked
    assert "at least one combination must work. Found: data" in capsys.readouterr().err
    (row,) = results(tmp_path / "out")["rows"]
    assert row["failures"] == 1
    assert "must have the shape" in row["reason"]


def test_a_damaged_file_is_refused_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(artifact().read_bytes()[:2000])
    assert run(["compare", *options(tmp_path / "out", str(broken))]) == 2
    assert "damaged or truncated" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "must be given files, or --recipe, or --untrained"),
        (["--recipe", "japanese-vovels"], "did you mean 'japanese-vowels'"),
        (["--recipe", "japanese-vowels", "--cells", "lstm,gur"], "cell: must be one of"),
        (["--recipe", "japanese-vowels", "--schemes", "int9"], "scheme: must be one of"),
        (["--recipe", "japanese-vowels", "--seeds", "0"], "seeds: must be a whole number from 1"),
        (["--recipe", "japanese-vowels", "--fractions", "1.5"], "fractions: must be above 0"),
        (["--recipe", "japanese-vowels", "--budget", "flahs=1"], "budget: must limit one of flash"),
        (["--recipe", "japanese-vowels", "--board", "arduino"], "board"),
        (["--untrained", "--features", "3"], "steps, features and classes must all be given"),
        (["--units", "x"], "must be int values with commas"),
    ],
)
def test_bad_usage_is_refused_at_once(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *options(tmp_path / "out", *arguments)]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


UNTRAINED = [
    *("--untrained", "--steps", "6", "--features", "3", "--classes", "2", "--cells", "lstm,gru"),
    *("--units", "4", "--seeds", "1", "--schemes", "float32,int8"),
]


def child(output: Path, *more: str, **keywords: Any) -> subprocess.Popen[str]:
    command = [*EDGERNN, "compare", *options(output, *UNTRAINED, *more)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **keywords
    )


def wait_for(output: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    for _ in range(12_000):
        if list(output.glob(pattern)):
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    pytest.fail(f"there was no {pattern}")


@pytest.mark.slow  # two minutes of training; what a second call measures again is tested above
def test_killed_interrupted_and_continued(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with child(output) as process:
        wait_for(output, "records/models/*.json", process)
        os.killpg(process.pid, signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in output.glob("records/models/*.json")}
    assert kept
    with child(output) as process:
        wait_for(output, "records/artifacts/*.json", process)
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command continues" in err
    assert results(output)["complete"] is False
    assert (output / "report.html").exists()
    with child(output) as process:
        _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    found = results(output)
    assert found["complete"] is True
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {row["cell"] for row in found["rows"]} == {"lstm", "gru", "cnn"}
    assert all(row["score"] is None and row["latency_us"] for row in found["rows"])
    with child(output, "--units", "4,5") as process:  # more of the same comparison
        _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert {row["units"] for row in results(output)["rows"]} >= {4, 5}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    rounds = [(line["artifact"], line["round"]) for line in lines(output, "rounds")]
    assert len(rounds) == len(set(rounds))


def test_a_full_disk_is_said_and_ends_with_3(tmp_path: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    command = [*EDGERNN, "compare", *options(tmp_path / "out", str(artifact("float32", "phone")))]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small_files, check=False)
    assert done.returncode == 3, done.stderr
    assert "free some disk space" in done.stderr
    assert "Traceback" not in done.stderr
