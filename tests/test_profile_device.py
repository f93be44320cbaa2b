"""`edgernn profile --device` on a board that is reached by a real sshd, and on what tells no time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from loopback_sshd import Sshd
from saved_models import folder

import edgernn
from edgernn.cli.main import run

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .tflite and a folder of C."""
    place = tmp_path_factory.mktemp("profiled")
    x = np.random.default_rng(0).standard_normal((12, 9, 5)).astype("f4")
    edgernn.convert(folder() / "gru.keras", place / "int8.tflite", quantize="int8", calibration=x)
    edgernn.convert(folder() / "gru.keras", place / "c", format="c", quantize="int8", calibration=x, name="model")
    return place


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A board whose Python has LiteRT."""
    with Sshd(tmp_path_factory.mktemp("board"), path=PATH) as sshd:
        yield sshd


@pytest.mark.parametrize("name", ["int8.tflite", "c"])
def test_a_profile_of_a_board(
    artifacts: Path, board: Sshd, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history = tmp_path / "history"
    words = [str(artifacts / name), *board.options, "--runs", "50", "--min-seconds", "0.2", "--period-ms", "20"]
    assert run(["profile", *words, "--history", str(history), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["version"], found["verdict"]) == ("edgernn.profile", 1, "identical")
    assert found["runtime"] == ("c" if name == "c" else "litert")
    assert found["device"]["name"] == board.target
    assert found["device"]["kind"] == "linux"
    assert found["model_bytes"] > 1000
    assert found["macs"] > 1000
    # At least so many runs, and for at least so long: the second time with more of them.
    assert found["latency_us"]["runs"] > 50
    assert found["latency_us"]["runs"] * found["latency_us"]["mean"] > 0.1e6
    assert found["latency_us"]["p50"] <= found["latency_us"]["p99"]
    assert found["real_time_factor"] == pytest.approx(found["latency_us"]["p50"] / 20_000)
    assert found["cold_start_us"] > 0
    assert found["rss_bytes"] > 10_000
    # It is compared like any other profile.
    assert run(["profile", *words, "--against", str(history), "--max-regression", "100000%"]) == 0
    said = capsys.readouterr().out
    assert "identical" in said
    assert "latency_us.p50" in said
    assert run(["profile", *words, "--csv"]) == 0
    assert "latency_us.p50" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--static"], "options: must apply to a device. Found: --static"),
        (["--board", "pico"], "options: must apply to a device. Found: --board"),
        (["--threads", "2"], "options: must apply to a device. Found: --threads"),
        (["--runs", "0"], "runs"),
        (["--period-ms", "-1"], "period: must be a positive number of milliseconds"),
    ],
)
def test_what_means_nothing_on_a_device_is_refused(
    artifacts: Path, board: Sshd, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["profile", str(artifacts / "c"), *board.options, *words]) == 2
    assert message in capsys.readouterr().err


def test_a_board_that_is_not_there_is_told_as_a_deployment_tells_it(
    artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["profile", str(artifacts / "c"), *board.options, "--port", "1"]) == 3
    assert "refused the connection" in capsys.readouterr().err
