"""Whether an artifact fits on a board: exact at the boundary, honest where nothing was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgernn.devices.boards import Board, boards
from edgernn.profiling.fit import (
    MICRO_CODE_BYTES,
    MICRO_STACK_BYTES,
    Item,
    Needs,
    check_fit,
    fit_document,
    fit_rows,
    shortfalls,
)

MICRO = Board(
    name="small",
    title="A small board",
    kind="micro",
    runtime="micro",
    core="Cortex-M4F",
    architecture="armv7e-m",
    cores=1,
    clock_mhz=64,
    flash_bytes=5000 + MICRO_CODE_BYTES,
    ram_bytes=3000 + MICRO_STACK_BYTES,
    ram_total_bytes=1 << 20,
    sources=("a data sheet",),
    checked=True,
)
LINUX = replace(MICRO, kind="linux", runtime="litert", flash_bytes=None, ram_bytes=3000)
NEEDS = Needs(5000, 3000, 700, ("ADD",), micro_runs=True)


def items(board: Board, needs: Needs) -> dict[str, Item]:
    return {item.what: item for item in check_fit(board, needs).items}


def test_what_needs_exactly_what_the_board_has_fits() -> None:
    fit = check_fit(MICRO, NEEDS)
    assert fit.fits is True
    assert [item.short_by for item in fit.items] == [0, 0, 0]
    assert shortfalls(fit) == ()


@pytest.mark.parametrize(
    ("what", "needs"), [("flash", replace(NEEDS, model_bytes=5001)), ("RAM", replace(NEEDS, arena_bytes=3001))]
)
def test_one_byte_more_is_short_by_one(what: str, needs: Needs) -> None:
    fit = check_fit(MICRO, needs)
    assert fit.fits is False
    assert {item.what: item.ok for item in fit.items} == {"flash": True, "RAM": True, "operators": True, what: False}
    assert items(MICRO, needs)[what].short_by == 1
    (said,) = shortfalls(fit)
    assert said.startswith(f"{what} short by 1 bytes (")


def test_what_was_not_measured_is_unknown_and_not_a_yes() -> None:
    fit = check_fit(MICRO, replace(NEEDS, arena_bytes=None, micro_runs=None))
    assert fit.fits is None
    assert items(MICRO, replace(NEEDS, arena_bytes=None))["RAM"].ok is None
    assert not any("arena was measured" in note for note in fit.notes)
    assert [row[-1] for row in fit_rows(fit)[1]] == ["ok", "unknown", "unknown"]


def test_one_thing_that_is_short_decides_even_if_others_are_unknown() -> None:
    assert check_fit(MICRO, replace(NEEDS, arena_bytes=None, model_bytes=5001)).fits is False


@pytest.mark.parametrize("board", [MICRO, LINUX], ids=["micro", "linux"])
def test_custom_operators_are_named(board: Board) -> None:
    fit = check_fit(board, replace(NEEDS, model_bytes=100, custom=("FlexEinsum", "MyOp")))
    assert fit.fits is False
    assert shortfalls(fit) == ("operators: not built in: FlexEinsum, MyOp",)


def test_what_tflite_micro_says_is_the_reason() -> None:
    needs = replace(NEEDS, arena_bytes=None, micro_runs=False, micro_reason="int4 is not supported")
    assert shortfalls(check_fit(MICRO, needs)) == ("operators: int4 is not supported",)


def test_on_linux_file_and_tensors_count_and_neither_flash_nor_a_process() -> None:
    small = replace(NEEDS, model_bytes=2000, activation_bytes=1000, arena_bytes=None, micro_runs=False)
    fit = check_fit(LINUX, small)
    assert fit.fits is True
    assert [item.what for item in fit.items] == ["RAM", "operators"]
    assert items(LINUX, replace(small, model_bytes=2001))["RAM"].short_by == 1
    assert items(LINUX, replace(small, activation_bytes=1001))["RAM"].short_by == 1
    assert not any("arena" in note for note in fit.notes)


def test_figures_that_nobody_compared_are_said_to_be_so() -> None:
    assert not any("not compared" in note for note in check_fit(MICRO, NEEDS).notes)
    assert any("not compared" in note for note in check_fit(replace(MICRO, checked=False), NEEDS).notes)


def test_the_document_says_what_is_missing() -> None:
    document = fit_document(check_fit(MICRO, replace(NEEDS, arena_bytes=3010)))
    assert (document["board"], document["fits"]) == ("small", False)
    (ram,) = (item for item in document["items"] if item["what"] == "RAM")
    assert (ram["needed"] - ram["available"], ram["short_by"], ram["ok"]) == (10, 10, False)


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.name)
def test_a_tiny_model_fits_on_every_board_but_those_too_small_for_tflite_micro(board: Board) -> None:
    fit = check_fit(board, Needs(2000, 2000, 1 << 20, ("ADD",), micro_runs=True))
    assert fit.fits is (board.flash_bytes is None or board.flash_bytes >= 2000 + MICRO_CODE_BYTES)
