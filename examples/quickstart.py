"""The whole road on real data: train an LSTM and a GRU, convert them, run them on both runtimes, compare.

    python examples/quickstart.py [--units 32] [--output runs/quickstart] [--reuse]

Speech from nine speakers (the recipe `japanese-vowels`) is classified by an LSTM and by a GRU. Each is quantized to
int8 and converted for a microcontroller and for a phone, run on LiteRT and on the TFLite-Micro interpreter, and
verified against Keras on the test split. One table compares them, and a page with plots; the commands that do the same
are printed last.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np

import edgernn
from edgernn.cli.main import guarded
from edgernn.cli.output import note, print_table
from edgernn.cli.progress import progress
from edgernn.comparison.answer import assemble
from edgernn.comparison.records import Artifact, Latency, Model, Score, Task
from edgernn.converted import ConvertResult
from edgernn.converters.tflite.accounting import account
from edgernn.converters.tflite.liveness import peak_activation_bytes
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.arena import smallest_arena
from edgernn.devices.host.machine import describe_machine, package_versions
from edgernn.devices.host.session import open_session
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import CheckFailed, EnvironmentProblem
from edgernn.files import atomic_write
from edgernn.report.html import html
from edgernn.training.fit import Epoch
from edgernn.training.network import import_keras
from edgernn.training.trainer import STARTING_KERAS
from edgernn.verified import VerifyResult

RECIPE, SEED = "japanese-vowels", 0
CELLS = ("lstm", "gru")
TARGETS = ("micro", "phone")
RUNS, WARMUP = 300, 30
COLUMNS = ("Model", "Target", "Parameters", "Bytes", "Arena", "Time", "Keras", "LiteRT", "TFLite-Micro", "Error")
LEGEND = """\
Bytes: the file, weights and program. Arena: the bytes of memory that the TFLite-Micro interpreter needs to run it, on
this 64-bit machine. Time: of one inference on LiteRT here, one thread, median of {runs} runs, Python's part included; a
micro artifact's 16-bit arithmetic is meant for microcontrollers, not for this. Keras, LiteRT, TFLite-Micro: accuracy.
Error: the relative error against Keras (docs/verifying.md), the larger of both runtimes."""


@dataclass(frozen=True)
class Row:
    """One artifact and what was measured of it; None where this machine has no TFLite-Micro."""

    cell: str
    converted: ConvertResult
    arena: int | None
    microseconds: float
    litert: VerifyResult
    micro: VerifyResult | None


def train(cell: str, units: int, folder: Path) -> None:
    """Train one model, with progress on stderr."""
    with progress(f"{cell}: checking") as bar:

        def stage(text: str) -> None:
            bar.describe(f"{cell}: {text}")
            if text == STARTING_KERAS:
                with captured_stderr():  # some of TensorFlow's chatter heeds no setting
                    import_keras()

        def epoch(done: Epoch) -> None:
            bar.describe(f"{cell}: training, loss {done.loss:.3f}")
            bar.update(done.number, done.of)

        options: dict[str, Any] = {"cell": cell, "units": units, "seed": SEED, "force": True}
        result = edgernn.train(RECIPE, output=folder, on_stage=stage, on_epoch=epoch, **options)
    names = " and ".join(f"{100 * baseline.score:.1f} % by the {baseline.name}" for baseline in result.baselines)
    note(f"{cell}: trained in {result.seconds:.1f} s; {100 * result.score:.1f} % right, against {names}")


def is_trained(cell: str, units: int, folder: Path) -> bool:
    """Whether the folder holds a complete run with these settings; run.json is the record of it."""
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = {"recipe": RECIPE, "cell": cell, "units": units, "seed": SEED, "layers": 1}
    return isinstance(record, dict) and all(record.get(name) == value for name, value in wanted.items())


def median_microseconds(content: bytes) -> float:
    """Median time of one inference on LiteRT, one thread, on this machine."""
    session = open_session(content, "litert")
    inputs = {info.name: np.zeros(info.shape, info.dtype) for info in session.inputs}
    times = []
    for _ in range(WARMUP + RUNS):
        start = time.perf_counter()
        session.run(inputs)
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times[WARMUP:]))


def measure(cell: str, folder: Path, target: str, describe: Callable[[str], None]) -> Row:
    """Convert one trained model for one target, run it on the runtimes that it is for, and verify it."""
    model, data, artifact = folder / "model.keras", folder / "test.npz", folder / f"int8-{target}.tflite"
    describe(f"{cell}: converting for {target}")
    converted = edgernn.convert(model, artifact, quantize="int8", target=target, calibration=folder / "calibration.npz")
    describe(f"{cell}: verifying {artifact.name} on LiteRT")
    litert = edgernn.verify(model, artifact, data, runtime="litert")
    micro = arena = None
    if target == "micro":
        try:
            describe(f"{cell}: verifying {artifact.name} on TFLite-Micro")
            micro = edgernn.verify(model, artifact, data, runtime="micro")
            describe(f"{cell}: looking for the smallest arena")
            arena = smallest_arena(converted.content)
        except EnvironmentProblem as error:  # its interpreter is published for x86-64 Linux only
            note(f"{cell}: not run on TFLite-Micro: {error}")
    return Row(cell, converted, arena, median_microseconds(converted.content), litert, micro)


def cells(row: Row) -> tuple[object, ...]:
    """A row of the table."""

    def accuracy(result: VerifyResult | None, whose: str) -> str:
        return f"{100 * getattr(result.metric, whose):.1f} %" if result and result.metric else "-"

    error = max(result.relative_error for result in (row.litert, row.micro) if result)
    return (
        row.cell.upper(), row.converted.target, row.converted.parameters, row.converted.size,
        row.arena if row.arena else "-", f"{row.microseconds:.0f} us",
        accuracy(row.litert, "keras"), accuracy(row.litert, "artifact"), accuracy(row.micro, "artifact"),
        f"{100 * error:.2f} %",
    )  # fmt: skip


def write_report(path: Path, folders: Mapping[str, Path], rows: Sequence[Row], started: float) -> None:
    """Write the page.

    Args:
        path: of the page.
        folders: of the training runs, by cell.
        rows: of the quickstart, each an artifact with what was measured of it.
        started: when the quickstart began, by `time.perf_counter`.

    Raises:
        InputError: the page cannot be written there.
        EnvironmentProblem: a package for it is missing.
    """
    records = {cell: json.loads((folder / "run.json").read_text(encoding="utf-8")) for cell, folder in folders.items()}
    first = next(iter(records.values()))
    task = Task(
        first["recipe"],
        metric=first["metric"],
        samples=first["samples"],
        steps=first["steps"],
        features=first["features"],
        classes=len(first["classes"]),
        baselines=tuple(Score(each["name"], each["score"]) for each in first["baselines"]),
        origin=f"{first['data']['origin']}, {first['data']['licence']}",
    )
    seconds = time.perf_counter() - started
    results = assemble(
        started=datetime.fromtimestamp(time.time() - seconds, UTC).isoformat(timespec="seconds"),
        seconds=seconds,
        machine={**describe_machine(), "packages": package_versions()},
        command=("python", *sys.argv),
        complete=True,
        task=task,
        models=[_model(cell, records[cell], rows) for cell in folders],
        artifacts=[_artifact(row) for row in rows],
        notes=("One network of each cell: what depends on the seed needs several, as edgernn compare trains them.",),
    )
    atomic_write(path, html(results))


def _model(cell: str, record: Mapping[str, Any], rows: Sequence[Row]) -> Model:
    converted = next(row.converted for row in rows if row.cell == cell)
    history = record["history"]
    return Model(
        cell,
        cell,
        record["units"],
        parameters=record["parameters"],
        recurrent_parameters=record["recurrent_parameters"],
        macs=converted.macs,
        macs_per_step=converted.macs_per_step,
        score=record["score"],
        validation=tuple(history["validation_score"]),
        loss=tuple(history["loss"]),
        epoch_seconds=record["seconds_per_epoch"],
        samples=record["samples"]["train"],
    )


def _artifact(row: Row) -> Artifact:
    converted, result = row.converted, row.micro or row.litert
    file = read_tflite(converted.content)
    return Artifact(
        f"{row.cell}-{converted.scheme}-{converted.target}",
        row.cell,
        converted.scheme,
        converted.target,
        file=str(converted.artifact),
        bytes=converted.size,
        categories=account(file),
        arena_bytes=row.arena,
        activation_bytes=peak_activation_bytes(file),
        latency=Latency(row.microseconds, row.microseconds, row.microseconds),
        metric=result.metric.name if result.metric else "",
        score=result.metric.artifact if result.metric else None,
        relative_error=result.relative_error,
        operators=file.operators,
    )


def step_by_step(units: int, folder: Path) -> str:
    """How to do the same by hand, in commands that can be pasted where this was called."""
    edgernn = shlex.quote(os.path.relpath(Path(sys.executable).parent / "edgernn"))
    files = {name: shlex.quote(str(folder / name)) for name in ("model.keras", "calibration.npz", "test.npz")}
    model, artifact = files["model.keras"], shlex.quote(str(folder / "int8-micro.tflite"))
    return "\n".join(
        [
            "The same step by step:",
            f"  {edgernn} train {RECIPE} --cell gru --units {units} --output {shlex.quote(str(folder))} --force",
            f"  {edgernn} convert {model} -o {artifact} --quantize int8 --target micro \\",
            f"      --calibration {files['calibration.npz']}",
            f"  {edgernn} verify {model} {artifact} --data {files['test.npz']} --runtime micro",
            f"  {edgernn} inspect {artifact}",
        ]
    )


@click.command()
@click.option("--units", default=32, show_default=True, help="Size of the hidden state.")
@click.option("--output", default=Path("runs/quickstart"), type=click.Path(path_type=Path), show_default=True)
@click.option("--reuse", is_flag=True, help="Keep models that an earlier run has trained with the same settings.")
def command(units: int, output: Path, reuse: bool) -> None:
    """Train, quantize, convert, run and compare an LSTM and a GRU on real data."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no start-up chatter of TensorFlow
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # slower than the processor for models this small
    started = time.perf_counter()
    for cell in CELLS:
        if reuse and is_trained(cell, units, output / cell):
            note(f"{cell}: taking the model in {output / cell}")
        else:
            train(cell, units, output / cell)
    with progress("converting") as bar:
        rows = [measure(cell, output / cell, target, bar.describe) for cell in CELLS for target in TARGETS]
    count = rows[0].litert.samples
    print_table(f"{RECIPE}, {units} units, int8, {count} test samples", COLUMNS, [cells(row) for row in rows])
    click.echo(f"{LEGEND.format(runs=RUNS)}\n\n{step_by_step(units, output / 'gru')}")
    report = output / "report.html"
    with progress("drawing the report"):
        write_report(report, {cell: output / cell for cell in CELLS}, rows, started)
    click.echo(f"\nA page with pictures of all this: {report}")
    note(f"All of it took {time.perf_counter() - started:.0f} s. The files are in {output}.")
    broken = [f"{row.cell} for {row.converted.target}" for row in rows if not row.litert.passed]
    broken += [f"{row.cell} on TFLite-Micro" for row in rows if row.micro and not row.micro.passed]
    if broken:
        raise CheckFailed(f"relative error: must be within 5 %. Found more: {', '.join(broken)}.")


if __name__ == "__main__":
    sys.exit(guarded(lambda: command.main(standalone_mode=False) or 0))
