"""The verb `compare`: what a user asks for, done, and written as results and reports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgernn.comparison.budget import board_budget, parse_budget
from edgernn.comparison.existing import plan_files
from edgernn.comparison.hold import held
from edgernn.comparison.output import write_reports
from edgernn.comparison.records import Task
from edgernn.comparison.results import Budget, Results
from edgernn.comparison.session import Comparison, OnProgress, gather, identity, run
from edgernn.comparison.store import Store
from edgernn.comparison.tasks import Samples
from edgernn.comparison.timing import ROUNDS
from edgernn.comparison.trained import Networks, plan_networks, prepare_samples
from edgernn.devices.boards import Board, find_board
from edgernn.errors import InputError, UnsupportedError, no_count, one_of
from edgernn.names import scheme_named, target_named
from edgernn.targets import INTEGER_SCHEMES, SCHEMES, TARGETS
from edgernn.training import Shape

DEFAULT_SCHEMES = ("float32", "dynamic", "int8")
DEFAULT_FRACTIONS = (0.25, 0.5)
Source = str | os.PathLike[str]


def compare(
    *files: Source,
    output: Source,
    recipe: str | None = None,
    cells: Sequence[str] = ("lstm", "gru"),
    units: Sequence[int] = (32,),
    schemes: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    seeds: int = 3,
    fractions: Sequence[float] = DEFAULT_FRACTIONS,
    cnn: bool = True,
    matched: bool = True,
    epochs: int | None = None,
    untrained: bool = False,
    shape: tuple[int, int, int] | None = None,
    data: Source | None = None,
    calibration: Source | None = None,
    steps: int | None = None,
    budget: str | None = None,
    board: str | None = None,
    threshold: float | None = None,
    jobs: int = 0,
    rounds: int = ROUNDS,
    command: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Results:
    """Compare cells on a recipe's data, or models that exist; whatever the folder holds already is not done again.

    Args:
        files: Keras models and `.tflite` artifacts, instead of a recipe.
        output: the folder for results, reports, models and artifacts.
        recipe: what to train on.
        cells: lstm, gru, simplernn.
        units: sizes of the recurrent layer.
        schemes: of quantization; by default float32, dynamic and, where there are samples to calibrate with, int8.
        targets: phone, micro; by default both, or that of the board.
        seeds: how often each network is trained.
        fractions: shares of the training data for the learning curves; empty for none.
        cnn: whether to train convolutional networks of the same number of parameters beside them.
        matched: whether to train GRUs with as many parameters as each LSTM too.
        epochs: instead of the recipe's.
        untrained: keep random weights, where only size and speed matter.
        shape: steps, features, classes of untrained networks without a recipe.
        data: samples and targets to score existing files with, `.npz`.
        calibration: samples to calibrate existing Keras models with.
        steps: number of time steps of a Keras model that leaves it open.
        budget: limits, as ``flash=256KiB,ram=64KiB,latency=10ms,accuracy=0.9``.
        board: name of a board whose flash and RAM are limits.
        threshold: validation score that epochs are counted to.
        jobs: processes at a time; 0 for as many as there are cores.
        rounds: of timing.
        command: the words that repeat this, for the report.
        on_progress: is told what is being done, how many are done, and of how many.

    Raises:
        InputError: options that do not go together, or a folder that holds another comparison, or is held by another
            process.
        EnvironmentProblem: a package is missing, or the disk is full; what was measured is kept.
    """
    _check_numbers(units, seeds, fractions, jobs, rounds)
    device = find_board(board) if board is not None else None
    limits = _budget(budget, device)
    base = Comparison(
        folder=Path(output),
        task=Task(""),
        budget=limits,
        threshold=threshold,
        jobs=jobs,
        rounds=rounds,
        steps=steps,
        command=tuple(command),
    )
    wanted_targets = _targets(targets, device)
    if files and (recipe is not None or untrained):
        raise InputError("compare: must be given files, or a recipe, or --untrained. Found: more than one of them.")
    if files:
        samples = Samples(_path(calibration), _path(data))
        comparison = plan_files(
            base, [Path(file) for file in files], _schemes(schemes, calibration is not None), wanted_targets, samples
        )
    else:
        networks = Networks(
            recipe=recipe,
            shape=Shape(*shape) if shape is not None else None,
            cells=tuple(dict.fromkeys(cell.lower() for cell in cells)),
            units=tuple(dict.fromkeys(units)),
            seeds=seeds,
            fractions=tuple(sorted(set(fractions))),
            cnn=cnn,
            matched=matched,
            trained=not untrained,
            epochs=epochs,
        )
        comparison = plan_networks(base, networks, _schemes(schemes, True), wanted_targets)
    with held(base.folder):
        store = Store(base.folder, identity(comparison))
        prepare_samples(comparison, recipe)
        try:
            results = run(comparison, store, on_progress or _ignore)
        except BaseException:  # an interruption too: what there is becomes a report before the world hears of it
            write_reports(base.folder, gather(comparison, store, complete=False))
            raise
        kept = write_reports(base.folder, results)
    return replace(results, notes=(*results.notes, *kept))


def _check_numbers(units: Sequence[int], seeds: int, fractions: Sequence[float], jobs: int, rounds: int) -> None:
    broken = []
    if not units:
        broken.append(("units: must be at least one number. Found: none.", ""))
    for what, number, least in (("seeds", seeds, 1), ("jobs", jobs, 0), ("rounds", rounds, 1)):
        if wrong := no_count(what, number, least, 10_000):
            broken.append((wrong, ""))
    for fraction in fractions:
        if not 0 < fraction <= 1:
            broken.append((f"fractions: must be above 0 and at most 1. Found: {fraction:g}.", "0.25 is a quarter."))
    if broken:
        raise UnsupportedError(broken)


def _budget(text: str | None, board: Board | None) -> Budget | None:
    if text is None:
        return None if board is None else board_budget(board)
    return parse_budget(text, board_budget(board) if board is not None else None)


def _targets(wanted: Sequence[str] | None, board: Board | None) -> tuple[str, ...]:
    if wanted is not None:
        return tuple(one_of("target", target_named(target), tuple(TARGETS)) for target in wanted)
    if board is not None:
        return ("micro",) if board.runtime == "micro" else ("phone",)
    return tuple(TARGETS)


def _schemes(wanted: Sequence[str] | None, calibrated: bool) -> tuple[str, ...]:
    if wanted is not None:
        return tuple(one_of("scheme", scheme_named(scheme), SCHEMES) for scheme in wanted)
    return tuple(scheme for scheme in DEFAULT_SCHEMES if calibrated or scheme not in INTEGER_SCHEMES)


def _path(source: Source | None) -> Path | None:
    return None if source is None else Path(source)


def _ignore(stage: str, done: int, of: int) -> None:
    """Nobody wants to know."""
