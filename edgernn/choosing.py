"""`convert --quantize auto`: every scheme is converted, and the smallest is kept that holds the limit on samples."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgernn.candidates import Measuring, Trial
from edgernn.choice import nothing_holds
from edgernn.conversion import read_window
from edgernn.converted import ConvertResult, OnProgress, check_overwrites
from edgernn.converters.c.naming import PART
from edgernn.converters.c.project import SCHEMA
from edgernn.devices.boards import Board, find_board
from edgernn.errors import InputError
from edgernn.explanation import check_explainable
from edgernn.files import atomic_write, check_writable, make_parents
from edgernn.measuring import keep_aside
from edgernn.owned_folder import check_folder, write_folder
from edgernn.samples import Source, load_samples

_TARGETS = {"micro": "micro", "litert": "phone"}  # by a board's runtime


def choose(
    model: Any,
    output: str | os.PathLike[str] | None,
    options: Mapping[str, Any],
    calibration: Source | None,
    data: Source | None,
    max_loss: float | None,
    board: str | None,
    report: OnProgress,
    *,
    explain: bool = False,
) -> ConvertResult:
    """Convert to every scheme that the target takes, and write the smallest that holds the limit.

    Args:
        model: a Keras model, or the file of one.
        output: where to write; None writes nothing.
        options: of `edgernn.convert`, for whatever scheme.
        calibration: samples of the integer schemes.
        data: to measure on; without, some are kept aside from the calibration.
        max_loss: in points of accuracy or AUC, per cent of other metrics; None for the usual limits.
        board: that must hold it; None for any.
        report: is told what is being done.
        explain: whether to find out what every tensor costs, in the scheme that is kept.

    Raises:
        NothingHolds: no scheme does; nothing is written then.
        InputError: bad options, or all schemes are refused for the same reason.
    """
    start = time.perf_counter()
    if explain and not options["measure"]:
        check_explainable("int8", "", measure=False)
    c = options["format"] == "c"
    options = {**options, "target": _target(options["target"], find_board(board) if board is not None else None, c=c)}
    if output is not None:
        check_overwrites(output, model, calibration, data)
        if c:
            check_folder(Path(output), SCHEMA, force=options["force"])
        else:
            check_writable(output, parents=True)
    report("reading the model")
    measuring = _measuring(model, options, calibration, data, max_loss)
    with tempfile.TemporaryDirectory(prefix="edgernn-") as folder:
        place = Path(folder) / os.path.basename(os.path.abspath(output)) if output is not None else Path(folder) / PART
        trial = Trial(model, options, calibration, place if c else None, measuring, report)
        made, refused = trial.all_schemes()
        choice, kept = trial.smallest(made, refused, find_board(board) if board is not None else None)
    if kept is None or choice.kept is None:
        raise nothing_holds(choice, max_loss, board, calibrated=calibration is not None)
    notes = (*kept.notes, *(() if measuring.aside else measuring.samples.notes))
    if explain:
        explanation, unexplained = trial.explained(choice.kept)
        kept, notes = replace(kept, explanation=explanation), (*notes, *unexplained)
    if output is not None:
        make_parents(output)
    if output is not None and c:
        notes = (*notes, *write_folder(Path(output), kept.files, force=options["force"]))
    elif output is not None:
        atomic_write(output, kept.content)
    artifact = Path(output) if output is not None else None
    return replace(kept, artifact=artifact, notes=notes, choice=choice, seconds=time.perf_counter() - start)


def _target(wanted: str | None, board: Board | None, *, c: bool) -> str | None:
    """The board's, where nobody says otherwise."""
    if board is None or c:
        return wanted
    needed = _TARGETS[board.runtime]
    if wanted not in (None, needed):
        raise InputError(
            f"target: must be '{needed}' for board '{board.name}'. Found: '{wanted}'.", hint="leave --target out."
        )
    return needed


def _measuring(
    model: Any, options: Mapping[str, Any], calibration: Source | None, data: Source | None, max_loss: float | None
) -> Measuring:
    """What to measure with; everything that is given is read once here, so that what is wrong is told before any work.

    Raises:
        InputError: there is nothing to measure with, or something is wrong with it.
    """
    if max_loss is not None and not (math.isfinite(max_loss) and max_loss >= 0):
        raise InputError(
            f"max-loss: must be a number of at least 0. Found: {max_loss}.",
            hint="0.5 is half a point of accuracy, or half a per cent of an RMSE.",
        )
    if data is None and calibration is None:
        raise InputError(
            "quantize 'auto': needs samples to measure on. Found: none.",
            hint="give --calibration FILE.npz, some of which are kept aside, or --data FILE.npz with targets 'y'.",
        )
    if data is None and not options["measure"]:
        raise InputError(
            "no-measure: leaves nothing to choose by. Found: quantize 'auto' without data.",
            hint="leave --no-measure out, or give --data FILE.npz.",
        )
    read = read_window(
        model, options["steps"], calibration if calibration is not None else data, streaming=options["streaming"]
    )
    stateful = read.stateful
    calibrated = None
    if calibration is not None:
        calibrated = load_samples(calibration, read.graph, "calibration", with_targets=False, stateful=stateful)
    if data is not None:
        samples = load_samples(data, read.graph, "data", stateful=stateful if options["streaming"] else 0)
        return Measuring(model, read, samples, data, False, max_loss)
    assert calibrated is not None, "one of both is given"
    assert calibration is not None, "one of both is given"
    samples = keep_aside(calibrated)[1]
    source: Source = calibration if calibrated.recordings else dict(samples.inputs)
    return Measuring(model, read, samples, source, True, max_loss)
