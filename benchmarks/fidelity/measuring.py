"""Converts a network, runs the artifact on the test, and says what it loses and costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import edgernn
from benchmarks.fidelity.prepared import Prepared
from benchmarks.fidelity.rows import CALIBRATED, USUAL, Form, Row
from benchmarks.fidelity.scores import loss
from benchmarks.fidelity.task import Array
from benchmarks.timing import interleaved
from edgernn.devices.host.arena import arena_bytes
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import open_session
from edgernn.errors import EdgernnError
from edgernn.running import Artifact, artifact_samples, read_artifact, run_samples

RUNTIMES = {"phone": "litert", "micro": "micro", "c": "c"}
ROUNDS = 12  # of the timing


def blank(prepared: Prepared, form: Form) -> Row:
    """A row without figures."""
    model = prepared.model
    return Row(
        *(model.task.name, model.cell, model.seed, form.maker, form.target, form.scheme, form.samples),
        metric=model.task.metric,
        expected=prepared.score,
        examples=prepared.test.count,
    )


def measure(prepared: Prepared, form: Form, timed: bool = True) -> Row:
    """What edgernn makes of a network; a refusal is a row with the reason."""
    row = blank(prepared, form)
    with tempfile.TemporaryDirectory(prefix="edgernn-fidelity-") as folder:
        output = Path(folder) / ("model" if form.target == "c" else "model.tflite")
        start = time.perf_counter()
        try:
            size = _convert(prepared, form, output)
            row = replace(row, seconds=round(time.perf_counter() - start, 2))
            artifact = read_artifact(output if form.target == "c" else output.read_bytes())
            row = judged(row, prepared, artifact, RUNTIMES[form.target])
        except EdgernnError as error:
            return replace(row, failure=error.message.splitlines()[0])
        except Exception as error:  # that of the converter's making is a result too
            return replace(row, failure=f"{type(error).__name__}: {error}".splitlines()[0])
        row = replace(row, bytes=size)
        if form.target == "micro":
            return replace(row, arena=arena_bytes(output.read_bytes()).used)
        if isinstance(artifact.content, CProject):
            return replace(row, arena=int(artifact.own["scratch_bytes"]) + int(artifact.own.get("state_bytes", 0)))
        if timed and form.samples in (0, USUAL):
            return replace(row, latency=_latency(prepared, output, Path(folder)))
        return row


def judged(row: Row, prepared: Prepared, artifact: Artifact, runtime: str) -> Row:
    """The row with what the artifact loses on the test, and its types."""
    answers = _answers(artifact, runtime, dict(prepared.test.x))
    found = loss(prepared.model.task.metric, prepared.expected, answers.reshape(prepared.expected.shape), prepared.test)
    types = artifact.inputs[0].dtype, artifact.outputs[0].dtype
    return replace(row, score=found.score, lost=found.lost, error=found.error, types=types)


def _answers(artifact: Artifact, runtime: str, inputs: dict[str, Array]) -> Array:
    samples, pairs = artifact_samples(artifact, inputs)
    return run_samples(open_session(artifact.content, runtime), pairs, samples, lambda done, of: None)[0]


def _convert(prepared: Prepared, form: Form, output: Path) -> int:
    """Convert; the artifact's bytes."""
    options: dict[str, Any] = {"quantize": form.scheme}
    if form.scheme in CALIBRATED:
        options["calibration"] = {name: array[: form.samples] for name, array in prepared.calibration.items()}
    if form.target == "c":
        options |= {"format": "c", "name": "model"}
    else:
        options["target"] = form.target
    return int(edgernn.convert(prepared.file, output, **options).size)


def _latency(prepared: Prepared, artifact: Path, folder: Path) -> float:
    """The artifact's time over that of the float32 file, in turns on one thread."""
    plain = folder / "float32.tflite"
    edgernn.convert(prepared.file, plain)
    sample = {name: np.asarray(array[:1]) for name, array in prepared.test.x.items()}
    calls = {name: _call(path, sample) for name, path in (("ours", artifact), ("float32", plain))}
    return round(interleaved(calls, ROUNDS).ratio("ours", "float32").median, 3)


def _call(path: Path, sample: dict[str, Array]) -> Callable[[], object]:
    artifact = read_artifact(path.read_bytes())
    session = open_session(artifact.content, "litert")
    samples, pairs = artifact_samples(artifact, sample)
    run_samples(session, pairs, samples, lambda done, of: None)  # leaves the sample in the session's inputs
    return session.invoke
