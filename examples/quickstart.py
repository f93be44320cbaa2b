"""The whole road on real data: train an LSTM and a GRU, convert them, run them on both runtimes, compare.

    python examples/quickstart.py [--units 32] [--output runs/quickstart]

Speech from nine speakers (the recipe `japanese-vowels`) is classified by an LSTM and by a GRU. Each is quantized to int8
and converted for a microcontroller and for a phone, run on LiteRT and on the TFLite-Micro interpreter, and verified
against Keras on the test speakers. One table compares them; the commands that do the same step by step are printed last.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from edgernn.cli.main import guarded
from edgernn.cli.output import note, print_table, progress
from edgernn.conversion import ConvertResult, convert
from edgernn.devices.host.micro import arena_bytes
from edgernn.devices.host.session import open_session
from edgernn.training import train
from edgernn.verification import VerifyResult, verify

RECIPE = "japanese-vowels"
CELLS = ("lstm", "gru")
RUNS, WARMUP = 300, 30


@dataclass(frozen=True)
class Row:
    """One artifact and what was measured of it."""

    cell: str
    converted: ConvertResult
    arena: int | None
    microseconds: float
    litert: VerifyResult
    micro: VerifyResult | None


def median_microseconds(content: bytes) -> float:
    """Median time of one inference on LiteRT, one thread, on this machine; Python's part of it included."""
    session = open_session(content, "litert")
    inputs = {info.name: np.zeros(info.shape, info.dtype) for info in session.inputs}
    times = []
    for _ in range(WARMUP + RUNS):
        start = time.perf_counter()
        session.run(inputs)
        times.append(time.perf_counter() - start)
    return float(np.median(times[WARMUP:])) * 1e6


def measure(cell: str, folder: Path, target: str, describe: Callable[[str], None]) -> Row:
    """Convert one trained model for one target, run it everywhere it runs, and verify it."""
    model, artifact = folder / "model.keras", folder / f"int8-{target}.tflite"
    describe(f"{cell}: converting for {target}")
    converted = convert(model, artifact, quantize="int8", target=target, calibration=folder / "calibration.npz")
    describe(f"{cell}: verifying {artifact.name} on LiteRT")
    litert = verify(model, artifact, folder / "test.npz", runtime="litert")
    micro = arena = None
    if target == "micro":
        describe(f"{cell}: verifying {artifact.name} on TFLite-Micro")
        micro = verify(model, artifact, folder / "test.npz", runtime="micro")
        arena = arena_bytes(converted.content).used
    return Row(cell, converted, arena, median_microseconds(converted.content), litert, micro)


def show(rows: list[Row]) -> None:
    """The table that answers: what does each cost, and what does it give?"""
    columns = (
        "Model", "Target", "Parameters", "Bytes", "Arena bytes", "LiteRT us",
        "Keras", "LiteRT", "TFLite-Micro", "Error",
    )  # fmt: skip
    lines = []
    for row in rows:
        metric, micro = row.litert.metric, row.micro.metric if row.micro else None
        lines.append(
            (
                row.cell.upper(),
                row.converted.target,
                f"{row.converted.parameters:,}",
                f"{row.converted.size:,}",
                f"{row.arena:,}" if row.arena else "-",
                f"{row.microseconds:.0f}",
                f"{metric.keras:.1%}" if metric else "-",
                f"{metric.artifact:.1%}" if metric else "-",
                f"{micro.artifact:.1%}" if micro else "-",
                f"{100 * (row.micro or row.litert).relative_error:.2f} %",
            )
        )
    print_table("int8, accuracy on the test split: Keras, LiteRT, TFLite-Micro", columns, lines)


def show_commands(units: int, folder: Path) -> None:
    """How to do the same by hand."""
    gru = folder / "gru"
    print("\nStep by step:")
    print(f"  edgernn train {RECIPE} --cell gru --units {units} --output {gru}")
    calibration = f"--calibration {gru}/calibration.npz"
    print(f"  edgernn convert {gru}/model.keras -o {gru}/gru.tflite --quantize int8 --target micro {calibration}")
    print(f"  edgernn verify {gru}/model.keras {gru}/gru.tflite --data {gru}/test.npz --runtime micro")
    print(f"  edgernn inspect {gru}/gru.tflite")


@click.command()
@click.option("--units", default=32, show_default=True, help="Size of the hidden state.")
@click.option("--output", default=Path("runs/quickstart"), type=click.Path(path_type=Path), show_default=True)
def command(units: int, output: Path) -> None:
    """Train, quantize, convert, run and compare an LSTM and a GRU on real data."""
    started = time.perf_counter()
    rows: list[Row] = []
    for cell in CELLS:
        with progress(f"{cell}: starting Keras") as bar:
            result = train(
                RECIPE,
                cell=cell,
                units=units,
                output=output / cell,
                force=True,
                on_stage=lambda stage, cell=cell: bar.describe(f"{cell}: {stage}"),  # type: ignore[misc]
                on_epoch=lambda epoch, cell=cell: bar.describe(f"{cell}: epoch {epoch.number}"),  # type: ignore[misc]
            )
        baseline = result.baselines[0]
        note(f"{cell}: {result.score:.1%} with {result.cell.upper()}, {baseline.score:.1%} with the {baseline.name}")
    with progress("converting") as bar:
        for cell in CELLS:
            rows += [measure(cell, output / cell, target, bar.describe) for target in ("micro", "phone")]
    show(rows)
    show_commands(units, output)
    note(f"all of it took {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    sys.exit(guarded(lambda: command.main(standalone_mode=False) or 0))
