"""``edgernn profile`` of a folder of C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgernn.cli.output import note, print_block, print_json, progress, say_csv
from edgernn.profiling.latency import Plan


def profile_folder(
    artifact: Path,
    device: str | None,
    plan: Plan,
    board: str | None,
    history: Path | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> dict[str, Any]:
    """Measure a folder of C here, or on an emulated machine, print it, and give it as a document."""
    from edgernn.profiling.c_project import c_document, c_rows, profile_c, refuse_board
    from edgernn.profiling.document import csv_text
    from edgernn.profiling.history import append, check_writable

    refuse_board(board)
    if history is not None:
        check_writable(history)
    with progress("reading", quiet=as_json or as_csv) as bar:

        def show(stage: str, share: float) -> None:
            bar.describe(stage)
            bar.update(share, 1.0 if share else None)

        found = profile_c(artifact, device=device, plan=plan, on_progress=show)
    document = c_document(found)
    if as_json:
        print_json(document)
    elif as_csv:
        say_csv(csv_text(document))
    else:
        print_block(c_rows(found))
    for text in found.notes:
        note(f"note: {text}")
    if history is not None:
        append(history, document)
    return document
