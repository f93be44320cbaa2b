"""How long a conversion takes as a whole process, start to end: `edgernn convert` against a script."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.child import ROOT
from benchmarks.ours import convert_arguments
from benchmarks.results import Ratio
from benchmarks.timing import take_turns

SCHEMES = ("float32", "dynamic")  # with int8 the stock converter dies of a layer that is not unrolled


def process_ratios(
    folder: Path, cells: Sequence[str], size: str, runs: int, announce: Callable[[str], None]
) -> list[Ratio]:
    """Time the two commands in turns on the same `model.keras`.

    Args:
        folder: with a folder per cell that `workload.prepare` has filled.
        cells: which to convert.
        size: of the workload, for the record.
        runs: of each command, after one that only warms the file system's caches.
        announce: is told what is being measured.

    Raises:
        subprocess.CalledProcessError: one of the commands failed.
    """
    ratios = []
    for cell in cells:
        for scheme in SCHEMES:
            announce(f"whole process, {size}: {cell} {scheme}")
            ours, peer = f"edgernn convert {cell} {scheme}", f"stock script {cell} {scheme}"
            source, artifact = folder / cell, folder / cell / "process.tflite"
            script = ["benchmarks.stock_script", source / "model.keras", artifact, scheme]
            commands = {ours: ["edgernn", *convert_arguments(source, artifact, scheme, "phone")], peer: script}
            turns = {name: lambda command=command: _seconds(command) for name, command in commands.items()}
            take_turns(turns, 1)
            ratios.append(take_turns(turns, runs).ratio(ours, peer, size))
            artifact.unlink()
    return ratios


def _command(module_and_arguments: Sequence[object], *options: str) -> list[str]:
    return [sys.executable, *options, "-m", *map(str, module_and_arguments)]


def _seconds(module_and_arguments: Sequence[object]) -> float:
    """Run `python -m` to its end."""
    start = time.perf_counter()
    subprocess.run(_command(module_and_arguments), cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def imports_tensorflow(folder: Path, cell: str) -> bool:
    """Whether `edgernn convert` imports TensorFlow, as Python itself reports its imports.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    artifact = folder / cell / "process.tflite"
    arguments = convert_arguments(folder / cell, artifact, "int8", "micro")
    command = _command(["edgernn", *arguments], "-X", "importtime")
    run = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    artifact.unlink()
    return any(line.rpartition("|")[2].strip() == "tensorflow" for line in run.stderr.splitlines())
