"""Several boards at once, C on boards, and the time that is estimated of it."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import screen_results
from conftest import require_system
from hypothesis import given
from hypothesis import strategies as st
from keras_2_by_hand import keras_2_0
from test_fit import MICRO

from edgernn.cli.main import run
from edgernn.devices.boards import boards
from edgernn.devices.emulators.machines import MACHINES
from edgernn.devices.emulators.model import Cost
from edgernn.profiling.estimate import CYCLES, estimate, machine_for

Captured = pytest.CaptureFixture[str]
COST = Cost("qemu:cortex-m4", "gcc", 30_000, 3_000, 100, 2_000, 1_000, 500)


@pytest.fixture(scope="module")
def artifact() -> Path:
    screen_results.converted()
    return screen_results.folder() / "micro.tflite"


@pytest.fixture(scope="module")
def c_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import edgernn

    model = screen_results.folder() / "streams.h5"
    keras_2_0(model)
    place = tmp_path_factory.mktemp("c") / "model"
    edgernn.convert(model, place, format="c", measure=False)
    return place


def printed(capsys: Captured, *words: str, status: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["profile", *words, "--json"]) == status
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_every_board_that_is_named_is_shown_in_that_order(artifact: Path, capsys: Captured) -> None:
    names = ["esp32", "android-entry", "arduino-zero"]
    words = [word for name in names for word in ("--board", name)]
    document = printed(capsys, str(artifact), "--static", *words, *words)
    assert [each["board"] for each in document["boards"]] == names
    assert document["fits"] is None
    one = printed(capsys, str(artifact), "--static", "--board", "esp32")
    assert one["fits"] == document["boards"][0]
    assert run(["profile", str(artifact), "--static", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.split(" ")[0] in names] == names


def test_all_is_every_board_and_a_no_of_some_is_no_failure(artifact: Path, capsys: Captured) -> None:
    document = printed(capsys, str(artifact), "--static", "--board", "all")
    assert [each["board"] for each in document["boards"]] == [board.name for board in boards()]
    answers = {each["board"]: each["fits"] for each in document["boards"]}
    assert answers["nucleo-l053r8"] is False
    assert answers["android-entry"] is True
    words = ("--board", "nucleo-l053r8", "--board", "android-entry")
    printed(capsys, str(artifact), "--static", *words, status=1)
    assert run(["profile", str(artifact), "--static", "--board", "nucleo-l053r9"]) == 2
    assert "did you mean 'nucleo-l053r8'?" in capsys.readouterr().err


def test_a_phone_holds_file_and_tensors_whatever_a_process_takes(artifact: Path, capsys: Captured) -> None:
    document = printed(capsys, str(artifact), "--runs", "2", "--min-seconds", "0.01", "--board", "android-entry")
    (ram,) = (item for item in document["fits"]["items"] if item["what"] == "RAM")
    assert ram["needed"] == document["model_bytes"] + document["activation_bytes"]
    assert document["rss_bytes"] is None or ram["needed"] != document["rss_bytes"]


def test_c_is_held_against_boards_with_what_their_core_counts(c_folder: Path, capsys: Captured) -> None:
    for program in ("qemu-system-arm", "arm-none-eabi-gcc"):
        require_system(program)
    names = ("esp32", "arduino-nano-33-ble", "stm32f407-discovery")
    words = [word for name in names for word in ("--board", name)]
    document = printed(capsys, str(c_folder), "--runs", "2", "--min-seconds", "0.01", *words)
    esp32, nano, discovery = document["boards"]
    emulated = printed(capsys, str(c_folder), "--device", "qemu:cortex-m4")
    count = emulated["instructions_per_step"] or emulated["instructions_per_run"]
    assert esp32["time"] is None
    for board, clock in ((nano, 64), (discovery, 168)):
        assert (board["time"]["instructions"], board["time"]["clock_mhz"]) == (count, clock)
        (flash,) = (item for item in board["items"] if item["what"] == "flash")
        assert flash["needed"] == emulated["flash_engine_bytes"] + emulated["flash_weights_bytes"]
    (allowed,) = (item for item in esp32["items"] if item["what"] == "flash")
    assert allowed["needed"] == emulated["model_bytes"] + 8 * 1024


@given(st.integers(1, 10**9), st.integers(1, 4000), st.sampled_from(list(CYCLES)))
def test_a_time_is_instructions_times_cycles_over_the_clock(count: int, clock: int, core: str) -> None:
    board = next(board for board in boards() if machine_for(board) == f"qemu:{core}")
    found = estimate(replace(board, clock_mhz=clock), replace(COST, device=f"qemu:{core}", instructions_per_step=count))
    assert found is not None
    seconds = [count * Fraction(cycles) / (clock * 10**6) for cycles in CYCLES[core]]
    assert [found.least_ms, found.most_ms] == pytest.approx([1000 * float(each) for each in seconds])
    assert 0 < found.least_ms < found.most_ms
    text = str(found)
    assert all(word in text for word in (f"{count:,} instructions", f"qemu:{core}", f"{clock:,} MHz", "cycles each"))


def test_nothing_is_estimated_from_another_core() -> None:
    assert estimate(replace(MICRO, core="Cortex-M4F"), COST) is not None
    assert estimate(replace(MICRO, core="Cortex-M7"), COST) is None
    assert estimate(replace(MICRO, core="Xtensa LX7"), COST) is None
    whole = estimate(replace(MICRO, core="Cortex-M4F"), replace(COST, instructions_per_step=None))
    assert whole is not None
    assert (whole.of, whole.instructions) == ("sequence", 30_000)


def test_every_core_of_the_model_is_a_machine_and_every_microcontroller_that_has_one_uses_it() -> None:
    assert set(CYCLES) <= set(MACHINES)
    without = {board.core for board in boards() if board.kind == "micro" and machine_for(board) is None}
    assert without == {"Xtensa LX6", "Xtensa LX7"}
