"""Opens and runs what was just written: everything that a program may ask of it, once. Called in a guarded child."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.litert import LiteRtSession, refused
from edgernn.devices.host.micro import MicroSession
from edgernn.devices.host.session import Array, Session, TensorInfo
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import InputError
from edgernn.running import Pairs, run_samples
from edgernn.samples import Samples
from edgernn.streaming.description import Description, describe, hop_of
from edgernn.streaming.steppers import TensorStepper

_MOST_STEPS = 64  # of a stream that gives its first answer late
_LARGE = 1 << 25  # bytes of a file that is to be in memory once


@dataclass(frozen=True)
class Trial:
    """How it went.

    Attributes:
        runtime: the package and its version.
        not_finite: outputs with numbers that are not finite.
    """

    runtime: str
    not_finite: tuple[str, ...]


def try_out(file: TfliteFile, runtime: str, sample: Mapping[str, Array], content: int) -> Trial:
    """Run an artifact: a sample; of a stream some steps, a reset and another; every signature.

    Args:
        file: the artifact without its content.
        runtime: litert or micro.
        sample: real numbers, ids or masks by name, each with a sample axis of 1; noise is taken for what is not there.
        content: an open file with the artifact's bytes.

    Raises:
        InputError: the runtime refuses it.
        EnvironmentProblem: the runtime is not installed.
    """
    session: Session
    size = os.fstat(content).st_size
    if runtime == "micro":
        session = MicroSession(replace(file, content=os.pread(content, size, 0)))
    else:
        session = LiteRtSession(file, path=f"/dev/fd/{content}", plain=size > _LARGE)
    failure: InputError | None = None
    answers: list[dict[str, Array]] = []
    with captured_stderr() as said:
        try:
            answers = _stream(session, file.own, sample) if hop_of(file.own) else [session.run(_fed(session, sample))]
            _call_signatures(session, file)
        except InputError as error:
            failure = error
    if failure is not None:  # TFLite-Micro's Python errors do not say why, its kernels do
        raise refused("TFLite-Micro", file, failure, said[0]) if runtime == "micro" else failure
    bad = {name for found in answers for name, values in found.items() if not _finite(values)}
    return Trial(session.description, tuple(sorted(bad)))


def answers(file: TfliteFile, pairs: Pairs, samples: Samples, content: int) -> tuple[tuple[Array, ...], str]:
    """An artifact's answers to samples on LiteRT, in the model's order, and the package that gave them.

    Args:
        file: the artifact without its content.
        pairs: which tensor is which.
        samples: to run.
        content: an open file with the artifact's bytes.

    Raises:
        InputError: the runtime refuses it.
        EnvironmentProblem: the runtime is not installed.
    """
    size = os.fstat(content).st_size
    session = LiteRtSession(file, path=f"/dev/fd/{content}", plain=size > _LARGE)
    with captured_stderr():
        return run_samples(session, pairs, samples, lambda done, of: None), session.description


def _call_signatures(session: Session, file: TfliteFile) -> None:
    """Call the entry points beside the main one: a stream's reset."""
    if isinstance(session, LiteRtSession):
        for signature in file.signatures:
            if signature.subgraph:
                try:
                    session.interpreter.get_signature_runner(signature.key)()
                except Exception as error:  # the bindings have no common class of errors
                    raise refused(f"LiteRT ({session.description})", file, error) from error


def _stream(session: Session, own: Mapping[str, Any], sample: Mapping[str, Array]) -> list[dict[str, Array]]:
    """The answers that are valid; before those, a maximum of no frames may be minus infinity, and so may states."""
    stream = describe(own, session.inputs, session.outputs)
    stepper = TensorStepper(session, stream)
    late = max(answer.skip + bool(answer.first) for answer in stream.answers)
    found = []
    for step in range(min(max(2, late + 1), _MOST_STEPS)):
        answers = stepper.advance(_hop(stepper.inputs, stream, sample, step))
        if step >= late:
            found.append({info.name: answers[info.name] for info in stepper.outputs})
    stepper.reset()
    stepper.advance(_hop(stepper.inputs, stream, sample, 0))
    return found


def _hop(
    infos: tuple[TensorInfo, ...], stream: Description, sample: Mapping[str, Array], step: int
) -> dict[str, Array]:
    frames = slice(step * stream.hop, (step + 1) * stream.hop)
    parts = {
        info.name: sample[info.name][:, frames] if timed and info.name in sample else sample.get(info.name)
        for info, timed in zip(infos, stream.timed, strict=True)
    }
    return {info.name: _shaped(info, parts[info.name]) for info in infos}


def _fed(session: Session, sample: Mapping[str, Array]) -> dict[str, Array]:
    return {info.name: _shaped(info, sample.get(info.name)) for info in session.inputs}


def _shaped(info: TensorInfo, real: Array | None) -> Array:
    if real is None or real.size != np.prod(info.shape):  # a mask, or a recording that is too short for the step
        return info.noise()
    return info.quantize(real.reshape(info.shape))


def _finite(values: Array) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
