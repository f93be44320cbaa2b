"""A board on a serial port: real firmware on QEMU's UART, on a real pty, with noise on the line and resets."""

from __future__ import annotations

import json
import os
import pty
import random
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import require_system
from hypothesis import given
from hypothesis import strategies as st
from saved_models import folder, int8_c

import edgernn
from edgernn.cli.main import run
from edgernn.deployment.firmware import write_firmware
from edgernn.deployment.job import Job, Plan, prepare
from edgernn.devices.emulators.uart import Running, serial_board
from edgernn.devices.host.c import CProject
from edgernn.devices.serial import board as serial_side
from edgernn.devices.serial import protocol
from edgernn.devices.serial.board import SerialBoard
from edgernn.errors import EnvironmentProblem, InputError


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in C, int8."""
    require_system("qemu-system-arm")
    require_system("arm-none-eabi-gcc")
    return int8_c(tmp_path_factory.mktemp("serial") / "c")


@contextmanager
def powered(artifact: Path, machine: str = "cortex-m4") -> Iterator[tuple[Running, Job]]:
    """A board that runs the model, and what it is to do."""
    job = prepare(artifact, None, Plan(runs=1))
    assert isinstance(job.artifact.content, CProject)
    with serial_board(job.artifact.content, job.digest, machine) as board:
        yield board, job


def answered(board: SerialBoard, job: Job) -> bool:
    """Whether the board gives what this machine does."""
    outputs = board.run([job.bytes_of(row) for row in job.invocations])
    return outputs == [job.bytes_of(row) for row in job.expected]


@contextmanager
def noisy(port: str, share: float, seed: int, *, deaf: bool = False) -> Iterator[str]:
    """A line before a port that loses, changes and inventes bytes, a share of all of each kind."""
    near, far = pty.openpty()
    tty.setraw(far)
    there = os.open(port, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(there)
    end, chance = threading.Event(), random.Random(seed)

    def spoil(content: bytes) -> bytes:
        found = bytearray()
        for byte in content:
            dice = chance.random()
            if dice < share:
                continue
            found.append(byte ^ 1 << chance.randrange(8) if dice < 2 * share else byte)
            if dice > 1 - share:
                found.append(chance.randrange(256))
        return bytes(found)

    def relay() -> None:
        while not end.is_set():
            for source in select.select([near, there], [], [], 0.05)[0]:
                content = spoil(os.read(source, 4096))
                if deaf:
                    content = bytes(chance.randrange(256) for _ in content)
                os.write(there if source is near else near, content)

    thread = threading.Thread(target=relay)
    thread.start()
    try:
        yield os.ttyname(far)
    finally:
        end.set()
        thread.join()
        for descriptor in (near, far, there):
            os.close(descriptor)


@pytest.mark.parametrize("machine", ["cortex-m3", "cortex-m4"])
def test_a_board_on_a_serial_port_is_a_device(machine: str, artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with powered(artifact, machine) as (board, _):
        for _ in range(2):
            assert run(["deploy", str(artifact), "--device", f"serial:{board.port}", "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            assert found["verdict"] == "identical"
            assert found["latency_us"] == {}
            assert found["copied_bytes"] == 0
            assert found["measures"] == {"resets": 0}


@pytest.mark.parametrize("seed", range(3))
def test_noise_on_the_line_costs_time_and_never_the_answer(seed: int, artifact: Path) -> None:
    with powered(artifact) as (board, job), noisy(board.port, 0.0005, seed) as port, SerialBoard(port) as line:
        assert answered(line, job)


def test_a_reset_in_the_middle_is_found_out_and_the_sample_begins_anew(
    artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with powered(artifact) as (board, job), SerialBoard(board.port) as line:
        asked = 0
        ask = line._ask

        def then_reset(verb: str, *more: bytes, **options: bool) -> protocol.Line:
            nonlocal asked
            asked += 1
            if asked in (9, 40):
                board.reset()
            return ask(verb, *more, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(line, "_ask", then_reset)
        assert answered(line, job)
        assert line.resets >= 1


def test_a_port_with_nothing_that_answers(
    artifact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serial_side, "_PATIENCE", 0.05)
    near, far = pty.openpty()
    name = os.ttyname(far)
    assert run(["deploy", str(artifact), "--device", f"serial:{name}"]) == 3
    said = capsys.readouterr().err
    assert "must answer within 12 tries. Found: no answer" in said
    assert "--baud" in said
    os.close(near)
    os.close(far)
    with (
        powered(artifact) as (board, _),
        noisy(board.port, 0, 0, deaf=True) as port,
        SerialBoard(port) as line,
        pytest.raises(EnvironmentProblem, match=r"no answer"),
    ):
        line.describe()


@pytest.mark.parametrize("port", ["/dev/no-such-port", "/dev/$(touch owned)", ""])
def test_a_port_that_is_not_there(port: str, artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", str(artifact), "--device", f"serial:{port}"]) in (2, 3)
    said = capsys.readouterr().err
    assert "hint: " in said
    assert "Traceback" not in said


def test_a_board_with_another_model_or_another_protocol(
    artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edgernn.convert(folder() / "gru.keras", tmp_path / "other", format="c", name="model")
    with powered(artifact) as (board, _):
        assert run(["deploy", str(tmp_path / "other"), "--device", f"serial:{board.port}"]) == 2
        assert "must run the model" in capsys.readouterr().err
        monkeypatch.setattr(protocol, "VERSION", 2)
        assert run(["deploy", str(artifact), "--device", f"serial:{board.port}"]) == 3
        assert "must speak version 2 of the protocol. Found: 1" in capsys.readouterr().err


lines = st.builds(
    protocol.Line,
    st.integers(0, 255),
    st.sampled_from(sorted(protocol.VERBS)),
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=4 + protocol.CHUNK),
)


@given(line=lines)
def test_a_line_is_read_as_it_was_written(line: protocol.Line) -> None:
    text = line.encode()
    assert len(text) <= protocol.LONGEST + 1
    assert text.decode().isprintable() or text.endswith(b"\n")
    assert protocol.decode(text) == line


@given(line=lines, place=st.integers(0, 200), flip=st.integers(1, 255))
def test_a_line_with_a_changed_byte_is_no_line(line: protocol.Line, place: int, flip: int) -> None:
    text = bytearray(line.encode()[:-1])
    text[place % len(text)] ^= flip
    found = protocol.decode(bytes(text))
    assert found is None or found == line  # lower case is the same number


@given(noise=st.binary(max_size=200))
def test_noise_is_no_line(noise: bytes) -> None:
    assert protocol.decode(noise) is None


def test_the_firmware_fits_any_board_that_gives_two_functions(artifact: Path, tmp_path: Path) -> None:
    assert run(["deploy", str(artifact), "--serial-firmware", str(tmp_path / "firmware")]) == 0
    names = sorted(path.name for path in (tmp_path / "firmware").iterdir())
    assert {"LICENSE", "edgernn_serial.c", "edgernn_serial.h", "model.c", "model.h"} <= set(names)
    with pytest.raises(InputError, match="must be a"):
        write_firmware(artifact, tmp_path / "firmware" / "model.c")
