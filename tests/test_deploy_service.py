"""`edgernn deploy --service` on a real sshd with a real systemd: sockets, pipes, serial ports, and gone again."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback_sshd import Sshd
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.running import read_artifact

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams and windows, as .tflite and as C."""
    place, model = tmp_path_factory.mktemp("served"), folder() / "gru.keras"
    shape = read_artifact(edgernn.convert(model).content).inputs[0].shape
    x = np.random.default_rng(0).standard_normal((12, *shape[1:])).astype("f4")
    options: dict[str, Any] = {"quantize": "int8", "calibration": x}
    edgernn.convert(model, place / "window.tflite", **options)
    edgernn.convert(model, place / "stream.tflite", **options, streaming=True, hop=3)
    edgernn.convert(model, place / "inside.tflite", streaming=True, state="internal")
    edgernn.convert(model, place / "c", format="c", **options, name="model", streaming=True, hop=3)
    return place


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A board that runs systemd."""
    if os.getuid() != 0:
        pytest.skip("needs root, for a /run of the board's own")
    with Sshd(tmp_path_factory.mktemp("board"), path=PATH, systemd=True) as sshd:
        _wait(lambda: (sshd.root / f"run/user/{os.getuid()}/systemd/private").exists())
        yield sshd


@pytest.fixture
def board(shared: Sshd) -> Iterator[Sshd]:
    """The same, on which nothing must be left."""
    assert found_on(shared) == []
    yield shared
    assert found_on(shared) == []


def found_on(board: Sshd) -> list[str]:
    """Every file under the home folder, and what else is called after us."""
    home = [str(path.relative_to(board.home)) for path in board.home.rglob("*") if not path.is_dir()]
    return sorted(home + [path.name for path in (board.root / f"run/user/{os.getuid()}").glob("edgernn*")])


def _wait(until: Callable[[], Any]) -> Any:
    for _ in range(400):
        if found := until():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about within 20 s")


def deployed(board: Sshd, artifact: Path, *more: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The record of a deployment with a service."""
    status = run(["deploy", str(artifact), *board.options, "--runs", "5", "--json", *more])
    said = capsys.readouterr()
    assert status == 0, said.err
    document: dict[str, Any] = json.loads(said.out)
    return document


def removed(board: Sshd, artifact: Path, capsys: pytest.CaptureFixture[str], *more: str) -> bool:
    """Whether a service was there, which is not there now."""
    assert run(["deploy", str(artifact), *board.options, "--remove", "--json", *more]) == 0
    (found,) = json.loads(capsys.readouterr().out)["devices"].values()
    return bool(found)


def answers(board: Sshd, unit: str, sent: str, count: int) -> list[dict[str, Any]]:
    """What the service says, through its socket, to some lines."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(board.root / f"run/user/{os.getuid()}/{unit}.socket"))
        client.sendall(sent.encode())
        with client.makefile() as lines:
            return [json.loads(lines.readline()) for _ in range(count)]


def frames(count: int) -> np.ndarray[Any, Any]:
    """Frames that go on."""
    return np.random.default_rng(3).standard_normal((count, 5)).astype("f4")


def text(rows: np.ndarray[Any, Any]) -> str:
    """A line for each."""
    return "".join(",".join(f"{number:.9g}" for number in row) + "\n" for row in rows)


def expected(artifact: Path, rows: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """What a session here says."""
    found = []
    with edgernn.StreamingSession(artifact) as session:
        for number, row in enumerate(rows):
            if (answer := session.step(row)) is not None:
                found.append({"frame": number, "output": [float(f"{each:.9g}") for each in answer]})
    return found


def rounded(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Numbers as C prints them: nine digits tell every float32 from every other."""
    return [{**line, "output": [float(f"{each:.9g}") for each in line["output"]]} for line in said]


@pytest.mark.parametrize("name", ["stream.tflite", "inside.tflite", "c"])
def test_a_socket_answers_frames_as_a_session_here(
    board: Sshd, artifacts: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = deployed(board, artifacts / name, "--service", "--name", "gestures", capsys=capsys)
    assert record["verdict"] in ("identical", "within-tolerance")
    assert record["service"]["service"] == {"name": "gestures", "source": "socket", "baud": 115200}
    assert record["service"]["copied_bytes"] > 1000
    again = deployed(board, artifacts / name, "--service", "--name", "gestures", capsys=capsys)
    assert (again["copied_bytes"], again["service"]["copied_bytes"]) == (0, 0)

    rows = frames(12)
    wanted = expected(artifacts / name, rows)
    assert rounded(answers(board, "edgernn-gestures", text(rows), len(wanted))) == wanted
    # Another client begins anew; so does `reset`; lines that are none are answered, and change nothing.
    noise = "1,2\nhello\n\n" + text(rows[:3]) + "reset\n" + "nan,0,0,0,0\n" + "1e39,0,0,0,0\n" + "9" * 9000 + "\n"
    first = len([line for line in wanted if line["frame"] < 3])
    said = answers(board, "edgernn-gestures", noise + text(rows), 2 + first + 4 + len(wanted))
    errors = [line for line in said if "error" in line]
    hop = "" if name == "inside.tflite" else " or 15"
    assert errors[0] == {"line": 1, "error": f"must be 5{hop} numbers. Found: 2."}
    assert [(line["line"], line["error"]) for line in errors[1:]] == [
        (number, "must be numbers, finite ones.") for number in (2, 8, 9, 10)
    ]
    assert {"reset": True} in said
    assert rounded([line for line in said if "output" in line]) == wanted[:first] + wanted

    mode = (board.root / f"run/user/{os.getuid()}/edgernn-gestures.socket").stat().st_mode
    assert mode & 0o077 == 0
    assert (board.home / ".edgernn/services/gestures").stat().st_mode & 0o077 == 0
    assert removed(board, artifacts / name, capsys, "--name", "gestures")
    assert not removed(board, artifacts / name, capsys, "--name", "gestures")


@pytest.mark.parametrize("name", ["stream.tflite", "c"])
def test_a_whole_hop_in_a_line_is_its_frames(
    board: Sshd, artifacts: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(board, artifacts / name, "--service", capsys=capsys)
    unit = f"edgernn-{(artifacts / name).stem}"
    rows = frames(6)
    wanted = expected(artifacts / name, rows)
    lines = "".join(json.dumps(hop.tolist()) + "\n" for hop in rows.reshape(2, 3, 5))
    assert rounded(answers(board, unit, lines, 2)) == wanted
    assert removed(board, artifacts / name, capsys)


def test_a_model_that_is_no_stream_takes_windows(
    board: Sshd, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(board, artifacts / "window.tflite", "--service", capsys=capsys)
    window = frames(9)
    session = read_artifact(artifacts / "window.tflite").open("litert")
    (source,), (output,) = session.inputs, session.outputs
    raw = session.run({source.name: source.quantize(window[None])})[output.name]
    (said,) = answers(board, "edgernn-window", json.dumps(window.tolist()) + "\n", 1)
    assert said == {"window": 0, "output": output.dequantize(raw)[0].tolist()}
    assert removed(board, artifacts / "window.tflite", capsys)


def journal(board: Sshd, unit: str) -> list[dict[str, Any]]:
    """The answers in the board's journal."""
    words = ["chroot", str(board.root), "journalctl", "-t", unit, "-o", "cat"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"frame"')]


def _answered(board: Sshd, unit: str, count: int) -> bool:
    return len(journal(board, unit)) >= count


def test_a_pipe_feeds_standard_input(board: Sshd, artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = artifacts / "c"
    record = deployed(board, artifact, "--service", "stdin", "--name", "piped", capsys=capsys)
    assert record["service"]["service"]["source"] == "stdin"
    pipe = board.home / ".edgernn/services/piped/frames"
    rows = frames(6)
    wanted = expected(artifact, rows)
    _wait(pipe.is_fifo)
    for times in (1, 2):  # whoever writes next begins anew
        with pipe.open("w") as stream:
            stream.write(text(rows))
        _wait(partial(_answered, board, "edgernn-piped", times * len(wanted)))
        assert rounded(journal(board, "edgernn-piped")) == wanted * times
    assert removed(board, artifact, capsys, "--name", "piped")


def test_a_serial_port_feeds_the_service(board: Sshd, artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = pty.openpty()
    try:
        tty.setraw(ours)
        port = os.ttyname(theirs)
        deployed(
            board, artifacts / "c", "--service", f"serial:{port}", "--name", "wired", "--baud", "9600", capsys=capsys
        )
        rows = frames(6)
        wanted = expected(artifacts / "c", rows)
        os.write(ours, b"7,1.5\n" + text(rows).encode())  # what was left of a line when we began to listen
        _wait(partial(_answered, board, "edgernn-wired", len(wanted)))
        assert rounded(journal(board, "edgernn-wired")) == wanted
        settings = subprocess.run(["stty", "-F", port], capture_output=True, text=True, check=True).stdout
        assert "speed 9600 baud" in settings
    finally:
        os.close(ours)
        os.close(theirs)
        assert removed(board, artifacts / "c", capsys, "--name", "wired")


def test_another_source_or_model_takes_the_place_of_the_first(
    board: Sshd, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(board, artifacts / "c", "--service", "--name", "one", capsys=capsys)
    deployed(board, artifacts / "c", "--service", "stdin", "--name", "one", capsys=capsys)
    assert not (board.root / f"run/user/{os.getuid()}/edgernn-one.socket").exists()
    deployed(board, artifacts / "stream.tflite", "--service", "--name", "one", capsys=capsys)
    deployed(board, artifacts / "c", "--service", "--name", "two", capsys=capsys)
    rows = frames(3)
    for name, artifact in (("one", "stream.tflite"), ("two", "c")):
        assert rounded(answers(board, f"edgernn-{name}", text(rows), 1)) == expected(artifacts / artifact, rows)
    assert removed(board, artifacts / "c", capsys, "--name", "one")
    assert rounded(answers(board, "edgernn-two", text(rows), 1)) == expected(artifacts / "c", rows)
    assert removed(board, artifacts / "c", capsys, "--name", "two")


def test_a_board_without_systemd_keeps_nothing_of_the_service(
    tmp_path: Path, artifacts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sshd(tmp_path / "board", path=PATH) as sshd:
        words = [str(artifacts / "c"), *sshd.options, "--runs", "5", "--service"]
        assert run(["deploy", *words]) == 3
        said = capsys.readouterr().err
        assert "must start the service 'c'" in said
        assert "systemctl --user status" in said
        assert not (sshd.home / ".edgernn/services").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "qemu:cortex-m4", "--service"], "device 'qemu:cortex-m4': must be a Linux board"),
        (["--device", "a@b", "--service", "web"], "service: must be one of socket, stdin or serial:/dev/NAME"),
        (["--device", "a@b", "--service", "serial:/dev/x;reboot"], "service: must be one of socket"),
        (["--device", "a@b", "--service", "--name", "$(reboot)"], "name of the service: must be up to 64"),
        (["--device", "a@b", "--remove", "--name", "../.."], "name of the service: must be up to 64"),
    ],
)
def test_what_cannot_be_a_service_is_refused(
    artifacts: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["deploy", str(artifacts / "c"), *words]) == 2
    assert message in capsys.readouterr().err
