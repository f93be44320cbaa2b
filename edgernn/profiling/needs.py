"""What a new artifact needs of a board, measured without its times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgernn.converters.tflite.liveness import peak_activation_bytes
from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.weighted import custom_operators
from edgernn.devices.boards import Board
from edgernn.devices.emulators.model import Cost
from edgernn.devices.host.c import read_c_project
from edgernn.inspection import inspect
from edgernn.profiling.fit import CNeeds, Fit, Needs, check_fit, check_fit_c
from edgernn.profiling.micro import Micro, profile_micro


def on_micro(content: bytes) -> Micro | None:
    """What TFLite-Micro says of a .tflite; None where that is not installed."""
    return profile_micro(read_tflite(content))[0]


def artifact_fit(board: Board, content: bytes, micro: Micro | None) -> Fit:
    """Whether a board can hold a .tflite.

    Args:
        board: the board.
        content: of the file.
        micro: what TFLite-Micro says of it, for a microcontroller.
    """
    file = read_tflite(content)
    needs = Needs(
        model_bytes=len(content),
        arena_bytes=micro.smallest if micro is not None else None,
        activation_bytes=peak_activation_bytes(file),
        operators=tuple(inspect(content).operators),
        custom=custom_operators(file),
        micro_runs=micro.runs if micro is not None else None,
        micro_reason=micro.reason if micro is not None else "",
    )
    return check_fit(board, needs)


def c_fit(board: Board, folder: Path, cost: Cost | None = None) -> Fit:
    """Whether a board can hold a folder of C, of which a sequence is run or, where it streams, a step.

    Args:
        board: the board.
        folder: of C.
        cost: on an emulated machine with the board's core; without, code and stack are allowances.
    """
    return check_fit_c(board, c_needs(read_c_project(folder).own, cost))


def c_needs(own: Mapping[str, Any], cost: Cost | None = None) -> CNeeds:
    """What a folder of C says that it needs.

    Args:
        own: its description of itself.
        cost: as for `c_fit`.
    """
    run, step = int(own["run_scratch_bytes"]), int(own["step_scratch_bytes"]) + int(own["state_bytes"])
    return CNeeds(int(own["constant_bytes"]), min(run, step) if own["streams"] else run, cost)
