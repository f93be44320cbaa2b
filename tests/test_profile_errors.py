"""The command `profile` when something is wrong: bad usage, bad files, a full disk, Ctrl-C."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from saved_models import EDGERNN, artifact
from test_profile import profiled
from test_resolver import with_operators

from edgernn.cli.main import run
from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSignature, TfSubgraph, TfTensor, encode

Captured = pytest.CaptureFixture[str]


def refused(capfd: Captured, *arguments: str) -> tuple[int, str]:
    """Status and error of a command that prints nothing else."""
    capfd.readouterr()
    code = run(["profile", *arguments])
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    return code, printed.err


def several_signatures() -> bytes:
    graphs = tuple(
        TfSubgraph(
            name,
            [TfTensor((1, 2), "float32", name="x"), TfTensor((1, 2), "float32", name="y")],
            [TfOperator("TANH", (0,), (1,))],
            (0,),
            (1,),
        )
        for name in ("encode", "decode")
    )
    signatures = tuple(TfSignature(graph.name, k, (("x", 0),), (("y", 1),)) for k, graph in enumerate(graphs))
    return encode(TfModel(graphs, signatures))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--board", "esp31"), ("board: must be one of android-entry, ", "did you mean 'esp32'?")),
        (("--runs", "0"), ("runs: must be a whole number from 1",)),
        (("--runs", "many"), ("'many'",)),
        (("--min-seconds", "-1"), ("min seconds: must be from 0",)),
        (("--warmup", "-1"), ("warmup: must be",)),
        (("--threads", "0"), ("threads: must be a whole number from 1",)),
        (("--period-ms", "0"), ("period: must be a positive number",)),
        (("--period-ms", "nan"), ("period: must be a positive number",)),
        (("--runtime", "torch"), ("runtime: must be one of litert, micro. Found: 'torch'",)),
        (("--csv", "--json"), ("output: must be one of --csv and --json. Found: both.",)),
        (("--history", "/nowhere/history"), ("history '/nowhere/history': cannot be written",)),
        (("--against", "/nowhere/b.json"), ("earlier profile '/nowhere/b.json'",)),
        (("--against", "a.json", "--max-regression", "lots"), ("must be a share such as 10% or 0.1",)),
    ],
)
def test_bad_usage_is_refused_before_anything_runs(
    arguments: tuple[str, ...], words: tuple[str, ...], capfd: Captured
) -> None:
    code, err = refused(capfd, str(artifact()), *arguments)
    assert code == 2
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: None, ("must be an existing file",)),
        (lambda: b"", ("must be",)),
        (lambda: b"no model at all", ("must be",)),
        (lambda: artifact().read_bytes()[:2000], ("model.tflite",)),
        (lambda: with_operators("ADD", custom=("FlexEinsum", "MyOp")), ("Found: FlexEinsum, MyOp, which need code",)),
        (several_signatures, ("must have one signature to run. Found: 'encode', 'decode'.", "--static")),
    ],
    ids=["missing", "empty", "text", "cut off", "custom operators", "two signatures"],
)
def test_a_bad_file_is_a_clear_error(content: Any, words: tuple[str, ...], tmp_path: Path, capfd: Captured) -> None:
    path = tmp_path / "model.tflite"
    if (data := content()) is not None:
        path.write_bytes(data)
    code, err = refused(capfd, str(path))
    assert code == 2
    for word in words:
        assert word in err


def test_what_cannot_run_is_still_counted_and_checked(tmp_path: Path, capfd: Captured) -> None:
    flex, two = tmp_path / "flex.tflite", tmp_path / "two.tflite"
    flex.write_bytes(with_operators("ADD", custom=("FlexEinsum",)))
    two.write_bytes(several_signatures())
    found = profiled(capfd, flex, "--static", "--board", "esp32", status=1)
    assert {item["what"]: item["ok"] for item in found["fits"]["items"]} == {
        "flash": True,
        "RAM": None,
        "operators": False,
    }
    assert profiled(capfd, two, "--static")["operators"] == {"TANH": 2}


def test_a_full_disk_costs_the_history_and_not_the_figures(tmp_path: Path) -> None:
    history, limit = tmp_path / "history.jsonl", 1 << 20
    history.write_bytes(b"\n" * (limit - 10))
    command = [*EDGERNN, "profile", str(artifact()), "--static", "--history", str(history), "--json"]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=small_files, check=False)
    assert done.returncode == 3, done.stderr
    assert "free some disk space" in done.stderr
    assert json.loads(done.stdout)["model_bytes"] == artifact().stat().st_size
    assert history.stat().st_size == limit - 10, "half a line stays in no history"


def test_a_history_that_is_a_device_is_refused_before_anything_is_measured(capfd: Captured) -> None:
    assert run(["profile", str(artifact()), "--static", "--json", "--history", "/dev/full"]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Found: a device" in printed.err


def interrupt(process: subprocess.Popen[str], reached: Any, *, group: bool) -> tuple[str, str]:
    """Press Ctrl-C once something has been reached."""
    for _ in range(1200):
        assert process.poll() is None, process.communicate()
        if reached(process.pid):
            time.sleep(0.5)  # a library that is just being loaded shall be so
            break
        time.sleep(0.05)
    else:
        pytest.fail("it was never reached")
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)


def in_mid_timing(pid: int) -> bool:
    """LiteRT's interpreter is loaded into this process, which happens after the cold starts."""
    return "litert_interpreter" in Path(f"/proc/{pid}/maps").read_text()


def in_a_probe(pid: int) -> bool:
    return bool(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="sees in /proc how far the process has come")
@pytest.mark.parametrize(("reached", "group"), [(in_mid_timing, False), (in_a_probe, True)])
def test_after_ctrl_c_what_was_measured_is_printed(reached: Any, group: bool, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    command = [*EDGERNN, "profile", str(artifact()), "--min-seconds", "600", "--json", "--history", str(history)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        out, err = interrupt(process, reached, group=group)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted: what was measured until then is above" in err
    found = json.loads(out)
    assert found["complete"] is False
    assert found["latency_us"] is None
    assert sum(found["bytes"].values()) == found["model_bytes"] == artifact().stat().st_size
    assert json.loads(history.read_text()) == found
    if reached is in_mid_timing:
        assert found["cold_start_us"] > 0
        assert found["arena_bytes"] > 0
