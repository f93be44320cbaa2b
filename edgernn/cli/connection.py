"""Options of the commands that reach devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from edgernn.cli.values import PLACE, WHOLE

_OPTIONS = (
    click.option("--port", type=click.IntRange(1, 65535), help="Of the SSH server."),
    click.option("--identity", type=PLACE, help="Private key for SSH."),
    click.option("--known-hosts", type=PLACE, help="File with the SSH host keys to trust."),
    click.option("--offline", is_flag=True, help="Download packages here and carry them to the board."),
    click.option("--baud", type=WHOLE, default=115200, show_default=True, help="Of a serial port."),
    click.option(
        "--benchmark-binary",
        type=PLACE,
        help="Google's benchmark_model for a phone, which runs a .tflite there.",
    ),
)


def connection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, which it takes as one argument `connection`."""

    @wraps(command)
    def with_connection(
        *,
        port: int | None,
        identity: Path | None,
        known_hosts: Path | None,
        offline: bool,
        baud: int,
        benchmark_binary: Path | None,
        **others: Any,
    ) -> Any:
        from edgernn.devices.links.connect import Connection
        from edgernn.devices.links.ssh import SshOptions

        options = SshOptions(port, identity, known_hosts)
        return command(connection=Connection(options, offline, baud, benchmark=benchmark_binary), **others)

    found: Callable[..., Any] = with_connection
    for option in reversed(_OPTIONS):
        found = option(found)
    return found
