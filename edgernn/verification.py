"""The verb `verify`: run an artifact on samples and compare its outputs with those of the Keras model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.converters.keras.reader import ReadModel, read_keras
from edgernn.converters.keras.source import joined, read_source
from edgernn.converters.tflite.counting import guessed_scheme
from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.session import RUNTIMES, Array, TensorInfo, tensor_info
from edgernn.errors import InputError, one_of
from edgernn.metrics import Errors, Metric, Saturation, beyond, errors, task_metric
from edgernn.oracle import ORACLES, expected_outputs
from edgernn.running import Artifact, Pairs, chosen_runtime, read_artifact, run_samples
from edgernn.samples import Samples, Source, load_samples, sample_arrays
from edgernn.streaming.window import as_window, is_stream

# On the relative error: what each scheme's arithmetic costs at most on ordinary models.
TOLERANCES: Mapping[str, float] = {"float32": 1e-4, "float16": 5e-3, "dynamic": 3e-2, "int16x8": 3e-2, "int8": 5e-2}

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class VerifyResult:
    """How an artifact compares with its Keras model.

    Attributes:
        runtime: that ran the artifact.
        runtime_package: that brings it, with its version.
        oracle: who computed the outputs to compare with: ``keras``, or ``reference``, edgernn's own.
        scheme: of quantization; guessed from the types in a file that does not say it.
        samples: how many were run.
        tolerance: on the relative error.
        max_error: the largest absolute difference in any output.
        mean_error: the mean absolute difference over all numbers of all outputs.
        relative_error: that of the worst output.
        outputs: the errors of each.
        metric: of the task, where the samples have targets.
        saturation: per input and output that is an integer inside the artifact.
        passed: whether the relative error is within the tolerance.
        notes: what a user might not expect.
    """

    runtime: str
    runtime_package: str
    oracle: str
    scheme: str
    samples: int
    tolerance: float
    max_error: float
    mean_error: float
    relative_error: float
    outputs: tuple[Errors, ...]
    metric: Metric | None
    saturation: tuple[Saturation, ...]
    passed: bool
    notes: tuple[str, ...]


def verify(
    model: Any,
    artifact: str | os.PathLike[str] | bytes,
    data: Source,
    *,
    runtime: str | None = None,
    tolerance: float | None = None,
    oracle: str | None = None,
    device: str | None = None,
    architecture: str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
) -> VerifyResult:
    """Run every sample through an artifact and through its Keras model, each from a fresh state.

    Args:
        model: a `.keras` or `.h5` file, or a Keras model.
        artifact: a `.tflite` file, ours or not, or its content; or a folder of C.
        data: samples: an `.npz` or `.npy` file, arrays by input name, or the only input's array; targets under `y`.
        runtime: litert, micro for TFLite-Micro, or c; by default c for a folder of C, else litert.
        tolerance: on the relative error; by default that of the artifact's scheme.
        oracle: keras, or reference for edgernn's own float arithmetic; by default Keras if it is installed.
        device: an emulated machine that runs a folder of C, ``qemu:cortex-m4``; None for this machine.
        architecture: of a `model` that holds only weights, the JSON file of Keras's `model.to_json()`.
        on_progress: is told what is being done, how many samples are done, and of how many.

    Raises:
        InputError: bad model, artifact or samples, or they do not belong together.
        EnvironmentProblem: the runtime is not installed, or Keras is asked for and is not.
    """
    if runtime is not None:
        one_of("runtime", runtime, RUNTIMES)
    wanted = None if oracle is None else one_of("oracle", oracle, ORACLES)
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"tolerance: must be a number of at least 0. Found: {tolerance}.", hint="0.05 is 5 %.")
    report = on_progress or _ignore
    report("reading", 0, 0)
    model = joined(model, architecture)
    found = read_artifact(artifact)
    runtime = chosen_runtime(found, runtime)
    read = _read(model, found, data)
    samples = load_samples(data, read.graph, "data")
    found = as_window(found, read.graph)
    pairs = Pairs.match(read, found)
    session = found.open(runtime, device)
    outputs = run_samples(session, pairs, samples, lambda done, of: report(f"running on {runtime}", done, of))
    report("starting Keras", 0, 0)
    expected = expected_outputs(
        model, read, samples.inputs, wanted, lambda done, of: report("running the Keras model", done, of)
    )
    # A stream that looks ahead has not given the last steps yet when the window ends.
    truth = [theirs[:, : ours.shape[1]] for ours, theirs in zip(outputs, expected.outputs, strict=True)]
    compared = [
        errors(value.name, ours, theirs) for value, ours, theirs in zip(read.graph.outputs, outputs, truth, strict=True)
    ]
    scheme = artifact_scheme(found)
    limit = TOLERANCES[scheme] if tolerance is None else tolerance
    relative = max(result.relative_error for result in compared)
    numbers = [output.size for output in outputs]
    return VerifyResult(
        runtime=runtime,
        runtime_package=session.description,
        oracle=expected.oracle,
        scheme=scheme,
        samples=samples.count,
        tolerance=limit,
        max_error=max(result.max_error for result in compared),
        mean_error=float(np.average([result.mean_error for result in compared], weights=numbers)),
        relative_error=relative,
        outputs=tuple(compared),
        metric=_metric(samples, truth[0], outputs[0]),
        saturation=(
            *_input_saturation(found, pairs, samples),
            *_output_saturation(found, pairs, outputs, truth),
        ),
        passed=bool(relative <= limit),
        notes=_notes(found, read, expected.note, late=truth[0].shape != expected.outputs[0].shape),
    )


def _metric(samples: Samples, truth: Array, outputs: Array) -> Metric | None:
    targets = samples.targets
    if targets is None:
        return None
    late = targets.ndim > 1 and outputs.ndim > 2
    return task_metric(targets[:, : outputs.shape[1]] if late else targets, truth, outputs)


def _ignore(stage: str, done: int, of: int) -> None:
    """Nobody wants to know."""


def _read(model: Any, artifact: Artifact, data: Source) -> ReadModel:
    """The Keras model; where it leaves the number of steps open, that of the artifact, or, of a stream, of the data."""
    source, digest = read_source(model)
    steps = None
    for value in source.inputs:
        if value.shape and value.shape[0] is None and is_stream(artifact):
            rank = len(value.shape) + 1
            steps = steps or max((array.shape[1] for array in sample_arrays(data) if array.ndim == rank), default=None)
        elif value.shape and value.shape[0] is None:
            fitting = [info.shape[1] for info in artifact.inputs if len(info.shape) == len(value.shape) + 1]
            steps = steps or (fitting[0] if fitting else None)
    return read_keras(source, digest, steps=steps)


def _notes(artifact: Artifact, read: ReadModel, oracle_note: str, *, late: bool) -> tuple[str, ...]:
    notes = [oracle_note] if oracle_note else []
    if late:
        notes.append("the window's last steps are not compared: the stream gives them later.")
    source = artifact.own.get("source")
    if isinstance(source, str) and source and not read.source_hash.startswith(source):
        notes.append("the artifact says that it was made from another model than this one.")
    return tuple(notes)


def artifact_scheme(artifact: Artifact) -> str:
    """The scheme that an artifact says it has; guessed from the types in a file that does not say it."""
    said = str(artifact.own.get("scheme", ""))
    if said in TOLERANCES or not isinstance(artifact.content, TfliteFile):
        return said if said in TOLERANCES else "float32"
    return guessed_scheme(artifact.content)


def _inner(artifact: Artifact, position: int, *, output: bool) -> TensorInfo:
    """An input or output, or, where it is float at the edge only, the integer tensor behind it."""
    info = (artifact.outputs if output else artifact.inputs)[position]
    if not isinstance(artifact.content, TfliteFile):
        return info
    main = artifact.content.main
    index = (main.outputs if output else main.inputs)[position]
    here, there = (1, 0) if output else (0, 1)
    for operator in main.operators:
        ends = operator.inputs, operator.outputs
        if operator.name == ("DEQUANTIZE" if output else "QUANTIZE") and ends[here][:1] == (index,):
            return tensor_info(info.name, main.tensors[ends[there][0]])
    return info


def _input_saturation(artifact: Artifact, pairs: Pairs, samples: Samples) -> list[Saturation]:
    found = []
    for position, info in enumerate(artifact.inputs):
        inner = _inner(artifact, position, output=False)
        if inner.scale and info.name in pairs.inputs:
            low, high = inner.limits
            values = samples.inputs[pairs.inputs[info.name]]
            found.append(Saturation(info.name, low, high, beyond(values, low, high, 0.5 * inner.scale)))
    return found


def _output_saturation(
    artifact: Artifact, pairs: Pairs, outputs: Sequence[Array], expected: Sequence[Array]
) -> list[Saturation]:
    found = []
    for position, info in enumerate(artifact.outputs):
        inner = _inner(artifact, position, output=True)
        if inner.scale:
            k = pairs.outputs.index(info.name)
            low, high = inner.limits
            at_end = (outputs[k] <= low + 0.5 * inner.scale) | (outputs[k] >= high - 0.5 * inner.scale)
            # One unit of grace: a softmax's integers end at 255/256, and nobody misses the last one.
            lost = np.where(at_end, expected[k], 0.5 * (low + high))
            found.append(Saturation(info.name, low, high, beyond(lost, low, high, inner.scale)))
    return found
