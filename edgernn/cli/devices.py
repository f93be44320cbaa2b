"""``edgernn devices``."""

from __future__ import annotations

from dataclasses import asdict

import click

from edgernn.cli.output import json_option, kib, print_json, print_table


@click.command()
@click.option("--kind", type=click.Choice(["micro", "linux", "android"]), help="Only boards of this kind.")
@json_option
def command(kind: str | None, as_json: bool) -> None:
    """List the boards that 'profile --board' and 'compare --board' know, and this machine."""
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
    rows = [
        (
            board.name,
            board.title,
            board.core,
            f"{board.clock_mhz:,} MHz",
            kib(board.flash_bytes) if board.flash_bytes else "-",
            kib(board.ram_bytes),
            board.runtime,
        )
        for board in chosen
    ]
    columns = ("Name", "Board", "Core", "Clock", "Flash", "RAM", "Runtime")
    print_table("", columns, [("host", str(host["processor"]), str(host["architecture"]), "-", "-", "-", "all"), *rows])
