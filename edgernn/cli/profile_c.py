"""``edgernn profile`` of a folder of C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgernn.cli.fits import print_fits
from edgernn.cli.output import note, print_block, print_json, say_csv
from edgernn.cli.progress import progress
from edgernn.profiling.latency import Plan

if TYPE_CHECKING:
    from edgernn.profiling.fit import Fit


def profile_folder(
    artifact: Path,
    device: str | None,
    plan: Plan,
    boards: Sequence[str],
    history: Path | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> tuple[dict[str, Any], tuple[Fit, ...]]:
    """Measure a folder of C here, or on an emulated machine, print it, and give it as a document.

    Args:
        artifact: the folder.
        device: an emulated machine, or None.
        plan: how long to measure here.
        boards: names of boards that it shall fit on.
        history: file to append to.
        as_csv: print CSV.
        as_json: print JSON.

    Returns:
        The document, and of each board whether it fits.
    """
    from edgernn.devices.boards import find_boards
    from edgernn.profiling.c_project import c_document, c_rows, profile_c
    from edgernn.profiling.document import csv_text
    from edgernn.profiling.history import append, check_writable

    wanted = find_boards(boards)
    if history is not None:
        check_writable(history)
    with progress("reading", quiet=as_json or as_csv) as bar:

        def show(stage: str, share: float) -> None:
            bar.stage(stage, share, 1.0 if share else None)

        found = profile_c(artifact, device=device, plan=plan, boards=wanted, on_progress=show)
    document = c_document(found)
    if as_json:
        print_json(document)
    elif as_csv:
        say_csv(csv_text(document))
    else:
        print_block(c_rows(found))
        print_fits(found.fits)
    for text in found.notes:
        note(f"note: {text}")
    if history is not None:
        append(history, document)
    return document, found.fits
