"""What edgernn makes of the workload, through its command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.child import Outcome, run_module
from benchmarks.results import CELLS, SCHEMES, Conversion
from benchmarks.stock import measured_artifact
from benchmarks.workload import Size

TARGETS = ("micro", "phone")
CALIBRATED = ("int8", "int16x8")


def edgernn_conversions(size: Size, folder: Path, announce: Callable[[str], None]) -> Iterator[Conversion]:
    """Every scheme for every target at `size`, made anew; a scheme that a target refuses is a row with the reason.

    Args:
        size: of the workload.
        folder: with a folder per cell that `workload.prepare` has filled; the artifacts are left there.
        announce: is told what is being measured.
    """
    for cell in CELLS:
        for target in TARGETS:
            for scheme in SCHEMES:
                announce(f"edgernn, {size}: {cell} {scheme} for {target}")
                wanted = Conversion("edgernn", target, cell, scheme, str(size))
                artifact = folder / cell / f"{wanted.file_stem}.tflite"
                artifact.unlink(missing_ok=True)
                outcome = convert(folder / cell, artifact, scheme, target)
                if outcome.failure:
                    yield replace(wanted, failure=outcome.failure)
                else:
                    yield measured_artifact(replace(wanted, seconds=outcome.value["seconds"]), artifact)


def convert(source: Path, artifact: Path, scheme: str, target: str) -> Outcome:
    """Run `edgernn convert` on a folder's `model.keras`, with its `calibration.npz` where the scheme needs it."""
    return run_module("edgernn", *convert_arguments(source, artifact, scheme, target), "--json")


def convert_arguments(source: Path, artifact: Path, scheme: str, target: str) -> list[object]:
    """The command line of `convert`, without the program's name."""
    calibration = ["--calibration", source / "calibration.npz"] if scheme in CALIBRATED else []
    return ["convert", source / "model.keras", "-o", artifact, "--quantize", scheme, "--target", target, *calibration]
