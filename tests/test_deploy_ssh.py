"""`edgernn deploy` to a real sshd on loopback: what works, every fault, and what a hostile name cannot do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback_sshd import Sshd
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.running import read_artifact

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # the board's python3 has LiteRT


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of one model in a folder with a hostile name, and samples."""
    place = tmp_path_factory.mktemp("deploy") / 'it\'s $(touch owned) "here"'
    place.mkdir()
    model = folder() / "gru.keras"
    shape = read_artifact(edgernn.convert(model).content).inputs[0].shape
    x = np.random.default_rng(0).standard_normal((12, *shape[1:])).astype("f4")
    np.savez(place / "x.npz", x=x)
    edgernn.convert(model, place / "float.tflite")
    edgernn.convert(model, place / "int8.tflite", quantize="int8", calibration=x)
    edgernn.convert(model, place / "stream.tflite", quantize="int8", calibration=x, streaming=True)
    edgernn.convert(model, place / "inside.tflite", streaming=True, state="internal")
    edgernn.convert(model, place / "c", format="c", quantize="int8", calibration=x, name="model")
    return place


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Sshd]:
    """A board whose Python has LiteRT."""
    with Sshd(tmp_path / "board", path=PATH) as sshd:
        yield sshd


def deployed(
    board: Sshd, artifact: Path, *more: str, capsys: pytest.CaptureFixture[str], status: int = 0
) -> dict[str, Any]:
    """The record of a deployment."""
    assert run(["deploy", str(artifact), *board.options, "--runs", "20", "--json", *more]) == status
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def refused(board: Sshd, artifact: Path, *more: str, capsys: pytest.CaptureFixture[str], status: int = 3) -> str:
    """What a deployment that fails says."""
    assert run(["deploy", str(artifact), *board.options, *more]) == status
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "hint: " in said
    return said


def left(board: Sshd) -> list[str]:
    """Files on the board, by path under our folder."""
    root = board.home / ".edgernn"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def running(name: str) -> list[str]:
    """Processes whose command line has the name."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", number, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if name in words:
            found.append(words)
    return found


@pytest.mark.parametrize("name", ["int8.tflite", "stream.tflite", "float.tflite", "inside.tflite", "c"])
def test_a_board_answers_as_this_machine_does(
    name: str, artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(artifacts / "x.npz")
    found = deployed(board, artifacts / name, "--data", data, capsys=capsys)
    assert found["schema"] == "edgernn.deploy"
    assert found["verdict"] == "identical"
    assert found["samples"] == 12
    steps = np.load(data)["x"].shape[1]
    assert found["invocations"] == (12 * steps if name in ("stream.tflite", "inside.tflite") else 12)
    assert found["latency_us"]["all"]["runs"] == 20
    assert found["measures"]["rss_bytes"] > 1000
    assert found["measures"]["cold_start_us"] > 0
    assert found["copied_bytes"] > 1000
    assert deployed(board, artifacts / name, "--data", data, capsys=capsys)["copied_bytes"] == 0


def test_nothing_but_the_program_stays_and_it_is_the_users_alone(
    artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(board, artifacts / "c", capsys=capsys)
    assert [path.split("/")[0] for path in left(board)] == ["programs"] * 2
    for path in (board.home / ".edgernn", *(board.home / ".edgernn").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    damaged = next((board.home / ".edgernn").rglob("run_model"))
    damaged.write_bytes(b"damaged")
    assert deployed(board, artifacts / "c", capsys=capsys)["copied_bytes"] > 1000  # repaired
    assert not list(Path.cwd().glob("owned"))


def test_a_keras_model_is_converted_first(board: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    found = deployed(board, folder() / "gru.keras", "--runtime", "c", capsys=capsys)
    assert found["verdict"] in ("identical", "within-tolerance")
    assert found["runtime"].startswith("C, ")


@pytest.mark.slow  # pip makes an environment on the board
def test_packages_are_installed_where_they_are_missing(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Carried from here, and, the board being connected, by the board itself."""
    base = Path(sys.base_prefix) / "bin"
    for name, more in (("offline", ["--offline"]), ("online", [])):
        with Sshd(tmp_path / name, path=f"{base}:/usr/bin:/bin") as board:
            first = deployed(board, artifacts / "int8.tflite", *more, capsys=capsys)
            assert first["verdict"] == "identical"
            assert (first["copied_bytes"] > 1_000_000) == (name == "offline")
            assert deployed(board, artifacts / "int8.tflite", *more, capsys=capsys)["copied_bytes"] == 0


def test_a_board_that_answers_otherwise_is_a_failed_check(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    script = f'#!/bin/sh\n{sys.executable} "$@"\nstatus=$?\n'
    script += '[ -f "$4/output" ] && printf "\\177" | dd of="$4/output" bs=1 seek=4 conv=notrunc 2>/dev/null\n'
    (tools / "python3").write_text(script + "exit $status\n")
    (tools / "python3").chmod(0o755)
    with Sshd(tmp_path / "board", path=f"{tools}:{PATH}") as board:
        found = deployed(board, artifacts / "int8.tflite", capsys=capsys, status=1)
        assert found["verdict"] == "different"
        assert found["first_difference"]["invocation"] == 0
        assert found["first_difference"]["there"] != found["first_difference"]["here"]
        assert run(["deploy", str(artifacts / "int8.tflite"), *board.options]) == 1
        said = capsys.readouterr()
        assert "DIFFERENT" in said.out
        assert "first invocation 0, " in said.err


def test_a_server_that_is_not_there(artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    words = refused(board, artifacts / "c", "--port", "1", capsys=capsys)
    assert "refused the connection" in words
    words = refused(board, artifacts / "c", "--device", "nobody@no-such-host.invalid", capsys=capsys)
    assert "there is no such host" in words


def test_host_keys_are_checked(artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    board.known_hosts.write_text("")
    assert "its host key is not known here" in refused(board, artifacts / "c", capsys=capsys)
    board.trust((board.folder / "user.pub").read_text())
    assert "its host key is another than before" in refused(board, artifacts / "c", capsys=capsys)
    assert left(board) == []


def test_a_wrong_key_and_a_wrong_password_are_refused(
    artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (board.folder / "authorized").write_text("")
    assert "the user, key or password was refused" in refused(board, artifacts / "c", capsys=capsys)
    config = board.folder / "sshd_config"
    config.write_text(config.read_text().replace("PasswordAuthentication no", "PasswordAuthentication yes"))
    os.kill(board.process.pid, signal.SIGHUP)
    time.sleep(0.5)
    ask = board.folder / "ask"
    ask.write_text("#!/bin/sh\necho secret-$$\n")
    ask.chmod(0o755)
    monkeypatch.setenv("SSH_ASKPASS", str(ask))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    said = refused(board, artifacts / "c", capsys=capsys)
    assert "the user, key or password was refused" in said
    assert "secret" not in said


def test_a_line_that_is_cut_while_copying_leaves_nothing_half_installed(
    artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    board.put_line_before(cut_after=200_000)
    assert "the connection was lost" in refused(board, artifacts / "c", capsys=capsys)
    assert not [path for path in left(board) if ".part" not in path]
    assert deployed(board, artifacts / "c", capsys=capsys)["verdict"] == "identical"
    assert not [path for path in left(board) if ".part" in path]


def test_a_line_that_is_cut_while_it_runs_ends_the_run(
    artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    board.put_line_before()

    def cut() -> None:
        while not any("sh -c" not in words for words in running(" 10 10000000 120 0")):
            time.sleep(0.05)
        board.cut()

    thread = threading.Thread(target=cut)
    thread.start()
    words = refused(board, artifacts / "c", "--runs", "10000000", capsys=capsys)
    thread.join()
    assert "the connection was lost" in words
    for _ in range(100):
        if not running("run_model"):
            break
        time.sleep(0.05)
    assert not running("run_model")


def test_a_run_that_hangs_is_stopped(artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("c", "int8.tflite"):
        more = ["--runs", "10000000", "--seconds", "1"]
        words = refused(board, artifacts / name, *more, capsys=capsys)
        assert "must end within 1 s. Found: it ran on, and was stopped" in words
        assert not running("jobs/")
        assert not [path for path in left(board) if path.startswith("jobs")]


def test_a_disk_that_is_full(artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    with Sshd(tmp_path / "board", path=PATH, disk="300k") as board:
        assert "no space left on it" in refused(board, artifacts / "c", capsys=capsys)


@pytest.mark.parametrize(
    ("program", "prints", "artifact", "words"),
    [
        ("python3", "python=3.7", "int8.tflite", "must have Python 3.9 or newer. Found: 3.7"),
        ("python3", "", "int8.tflite", "must have python3 to run a .tflite"),
        ("uname", "mips", "int8.tflite", "that LiteRT is built for, aarch64, x86_64, armv7l. Found: mips"),
        ("uname", "mips", "c", "must be one of aarch64, armv7l, x86_64, riscv64. Found: mips"),
    ],
)
def test_a_board_that_is_not_up_to_it(
    program: str, prints: str, artifact: str, words: str, artifacts: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / program).write_text(f"#!/bin/sh\necho {prints}\n")
    (tools / program).chmod(0o755)
    with Sshd(tmp_path / "board", path=f"{tools}:{PATH}") as board:
        status = 2 if program == "uname" else 3
        assert words in refused(board, artifacts / artifact, capsys=capsys, status=status)


@pytest.mark.parametrize("name", ["-oProxyCommand=touch owned", "a b", "$(touch owned)", "", "x:y", "a'b@c"])
def test_a_hostile_name_of_a_device_is_only_a_wrong_name(
    name: str, artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["deploy", str(artifacts / "c"), "--device", name]) in (2, 3)
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "owned").exists()


def test_several_devices_at_once_and_one_that_fails(
    artifacts: Path, board: Sshd, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--device", "qemu:cortex-m4", "--device", "nobody@127.0.0.1"]
    assert run(["deploy", str(artifacts / "c"), *board.options, *more, "--json"]) == 3
    said = capsys.readouterr()
    records = json.loads(said.out)["devices"]
    assert [record["verdict"] for record in records] == ["identical", "identical", None]
    assert records[1]["measures"]["instructions_per_run"] > 1000
    assert records[1]["latency_us"] == {}
    assert "nobody@127.0.0.1" in said.err


def test_ctrl_c_ends_the_run_on_the_board(artifacts: Path, board: Sshd) -> None:
    words = [sys.executable, "-m", "edgernn", "deploy", str(artifacts / "c"), *board.options, "--runs", "10000000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        while not any("sh -c" not in words for words in running(" 10 10000000 120 0")):
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in said
    for _ in range(100):
        if not running("run_model") and not [path for path in left(board) if path.startswith("jobs")]:
            break
        time.sleep(0.05)
    assert not running("run_model")
    assert not [path for path in left(board) if path.startswith("jobs")]
