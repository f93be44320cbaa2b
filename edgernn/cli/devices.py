"""``edgernn devices``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from edgernn.cli.output import json_option, kib, print_json, print_table

if TYPE_CHECKING:
    from edgernn.devices.boards import Board

COLUMNS = ("Name", "Board", "Core", "Clock", "Flash", "RAM", "Runtime")


@click.command()
@click.option("--kind", type=click.Choice(["micro", "linux", "android"]), help="Only boards of this kind.")
@json_option
def command(kind: str | None, as_json: bool) -> None:
    """List this machine and the boards that 'profile --board' and 'compare --board' know.

    RAM is the largest piece that an application can have for one arena; '--json' and the page on boards say where the
    rest goes, and where each figure is from.
    """
    from edgernn.devices.boards import boards
    from edgernn.devices.host.machine import describe_machine

    chosen = [board for board in boards() if kind in (None, board.kind)]
    host = describe_machine()
    if as_json:
        print_json(
            {
                "schema": "edgernn.devices",
                "version": 1,
                "host": host,
                "boards": [asdict(board) for board in chosen],
            }
        )
        return
    print_boards(chosen, host if kind is None else None)


def print_boards(chosen: Sequence[Board], host: Mapping[str, object] | None) -> None:
    """The boards, and this machine before them."""
    rows = [board_row(board) for board in chosen]
    if host is not None:
        rows.insert(0, ("host", str(host["processor"]), str(host["architecture"]), "-", "-", "-", "all"))
    print_table("", COLUMNS, rows, drop=("Board", "Core", "Runtime", "Clock"))


def board_row(board: Board) -> tuple[str, ...]:
    """A board's row under `COLUMNS`, as the page on boards has it too."""
    return (
        board.name,
        board.title,
        board.core,
        f"{board.clock_mhz:,} MHz",
        memory(board.flash_bytes) if board.flash_bytes is not None else "-",
        memory(board.ram_bytes),
        board.runtime,
    )


def memory(size: int) -> str:
    """Bytes of a microcontroller in KiB, of anything larger in GiB."""
    return kib(size) if size < 1 << 28 else f"{size / (1 << 30):g} GiB"
