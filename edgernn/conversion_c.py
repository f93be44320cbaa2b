"""Conversion to C: the verb `convert` with the format c."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from edgernn.calibration_notes import calibration_notes
from edgernn.converted import DEFAULT_CLIP, ConvertResult, OnProgress, check_overwrites, no_samples
from edgernn.converters.c.compile import CIo, CScheme, calibrate_c, lower_float, write_functions
from edgernn.converters.c.naming import PART, legal_name, name_from, note_of
from edgernn.converters.c.project import SCHEMA, project_files
from edgernn.converters.c.reference import evaluate_reals
from edgernn.converters.keras.reader import read_model
from edgernn.errors import InputError, one_of
from edgernn.explanation import check_explainable, explanation
from edgernn.feature_units import FeatureUnits
from edgernn.files import make_parents
from edgernn.input_types import input_type
from edgernn.measuring import keep_aside, measured_distances, told
from edgernn.names import c_scheme
from edgernn.owned_folder import check_folder, write_folder
from edgernn.passes import MaskInput
from edgernn.quantization.advice import Settings
from edgernn.quantization.explained import Subject, Tensor
from edgernn.quantization.precision import MAX_ERROR
from edgernn.ranges import CLIP_METHODS
from edgernn.samples import Source, load_samples
from edgernn.streaming.options import StreamOptions
from edgernn.targets import MICRO
from edgernn.threads import one_thread

SCHEMES: tuple[CScheme, ...] = ("float32", "int8")
IOS: tuple[CIo, ...] = ("int8", "int16", "float32")


@one_thread()
def convert_c(
    model: Any,
    output: str | os.PathLike[str] | None,
    quantize: str,
    io: str | None,
    clip: str | None,
    calibration: Source | None,
    steps: int | None,
    name: str | None,
    streams: StreamOptions | None,
    force: bool,
    measure: bool,
    explain: bool,
    report: OnProgress,
) -> ConvertResult:
    """Convert a Keras model to a folder of C; the arguments are those of `edgernn.convert`.

    Raises:
        InputError: as `edgernn.convert`; or an operator has no form in C, or an accumulator could pass 32 bits.
        EnvironmentProblem: Jinja is not installed, or the disk is full.
    """
    from edgernn import __version__

    start = time.perf_counter()
    c_scheme(quantize)
    scheme = one_of("scheme", quantize, SCHEMES)
    wanted_io = _io(scheme, io)
    kept = one_of("clip", clip, CLIP_METHODS) if clip is not None else DEFAULT_CLIP
    if explain:
        check_explainable(scheme, "", measure=measure)
    if scheme == "int8" and calibration is None:
        raise no_samples(scheme, "float32")
    called = os.path.basename(os.path.abspath(output)) if output is not None else PART
    prefix = legal_name(name) if name is not None else name_from(called)
    if output is not None:
        check_folder(Path(output), SCHEMA, force=force)
        check_overwrites(output, model, calibration)
    report("reading the model")
    read = read_model(model, steps=steps)
    samples = None
    if scheme == "int8" and calibration is not None:
        samples = load_samples(calibration, read.graph, "calibration", with_targets=False, stateful=read.stateful)
    ends = input_type(wanted_io, read.graph, samples.inputs if samples is not None else None, fixed=io is not None)
    wanted_io = one_of("io", ends.io, IOS)
    odd = calibration_notes(read.graph, samples.inputs) if samples is not None else ()
    measured, harmed = None, list[Tensor]()
    if samples is not None and measure:
        report("measuring what its precision costs")
        used, aside = keep_aside(samples)
        calibrated = calibrate_c(read.graph, wanted_io, kept, used.inputs, used.recordings, by_feature=ends.by_feature)
        found = evaluate_reals(calibrated.integers(), calibrated.inputs(aside.inputs), read.outputs)
        measured = measured_distances(read, aside, found, "its arithmetic in NumPy", aside=used is not samples)
        if explain:
            harmed = Subject.of(calibrated, frozenset(), MICRO.costs).harmed(calibrated.inputs(aside.inputs))
    report("compiling" if samples is None else f"calibrating with {samples.count} samples and compiling")
    explained, masks, units = None, tuple[MaskInput, ...](), dict[str, FeatureUnits]()
    if samples is None:
        graph = lower_float(read.graph)
    else:
        inputs, recordings = samples.inputs, samples.recordings
        calibrated = calibrate_c(read.graph, wanted_io, kept, inputs, recordings, by_feature=ends.by_feature)
        graph, masks, units = calibrated.whole(), calibrated.masks, dict(calibrated.units)
        if explain:
            aside_too = measured is not None and measured.aside
            settings = Settings(scheme, "c", wanted_io, kept, MAX_ERROR, widens=False, aside=aside_too)
            explained = explanation(Subject.of(calibrated, frozenset(), MICRO.costs), harmed, settings, measured)
    hop, lookahead = (streams.hop, streams.lookahead) if streams is not None else (None, 0)
    if streams is not None:
        streams.apply(graph)  # refuses what has no step, which is otherwise only noted
    program = write_functions(graph, prefix, masks, hop, lookahead, units)
    about = {
        "version": __version__,
        "source": read.source_hash[:16],
        "parameters": read.parameters,
        "macs": read.macs,
        "macs_per_step": read.macs_per_step,
        "scheme": scheme,
        "io": wanted_io,
    }
    files = project_files(program, prefix, about)
    if output is not None:
        make_parents(output)
    kept_files = write_folder(Path(output), files, force=force) if output is not None else ()
    return ConvertResult(
        artifact=Path(output) if output is not None else None,
        content=b"",
        size=sum(array.nbytes for array in program.constants.arrays.values()),
        parameters=read.parameters,
        macs=read.macs,
        macs_per_step=read.macs_per_step,
        scheme=scheme,
        target="c",
        form="step and run" if program.step is not None else "run",
        io=wanted_io,
        clip=kept if scheme == "int8" else None,
        seconds=time.perf_counter() - start,
        io_reason=ends.reason,
        notes=(
            *ends.reasons,
            *kept_files,
            *read.notes,
            *(samples.notes if samples is not None else ()),
            *odd,
            *ends.notes(units),
            *(note_of(called, prefix) if name is None else ()),
            *([f"there is no step function: {program.no_step}."] if program.step is None else []),
            *told(measured, None, None),
        ),
        files=files,
        measured=measured,
        explanation=explained,
    )


def _io(scheme: CScheme, wanted: str | None) -> CIo:
    if scheme == "int8":
        return one_of("io", wanted, IOS) if wanted is not None else "int8"
    if wanted not in (None, "float32"):
        raise InputError(
            f"io: must be float32 for scheme 'float32'. Found: '{wanted}'.",
            hint="leave --io out, or choose --quantize int8.",
        )
    return "float32"
