"""The boards that are known: every file keeps the contract, a damaged one is an error that names its key."""

from __future__ import annotations

import json
import re
from importlib import resources

import pytest

from edgernn.cli.main import run
from edgernn.devices import boards as package
from edgernn.devices.boards import Board, boards, find_board, read_board
from edgernn.errors import InputError

KIB, GIB = 1 << 10, 1 << 30
WANTED = """arduino-nano-33-ble portenta-h7 raspberry-pi-pico raspberry-pi-pico-2 esp32 esp32-s3 esp32-c3
stm32f407-discovery nucleo-f446re nucleo-h743zi2 stm32l475-discovery nrf52840-dk nrf5340-dk teensy-4.1 microbit-v2
raspberry-pi-zero-2-w raspberry-pi-3b-plus raspberry-pi-4 raspberry-pi-5 android-entry android-middle android-high"""
GOOD = """
title = "A board"
kind = "micro"
runtime = "micro"
core = "Cortex-M4F"
architecture = "armv7e-m"
cores = 1
clock_mhz = 64
flash_bytes = 1024
ram_bytes = 512
ram_total_bytes = 512
checked = false
sources = ["a data sheet"]
"""


def test_the_usual_boards_are_known() -> None:
    assert set(WANTED.split()) <= {board.name for board in boards()}


def test_names_are_those_of_the_files_and_sorted() -> None:
    files = {path.name.removesuffix(".toml") for path in resources.files(package).iterdir() if ".toml" in path.name}
    names = [board.name for board in boards()]
    assert set(names) == files
    assert names == sorted(names)
    assert len({board.title for board in boards()}) == len(names)


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.name)
def test_a_board_is_plausible(board: Board) -> None:
    assert re.fullmatch(r"[a-z0-9]+([-.][a-z0-9]+)*", board.name)
    assert board.ram_bytes <= board.ram_total_bytes
    assert board.ram_bytes % 4 == 0
    assert all(len(source) > 20 for source in board.sources)
    assert not board.note.endswith(".")
    assert board.note or board.ram_bytes == board.ram_total_bytes, "the note says where the rest of the RAM goes"
    if board.kind == "micro":
        assert board.runtime == "micro"
        assert board.flash_bytes is not None
        assert board.flash_bytes % KIB == 0
        assert 32 * KIB <= board.flash_bytes <= 16 * KIB * KIB
        assert 8 * KIB <= board.ram_bytes <= 2 * KIB * KIB
        assert 16 <= board.clock_mhz <= 1000
        assert board.cores in (1, 2)
    else:
        assert board.runtime == "litert"
        assert board.flash_bytes is None
        assert GIB // 2 <= board.ram_bytes <= 16 * GIB
        assert 1000 <= board.clock_mhz <= 4000
        assert board.cores in (4, 8)
    architectures = {"Cortex-M0+": "armv6-m", "Cortex-M33": "armv8-m.main", "Cortex-M4F": "armv7e-m"}
    assert board.architecture == architectures.get(board.core, board.architecture)


def test_a_good_file_is_read() -> None:
    board = read_board("mine", GOOD)
    assert (board.name, board.flash_bytes, board.sources, board.note) == ("mine", 1024, ("a data sheet",), "")
    assert read_board("mine", GOOD.replace("flash_bytes = 1024\n", "")).flash_bytes is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cores = 1", "", "must have the key 'cores'"),
        ("cores = 1", "cores = 0", "'cores' must be a positive whole number. Found: 0"),
        ("cores = 1", "cores = true", "'cores' must be a positive whole number. Found: True"),
        ("cores = 1", "cores = 1.5", "'cores' must be a positive whole number. Found: 1.5"),
        ("flash_bytes = 1024", "flash_bytes = -1", "'flash_bytes' must be a positive whole number. Found: -1"),
        ("ram_bytes = 512", 'ram_bytes = "512"', "'ram_bytes' must be a positive whole number. Found: '512'"),
        ("ram_bytes = 512", "ram_bytes = 513", "'ram_bytes' must be at most 'ram_total_bytes'. Found: 513 and 512"),
        ("checked = false", "checked = 0", "'checked' must be true or false. Found: 0"),
        ('kind = "micro"', 'kind = "mcu"', "'kind' must be one of micro, linux, android. Found: 'mcu'"),
        ('runtime = "micro"', 'runtime = "tflm"', "'runtime' must be one of micro, litert. Found: 'tflm'"),
        ('title = "A board"', 'title = ""', "'title' must be a text. Found: ''"),
        ('["a data sheet"]', "[]", "'sources' must be a list of texts. Found: []"),
        ('["a data sheet"]', '["x", 1]', "'sources' must be a list of texts. Found: ['x', 1]"),
        ("cores = 1", "cores = 1\nradio = 2", "Found: 'radio'"),
        ("cores = 1", 'cores = 1\nname = "other"', "Found: 'name'"),
        ("cores = 1", "cores = ", "must be TOML. Found: "),
        ("cores = 1", "cores = 1\ncores = 2", "must be TOML. Found: "),
    ],
)
def test_a_damaged_file_is_an_error_that_names_file_and_key(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        read_board("mine", GOOD.replace(old, new, 1))
    assert caught.value.message.startswith("board 'mine.toml': ")
    assert words in caught.value.message


def test_an_unknown_board_gets_the_list_and_the_closest() -> None:
    with pytest.raises(InputError) as caught:
        find_board("Raspberry_Pi_Pico2")
    assert all(board.name in caught.value.message for board in boards())
    assert caught.value.hint == "did you mean 'raspberry-pi-pico-2'?"
    with pytest.raises(InputError) as caught:
        find_board("qqqq")
    assert "edgernn devices" in caught.value.hint


def test_the_table_shows_every_board_and_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if line.split()} >= {"host", *(board.name for board in boards())}
    (pico,) = (line for line in lines if line.split()[:1] == ["raspberry-pi-pico"])
    assert "2,048.0 KiB" in pico
    assert "256.0 KiB" in pico
    (phone,) = (line for line in lines if line.split()[:1] == ["android-high"])
    assert "12 GiB" in phone


def test_json_holds_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["version"]) == ("edgernn.devices", 1)
    assert set(document["host"]) == {"processor", "architecture", "cores", "system", "python"}
    assert [board["name"] for board in document["boards"]] == [board.name for board in boards()]
    assert all(board["sources"] and board["ram_bytes"] for board in document["boards"])


def test_a_table_of_one_kind_has_no_row_for_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "--kind", "linux"]) == 0
    printed = capsys.readouterr().out
    assert "raspberry-pi-4" in printed
    assert "0.5 GiB" in printed
    assert "host" not in printed
    assert "esp32" not in printed


@pytest.mark.parametrize("kind", ["micro", "linux", "android"])
def test_one_kind_alone(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "--kind", kind, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["boards"]
    assert found
    assert {board["kind"] for board in found} == {kind}


def test_another_kind_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "--kind", "fpga"]) == 2
    assert "fpga" in capsys.readouterr().err
