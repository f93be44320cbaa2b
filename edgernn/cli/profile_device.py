"""``edgernn profile`` on a device that is reached by a link."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgernn.cli.output import note, print_block, print_json, say_csv
from edgernn.cli.progress import progress
from edgernn.errors import CheckFailed, InputError
from edgernn.profiling.latency import Plan

if TYPE_CHECKING:
    from edgernn.devices.links.connect import Connection


def refuse(options: Mapping[str, Any]) -> None:
    """Refuse options that mean nothing on a device.

    Raises:
        InputError: one of them is given.
    """
    given = ", ".join(f"--{name}" for name, value in options.items() if value)
    if given:
        raise InputError(f"options: must apply to a device. Found: {given}.", hint="leave them out, or --device.")


def profile_device(
    artifact: Path,
    device: str,
    plan: Plan,
    connection: Connection,
    period_ms: float | None,
    history: Path | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Measure on the device, print it, and give it as a document.

    Raises:
        CheckFailed: the device answers differently; all is printed before.
    """
    from edgernn.deployment.profiling import profile_on, profile_rows
    from edgernn.profiling.document import csv_text
    from edgernn.profiling.history import append, check_writable

    if history is not None:
        check_writable(history)
    with progress("starting", quiet=as_json or as_csv) as bar:
        found, document = profile_on(
            artifact, device, plan, connection=connection, period_ms=period_ms, on_stage=bar.describe
        )
    if as_json:
        print_json(document)
    elif as_csv:
        say_csv(csv_text(document))
    else:
        print_block(profile_rows(found, document))
    for text in document["notes"]:
        note(f"note: {text}")
    if history is not None:
        append(history, document)
    if found.verdict.word == "different":
        raise CheckFailed(f"outputs: must be those of this machine. Found: others on {device}: {found.verdict.first}.")
    return document
