"""Can a model be converted, to what, and what would it cost? Answered without samples, so before any training."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edgernn.conversion import convert
from edgernn.converted import ConvertResult, OnProgress
from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.source import joined, read_source
from edgernn.converters.tflite.liveness import peak_activation_bytes
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.boards import Board, boards
from edgernn.errors import EdgernnError, EnvironmentProblem, InputError, InternalError, UnsupportedError
from edgernn.owned_folder import MANIFEST
from edgernn.profiling.fit import Fit, check_fit_c
from edgernn.profiling.needs import artifact_fit, c_needs, on_micro
from edgernn.quantization.weights_only import white_noise
from edgernn.result import Bar, Result
from edgernn.running import read_artifact
from edgernn.streaming.description import describe
from edgernn.targets import TARGETS

C_SCHEMES = ("float32", "int8")
_STEPS = 100  # where a model leaves them open


@dataclass(frozen=True)
class Way:
    """A kind of artifact.

    Attributes:
        target: phone, micro, or c.
        scheme: of quantization.
        size: bytes of the file; of C, of its constants; None where it is refused.
        memory: bytes: of a phone the tensors that live at once, of a micro the smallest arena that works, of C its
            working memory; None where it is not known.
        boards: names of those that it fits, of those that it is for.
        too_small: names of those that cannot hold it; what is not known, as without TFLite-Micro, is neither.
        refused: why it cannot be made, or does not run; else empty.
    """

    target: str
    scheme: str
    size: int | None = None
    memory: int | None = None
    boards: tuple[str, ...] = ()
    too_small: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, repr=False)
class CheckResult(Result):
    """What can become of a model.

    Attributes:
        obstacles: every broken rule, with what to do about it; empty of a model that can be converted.
        parameters: of the Keras model; 0 where it cannot be read.
        macs: multiply-accumulates per inference.
        macs_per_step: of that, per time step.
        inputs: shapes without the batch axis, by name.
        outputs: likewise.
        ways: every kind of artifact, with what it costs.
        streams: whether it can be fed frame by frame.
        stream_reason: why not; or, of a stream, its hop and its delay in words.
        notes: what a user might not expect.
    """

    obstacles: tuple[tuple[str, str], ...]
    parameters: int = 0
    macs: int = 0
    macs_per_step: int = 0
    inputs: dict[str, tuple[int, ...]] | None = None
    outputs: dict[str, tuple[int, ...]] | None = None
    ways: tuple[Way, ...] = ()
    streams: bool = False
    stream_reason: str = ""
    notes: tuple[str, ...] = ()

    def figures(self) -> list[tuple[str, object]]:
        """See `edgernn.result.Result`."""
        if self.obstacles:
            return [("convertible", "no"), *(("obstacle", message) for message, _ in self.obstacles)]
        return [
            ("convertible", "yes" if self.convertible else "no"),
            ("parameters", self.parameters),
            ("multiply-accumulates", self.macs),
            ("as a stream", self.stream_reason if self.streams else f"no: {self.stream_reason}"),
        ]

    def bars(self) -> list[Bar]:
        """The bytes of every kind of artifact."""
        made = [way for way in self.ways if way.size is not None]
        return [Bar(f"{way.target} {way.scheme}", way.size or 0, f"{way.size:,} bytes") for way in made]

    def to_dict(self) -> dict[str, Any]:
        """See `edgernn.result.Result`; the command adds the path of the model."""
        return {
            "schema": "edgernn.check",
            "version": 1,
            "convertible": self.convertible,
            "obstacles": [{"message": message, "hint": hint} for message, hint in self.obstacles],
            "parameters": self.parameters,
            "macs": self.macs,
            "macs_per_step": self.macs_per_step,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "ways": [
                {
                    "target": way.target,
                    "scheme": way.scheme,
                    "bytes": way.size,
                    "memory_bytes": way.memory,
                    "boards": way.boards,
                    "too_small": way.too_small,
                    "refused": way.refused or None,
                }
                for way in self.ways
            ],
            "streams": self.streams,
            "stream": self.stream_reason,
            "notes": self.notes,
        }

    @property
    def convertible(self) -> bool:
        """Whether any kind of artifact can be made of it."""
        return any(not way.refused for way in self.ways)


def check(
    model: Any,
    *,
    steps: int | None = None,
    architecture: str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
) -> CheckResult:
    """Say whether a model can be converted, to what, and what each kind of artifact costs.

    Everything is really converted, with noise in place of samples, so that sizes and memory are those of the code that
    would run; only what 8 bits would harm on real data, and would then get 16, is not known yet. Weights may be random.

    Args:
        model: a Keras model, trained or not, or a `.keras` or `.h5` file.
        steps: number of time steps, for a model that leaves it open.
        architecture: of a `model` that holds only weights, the JSON file of Keras's `model.to_json()`.
        on_progress: is told what is being done.

    Returns:
        All obstacles at once, or the costs.

    Raises:
        InputError: the model is missing or damaged.
    """
    report = on_progress or (lambda stage: None)
    report("reading the model")
    model = joined(model, architecture)
    try:
        source, digest = read_source(model)
    except UnsupportedError as error:
        return CheckResult(tuple(error.broken))
    is_open = steps is None and any(value.shape and value.shape[0] is None for value in source.inputs)
    try:
        read = read_keras(source, digest, steps=_STEPS if is_open else steps)
    except InputError as error:
        return CheckResult(tuple(error.broken))
    noise, _ = white_noise(read.graph)
    convert_it = _Convert(
        model, {"steps": _STEPS if is_open else steps, "calibration": noise, "measure": False}, report
    )
    streams, reason = _stream(convert_it)
    notes = read.notes
    if is_open:
        notes += (f"the model leaves the number of steps open: these are figures of {_STEPS}; give --steps.",)
    return CheckResult(
        (),
        read.parameters,
        read.macs,
        read.macs_per_step,
        {value.name: value.shape for value in read.graph.inputs},
        {value.name: value.shape for value in read.graph.outputs},
        tuple(_ways(convert_it)),
        streams,
        reason,
        notes,
    )


@dataclass(frozen=True)
class _Convert:
    """Conversions of one model."""

    model: Any
    options: dict[str, Any]
    report: OnProgress

    def __call__(self, scheme: str, what: str, **more: Any) -> ConvertResult:
        self.report(f"{scheme} for {what}")
        return convert(self.model, quantize=scheme, **{**self.options, **more})


def _ways(convert_it: _Convert) -> Iterator[Way]:
    """Every target's schemes, from the smallest on, then those of C."""
    for target in TARGETS.values():
        able = [board for board in boards() if (board.runtime == "micro") == (target.name == "micro")]
        found = [_tflite(convert_it, target.name, scheme, able) for scheme in target.schemes]
        yield from sorted(found, key=_by_size)
    yield from sorted((_c(convert_it, scheme) for scheme in C_SCHEMES), key=_by_size)


def _by_size(way: Way) -> float:
    return math.inf if way.size is None else way.size


def _tflite(convert_it: _Convert, target: str, scheme: str, able: Sequence[Board]) -> Way:
    try:
        made = convert_it(scheme, f"a {target}", target=target)
    except (InputError, InternalError, EnvironmentProblem) as error:
        return Way(target, scheme, refused=_sentence(error))
    micro = on_micro(made.content) if target == "micro" else None
    refused = micro.reason if micro is not None and not micro.runs else ""
    fits = [artifact_fit(board, made.content, micro) for board in able]
    if target == "micro":
        memory = micro.smallest if micro is not None else None
    else:
        memory = peak_activation_bytes(read_tflite(made.content))
    return Way(target, scheme, made.size, memory, *_names(fits), refused)


def _c(convert_it: _Convert, scheme: str) -> Way:
    try:
        made = convert_it(scheme, "C", format="c")
    except (InputError, InternalError, EnvironmentProblem) as error:
        return Way("c", scheme, refused=_sentence(error))
    needs = c_needs(json.loads(made.files[MANIFEST]))
    fits = [check_fit_c(board, needs) for board in boards() if board.runtime == "micro"]
    return Way("c", scheme, needs.constant_bytes, needs.working_bytes, *_names(fits))


def _names(fits: Sequence[Fit]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the boards that it fits, and of those that are too small; what was not measured is neither."""
    fitting, small = ([fit.board.name for fit in fits if fit.fits is found] for found in (True, False))
    return tuple(fitting), tuple(small)


def _stream(convert_it: _Convert) -> tuple[bool, str]:
    try:
        made = convert_it("float32", "a stream", streaming=True)
    except (InputError, InternalError) as error:
        return False, _sentence(error)
    read = read_artifact(made.content)
    stream = describe(read.own, read.inputs, read.outputs)
    late = f", {stream.delay} frames late" if stream.delay else ""
    return True, f"{stream.hop} frame{'s' if stream.hop > 1 else ''} at a time{late}"


def _sentence(error: EdgernnError) -> str:
    return " ".join(error.message.split())
