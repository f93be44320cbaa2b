"""The verb `convert`: a Keras model in, a .tflite artifact out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgernn.calibration_notes import calibration_notes, side_notes
from edgernn.compiler import Options, prepare, subject_of, write_artifact
from edgernn.conversion_options import AUTO, IOS, options_of, settings_of
from edgernn.converted import ConvertResult, OnProgress, check_overwrites, no_samples
from edgernn.converters.keras.reader import ReadModel, read_keras
from edgernn.converters.keras.source import joined, read_source
from edgernn.errors import InputError, one_of
from edgernn.explanation import check_explainable, explanation
from edgernn.files import atomic_write, check_writable, make_parents
from edgernn.input_types import input_type, widened_ends
from edgernn.measuring import told
from edgernn.names import format_named, scheme_named, target_named
from edgernn.opening import check_opens
from edgernn.promises import keep_promise, promised
from edgernn.quantization.precision import MAX_ERROR
from edgernn.rehearsal import rehearse
from edgernn.samples import Samples, Source, load_samples, read_once, steps_in
from edgernn.streaming.options import StateForm, stream_options
from edgernn.targets import INTEGER_SCHEMES, Scheme
from edgernn.threads import one_thread

FORMATS = ("tflite", "c")
_HASH_DIGITS = 16  # of the source's SHA-256; a microcontroller pays for every byte of metadata
_STATES: dict[str, StateForm] = {"phone": "io", "micro": "io"}  # see docs/streaming.md for what each costs
_ANY_STEPS = 256  # more than a layer sees at once


@one_thread()
def convert(
    model: Any,
    output: str | os.PathLike[str] | None = None,
    *,
    quantize: str = "float32",
    target: str | None = None,
    calibration: Source | None = None,
    steps: int | None = None,
    form: str | None = None,
    io: str | None = None,
    clip: str | None = None,
    format: str = "tflite",
    name: str | None = None,
    streaming: bool = False,
    hop: int | None = None,
    lookahead: int = 0,
    state: str | None = None,
    force: bool = False,
    kernels: str | Sequence[str] | None = None,
    architecture: str | os.PathLike[str] | None = None,
    max_error: float | None = None,
    strict: bool = False,
    measure: bool = True,
    max_loss: float | None = None,
    data: Source | None = None,
    board: str | None = None,
    explain: bool = False,
    on_progress: OnProgress | None = None,
) -> ConvertResult:
    """Convert a Keras model. Neither Keras nor TensorFlow is imported for a model in a file.

    Args:
        model: a `.keras` or `.h5` file, or a Keras model.
        output: where to write the artifact; folders above it are made. None only returns its bytes.
        quantize: the scheme: float32, float16, dynamic, int8 or int16x8; or auto for the smallest artifact of them
            that holds `max_loss`.
        target: phone (LiteRT; Raspberry Pi too) or micro (TFLite-Micro); by default phone, or what `board` is.
        calibration: samples for int8 and int16x8, which take the ranges of all tensors from them: an `.npz`, `.npy`,
            `.csv` or `.wav` file, a folder of such recordings, arrays by input name, the only input's array, or what
            hands them out: a generator, a function that makes one, a `tf.data.Dataset`. Other schemes do without.
        steps: number of time steps, for a model that leaves it open; a streamed .tflite does not need it.
        form: of loops; by default the best for the target.
        io: type of inputs and outputs; by default float32 for a phone, the scheme's integers for a micro, unless
            these would do harm to inputs of unequal ranges.
        clip: how much of the calibrated ranges to keep: minmax, percentile or mse; by default all, or as mse keeps
            where that makes the answers better.
        format: tflite, or c for a folder of C99 that needs no runtime.
        name: prefix of the identifiers in C; by default made from the name of the folder.
        streaming: a model that takes one frame, or a hop of them, and keeps its state, instead of a whole window.
        hop: frames per step; by default the fewest that the model's strides allow.
        lookahead: for how many frames an answer may be late, for layers that look ahead.
        state: io, as inputs and outputs, or internal, kept by the runtime; by default the best for the target.
        force: write C into a folder that holds other files too; none of them is deleted or overwritten.
        kernels: libraries of kernels that a micro's artifact must run with, names or one text with commas between:
            reference, CMSIS-NN, ESP-NN, HiFi, Ethos-U, LiteRT; by default the first four.
        architecture: of a `model` that holds only weights, the JSON file of Keras's `model.to_json()`.
        max_error: of int8, the error over the outputs' spread beyond which tensors that harm get 16 bits, by default
            0.01. What would slow a phone down much is widened only where the error is three times that.
        strict: keep every tensor of an int8 model in 8 bits where the target has them, and compute float answers from
            integers up to the end, as NPUs want.
        measure: convert without some of the calibration samples first, run that on them, and report its error; without,
            nothing is widened either.
        max_loss: of auto: what the task's metric may lose on `data`, as `edgernn.verify` has it (by default 0.5 points
            of accuracy or AUC, 2 per cent of RMSE or perplexity). Without targets, so many per cent of the choices may
            differ from the model's, and the error over the outputs' spread must be within `verify`'s tolerance.
        data: of auto: samples to measure on, with targets under `y` where there are some; by default samples that are
            kept aside from the calibration.
        board: of auto: the name of a board that the artifact must fit.
        explain: find out of every tensor what it costs the answer; see `edgernn.explain`. Of auto, in the scheme that
            is kept.
        on_progress: is told what is being done.

    Raises:
        InputError: bad options, model, samples or output path; nothing is written then.
        UnsupportedError: the model, or what would be written, breaks rules; all of them are named.
        EnvironmentProblem: a package is missing, or the disk is full.
        NothingHolds: of auto: no scheme is within the limit; nothing is written then. Its `choice` has the table.
        InternalError: its runtime, where that is installed, does not run the artifact; nothing is written then.
    """
    start = time.perf_counter()
    quantize, format = scheme_named(quantize), format_named(format)
    target = None if target is None else target_named(target)
    model = joined(model, architecture)
    if calibration is not None:
        calibration = read_once(calibration, "calibration")
    if quantize == AUTO:
        from edgernn.choosing import choose

        chosen = {
            "target": target,
            "steps": steps,
            "form": form,
            "io": io,
            "clip": clip,
            "format": one_of("format", format, FORMATS),
            "name": name,
            "streaming": streaming,
            "hop": hop,
            "lookahead": lookahead,
            "state": state,
            "force": force,
            "kernels": kernels,
            "max_error": max_error,
            "strict": strict,
            "measure": measure,
        }
        data = read_once(data, "data") if data is not None else None
        return choose(
            model, output, chosen, calibration, data, max_loss, board, on_progress or _ignore, explain=explain
        )
    if given := [
        name for name, value in (("max-loss", max_loss), ("data", data), ("board", board)) if value is not None
    ]:
        raise InputError(
            f"{given[0]}: is for a scheme that is chosen. Found: quantize '{quantize}'.",
            hint="give --quantize auto, or leave it out; 'edgernn verify' and 'profile' judge a file that is there.",
        )
    target = "phone" if target is None else target
    if one_of("format", format, FORMATS) == "c":
        from edgernn.conversion_c import convert_c

        if form is not None:
            raise InputError("form: is of a .tflite's loops; C has one form.", hint="leave --form out.")
        if state is not None:
            raise InputError("state: is of a .tflite; C has a struct for it.", hint="leave --state out.")
        if kernels is not None:
            raise InputError("kernels: are of a .tflite; C brings its own.", hint="leave --kernels out.")
        streams = stream_options(streaming, hop, lookahead, None, {}, "c")
        report = on_progress or _ignore
        if strict or max_error is not None:
            raise InputError("max-error, strict: are of a .tflite; C has 16-bit activations.", hint="leave them out.")
        return convert_c(
            model, output, quantize, io, clip, calibration, steps, name, streams, force, measure, explain, report
        )
    if force:
        raise InputError("force: is for a folder of C.", hint="give --format c, or leave --force out.")
    if name is not None:
        raise InputError("name: is the prefix of identifiers in C.", hint="give --format c, or leave --name out.")
    streams = stream_options(streaming, hop, lookahead, state, _STATES, target)
    options = replace(options_of(quantize, target, form, io, clip), stream=streams, float_functions=not strict)
    libraries = promised(target, kernels)
    if streams is not None and form in ("fused", "unrolled"):
        raise InputError(f"form '{form}': is of a whole window; a step has no loop.", hint="leave --form out.")
    if explain:
        check_explainable(options.scheme, options.form, measure=measure)
    if options.scheme in INTEGER_SCHEMES and calibration is None:
        raise no_samples(options.scheme, "dynamic")
    if output is not None:
        check_writable(output, parents=True)
        check_overwrites(output, model, calibration)
    report = on_progress or _ignore
    report("reading the model")
    read = read_window(model, steps, calibration, streaming=streaming)
    samples = _calibration(calibration, read)
    inputs = samples.inputs if samples is not None and options.scheme in INTEGER_SCHEMES else None
    ends = input_type(options.io, read.graph, inputs, fixed=io is not None or "Ethos-U" in libraries)
    options = replace(options, io=one_of("io", ends.io, IOS), by_feature=ends.by_feature)
    odd = calibration_notes(read.graph, inputs) if inputs is not None else ()
    limit = _limit(max_error, options.scheme, strict=strict, measure=measure)
    recordings = samples.recordings if samples is not None and options.stream is not None else 0
    rehearsed = None
    if samples is not None and measure:
        report("measuring what its precision costs")
        typed = io not in (None, "float32")  # floats stay floats, whatever is computed behind them
        fixed = {value.name for value in (*read.graph.inputs, *read.graph.outputs)} if typed else set()
        rehearsed = rehearse(
            read, options, samples, recordings, limit, frozenset(fixed), clip=clip is None, explain=explain
        )
        options = replace(options, clip=rehearsed.clip)
    precision = rehearsed.precision if rehearsed is not None else None
    reason = ends.reason or widened_ends(options.io, read.graph, precision)
    report("compiling" if samples is None else f"calibrating with {samples.count} samples and compiling")
    fine, wide = (frozenset[str](), frozenset[str]()) if precision is None else (precision.fine, precision.wide)
    inputs = samples.inputs if samples is not None else None
    prepared = prepare(read.graph, options, inputs, recordings, fine)
    content = write_artifact(prepared, options, describe(read, options), wide)
    keep_promise(content, libraries)
    report("opening it")
    not_opened = check_opens(content, options.target.name, read.graph, samples, read.macs)
    measured = rehearsed.measured if rehearsed is not None else None
    explained = None
    if explain:
        harmed = rehearsed.harmed if rehearsed is not None else ()
        aside = measured is not None and measured.aside
        known = settings_of(options, limit, aside=aside)
        explained = explanation(subject_of(prepared, options, wide), harmed, known, measured)
    if output is not None:
        make_parents(output)
        atomic_write(output, content)
    return ConvertResult(
        artifact=Path(output) if output is not None else None,
        content=content,
        size=len(content),
        parameters=read.parameters,
        macs=read.macs,
        macs_per_step=read.macs_per_step,
        scheme=options.scheme,
        target=options.target.name,
        form="step" if options.stream is not None else options.form,
        io=options.io,
        clip=options.clip if options.scheme in INTEGER_SCHEMES else None,
        seconds=time.perf_counter() - start,
        notes=(
            *((reason,) if reason else ()),
            *read.notes,
            *(samples.notes if samples is not None else ()),
            *odd,
            *(side_notes(prepared.calibrated, wide) if prepared.calibrated is not None else ()),
            *ends.notes(prepared.calibrated.units if prepared.calibrated is not None else ()),
            *not_opened,
            *told(measured, precision, limit, _better(options)),
        ),
        io_reason=reason,
        measured=measured,
        precision=precision,
        explanation=explained,
    )


def _better(options: Options) -> str:
    """The scheme that errs less, and costs more."""
    if "dynamic" in options.target.schemes:
        return "dynamic"
    return "int16x8" if options.scheme == "int8" else "float32"


def _limit(max_error: float | None, scheme: Scheme, *, strict: bool, measure: bool) -> float | None:
    """The error beyond which tensors are widened; None where none may be."""
    if scheme not in INTEGER_SCHEMES and (strict or max_error is not None):
        raise InputError(
            f"max-error, strict: are of the schemes int8 and int16x8. Found: '{scheme}'.",
            hint="leave them out, or choose --quantize int8.",
        )
    if strict and max_error is not None:
        raise InputError("strict: keeps 8 bits at any error. Found: max-error too.", hint="leave one of them out.")
    if max_error is not None and not 0 < max_error < math.inf:
        raise InputError(f"max-error: must be larger than 0. Found: {max_error:g}.", hint="0.01 is one per cent.")
    if strict or not measure or scheme not in INTEGER_SCHEMES:
        return None
    return MAX_ERROR if max_error is None else max_error


def describe(read: ReadModel, options: Options) -> dict[str, Any]:
    """What an artifact says about itself."""
    from edgernn import __version__

    found = {
        "edgernn": __version__,
        "scheme": options.scheme,
        "target": options.target.name,
        "source": read.source_hash[:_HASH_DIGITS],
    }
    if options.stream is not None:  # what a step costs is counted, since its size is all that counts
        return found
    cost = {"parameters": read.parameters, "macs": read.macs, "macs_per_step": read.macs_per_step}
    return {**found, "form": options.form, "io": options.io, **cost}


def _ignore(stage: str) -> None:
    """Nobody wants to know."""


def read_window(model: Any, steps: int | None, calibration: Source | None, *, streaming: bool) -> ReadModel:
    """Read the Keras model; a stream of one that leaves the number of steps open is that of a window of any length."""
    source, digest = read_source(model)
    if streaming and steps is None and any(value.shape and value.shape[0] is None for value in source.inputs):
        rank = max(len(value.shape) for value in source.inputs) + 1
        given = 0 if calibration is None else steps_in(calibration, "calibration", rank)
        steps = given or _ANY_STEPS
    return read_keras(source, digest, steps=steps)


def _calibration(source: Source | None, read: ReadModel) -> Samples | None:
    return (
        None
        if source is None
        else load_samples(source, read.graph, "calibration", with_targets=False, stateful=read.stateful)
    )
