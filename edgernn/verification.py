"""The verb `verify`: run an artifact on samples and compare its outputs with those of the Keras model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgernn.artifact_source import ArtifactSource
from edgernn.converters.keras.reader import ReadModel, read_keras
from edgernn.converters.keras.source import joined, read_source
from edgernn.converters.tflite.counting import guessed_scheme
from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.session import RUNTIMES, Array
from edgernn.distances import FEWEST, Errors, errors
from edgernn.errors import InputError, one_of
from edgernn.graph import Graph, Value
from edgernn.judgement import TOLERANCES, Limits, deciding, judge_all
from edgernn.metrics import Metric, task_metric
from edgernn.oracle import ORACLES, Expected, expected_outputs, own_rounding
from edgernn.running import Artifact, Pairs, chosen_runtime, read_artifact, run_samples
from edgernn.samples import Samples, Source, load_samples, read_once, steps_in
from edgernn.saturation import inner_tensor, input_saturation, output_saturation, state_saturation
from edgernn.streaming.description import hop_of
from edgernn.streaming.window import as_recording, as_window, is_stream
from edgernn.verified import VerifyResult

OnProgress = Callable[[str, int, int], None]


def verify(
    model: Any,
    artifact: ArtifactSource,
    data: Source,
    *,
    runtime: str | None = None,
    tolerance: float | None = None,
    max_loss: float | None = None,
    oracle: str | None = None,
    device: str | None = None,
    architecture: str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
) -> VerifyResult:
    """Run every sample through an artifact and through its Keras model, each from a fresh state.

    Where there are targets, the task's metric decides, and the outputs may differ by three times as much as without,
    five times where states have 8 bits.

    Args:
        model: a `.keras` or `.h5` file, or a Keras model.
        artifact: a `.tflite` file, ours or not, or its content; a folder of C; or what `edgernn.convert` returned.
        data: samples, as `convert` takes them for calibration: a file or folder, arrays, or what hands them out;
            targets under `y`, those of several outputs under `y_` and the output's name, or as y of pairs (x, y).
        runtime: litert, micro for TFLite-Micro, or c; by default c for a folder of C, else litert.
        tolerance: on the root mean square error over the outputs' standard deviation; by default that of the
            artifact's scheme and the model's precision. Given, it holds beside targets too.
        max_loss: what the metric may lose: points of accuracy or AUC (0.5 by default), per cent by which RMSE or
            perplexity may grow (2 by default).
        oracle: keras, or reference for edgernn's own float arithmetic; by default Keras if it is installed.
        device: an emulated machine that runs a folder of C, ``qemu:cortex-m4``; None for this machine.
        architecture: of a `model` that holds only weights, the JSON file of Keras's `model.to_json()`.
        on_progress: is told what is being done, how many samples are done, and of how many.

    Raises:
        InputError: bad model, artifact or samples, or they do not belong together; Keras cannot run the model.
        EnvironmentProblem: the runtime is not installed, or Keras is asked for and is not.
    """
    if runtime is not None:
        one_of("runtime", runtime, RUNTIMES)
    wanted = None if oracle is None else one_of("oracle", oracle, ORACLES)
    _check_limit("tolerance", tolerance, "0.05 is 5 %.")
    _check_limit("max-loss", max_loss, "0.5 is half a point of accuracy, or half a per cent of an RMSE.")
    report = on_progress or _ignore
    report("reading", 0, 0)
    model = joined(model, architecture)
    found = read_artifact(artifact)
    data = read_once(data, "data")
    runtime = chosen_runtime(found, runtime)
    read = _read(model, found, data)
    carries = bool(hop_of(found.own)) and device is None  # else each window begins anew, in whatever order they come
    samples = load_samples(data, read.graph, "data", stateful=read.stateful if carries else 0)
    if max_loss is not None and not samples.has_targets:
        raise InputError(
            "max-loss: is of the task's metric, which needs targets. Found: no array 'y' in the data.",
            hint="add the right answers under 'y', or limit the error with --tolerance.",
        )
    stream = as_recording(found, read.graph) if samples.recordings else None
    recordings = samples.recordings if stream is not None else 0
    found = stream or as_window(found, read.graph)
    pairs = Pairs.match(read, found)
    session = found.open(runtime, device)
    together = samples.count // recordings if recordings else 1
    outputs = run_samples(session, pairs, samples, lambda done, of: report(f"running on {runtime}", done, of), together)
    report("starting Keras", 0, 0)
    expected = expected_outputs(
        model, read, samples.inputs, wanted, lambda done, of: report("running the Keras model", done, of), recordings
    )
    # A stream that looks ahead has not given the last steps yet when the window ends.
    truth = [theirs[:, : ours.shape[1]] for ours, theirs in zip(outputs, expected.outputs, strict=True)]
    compared = [
        errors(value.name, ours, theirs, _metric(samples, value, k, theirs, ours, read.graph, found, pairs))
        for k, (value, ours, theirs) in enumerate(zip(read.graph.outputs, outputs, truth, strict=True))
    ]
    scheme = artifact_scheme(found)
    narrow = scheme == "int8" and isinstance(found.content, TfliteFile) and found.own.get("target") != "micro"
    limits = Limits.of(scheme, read.precision, tolerance, max_loss, narrow=narrow)
    largest = [float(np.abs(answers).max()) for answers in truth]
    verdicts = judge_all(read.graph, compared, limits, largest, read.precision)
    if scheme == "float32" and tolerance is None and not all(verdict.passed for verdict in verdicts):
        own = own_rounding(read, samples.inputs)
        verdicts = judge_all(read.graph, compared, limits, largest, read.precision, own)
    numbers = [output.size for output in outputs]
    spreads = [result.spread_error for result in compared if result.spread_error is not None]
    return VerifyResult(
        runtime=runtime,
        runtime_package=session.description,
        oracle=expected.oracle,
        scheme=scheme,
        samples=samples.count,
        passed=all(verdict.passed for verdict in verdicts),
        verdict=deciding(verdicts),
        verdicts=tuple(verdicts),
        tolerance=limits.spread,
        metric=next((result.metric for result in compared if result.metric is not None), None),
        spread_error=max(spreads, default=None),
        max_error=max(result.max_error for result in compared),
        mean_error=float(np.average([result.mean_error for result in compared], weights=numbers)),
        relative_error=max(result.relative_error for result in compared),
        outputs=tuple(compared),
        saturation=(
            *input_saturation(found, pairs, samples),
            *output_saturation(found, pairs, outputs, truth),
            *state_saturation(session),
        ),
        notes=_notes(found, read, expected, compared, samples.notes, late=truth[0].shape != expected.outputs[0].shape),
    )


def _check_limit(name: str, limit: float | None, hint: str) -> None:
    if limit is not None and not (math.isfinite(limit) and limit >= 0):
        raise InputError(f"{name}: must be a number of at least 0. Found: {limit}.", hint=hint)


def _metric(
    samples: Samples,
    output: Value,
    position: int,
    truth: Array,
    outputs: Array,
    graph: Graph,
    artifact: Artifact,
    pairs: Pairs,
) -> Metric | None:
    targets = samples.targets_of(output.name, position)
    if targets is None:
        return None
    if targets.ndim > 1 and outputs.ndim > 2:
        targets = targets[:, : outputs.shape[1]]  # of a stream that answers late
    place = [info.name for info in artifact.outputs].index(pairs.outputs[position])
    resolution = inner_tensor(artifact, place, output=True).scale
    tokens = _writes_what_it_reads(graph, samples, output)
    return task_metric(targets, truth, outputs, tokens=tokens, resolution=resolution)


def _writes_what_it_reads(graph: Graph, samples: Samples, output: Value) -> bool:
    """Whether a model of ids, or of one-hot rows, gives one number per id, for each element of a sequence."""
    if len(output.shape) < 2:
        return False
    for value in graph.inputs:
        if value.dtype == "int32":
            return True
        if value.shape[-1:] == output.shape[-1:] and (samples.inputs[value.name].max(-1) == 1).all():
            return bool((samples.inputs[value.name].sum(-1) == 1).all())
    return False


def _ignore(stage: str, done: int, of: int) -> None:
    """Nobody wants to know."""


def _read(model: Any, artifact: Artifact, data: Source) -> ReadModel:
    """The Keras model; where it leaves the number of steps open, that of the artifact, or, of a stream, of the data."""
    source, digest = read_source(model)
    steps = None
    for value in source.inputs:
        if value.shape and value.shape[0] is None and is_stream(artifact):
            rank = len(value.shape) + 1
            steps = steps or steps_in(data, "data", rank) or None
        elif value.shape and value.shape[0] is None:
            fitting = [info.shape[1] for info in artifact.inputs if len(info.shape) == len(value.shape) + 1]
            steps = steps or (fitting[0] if fitting else None)
    return read_keras(source, digest, steps=steps)


def _notes(
    artifact: Artifact,
    read: ReadModel,
    expected: Expected,
    compared: Sequence[Errors],
    left_out: Sequence[str],
    *,
    late: bool,
) -> tuple[str, ...]:
    notes = [*([expected.note] if expected.note else []), *left_out]
    if late:
        notes.append("the window's last steps are not compared: the stream gives them later.")
    source = artifact.own.get("source")
    if isinstance(source, str) and source and not read.source_hash.startswith(source):
        notes.append("the artifact says that it was made from another model than this one.")
    if read.precision != "float32" and expected.oracle != "reference":
        notes.append(f"Keras computes this model in {read.precision}, so its own rounding widens the tolerance.")
    for result, answers in zip(compared, expected.outputs, strict=True):
        if result.spread_error is None:
            why = f"{answers.size} numbers" if answers.size < FEWEST else "always the same answer"
            notes.append(
                f"output '{result.name}': Keras gives {why}, which have no spread: its relative error is judged."
            )
        if result.metric is not None and not result.metric.telling:
            why = "are all the same" if result.metric.name != "rmse" else "are those of Keras, or all the same"
            notes.append(
                f"output '{result.name}': the targets {why} and cannot tell good answers from bad: its error is judged."
            )
    return tuple(notes)


def artifact_scheme(artifact: Artifact) -> str:
    """The scheme that an artifact says it has; guessed from the types in a file that does not say it."""
    said = str(artifact.own.get("scheme", ""))
    if said in TOLERANCES or not isinstance(artifact.content, TfliteFile):
        return said if said in TOLERANCES else "float32"
    return guessed_scheme(artifact.content)
