"""A stream as the window model that it came from: fed frame by frame from its beginning, its answers put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import Array, Opening, Runtime, Session, TensorInfo
from edgernn.errors import InputError
from edgernn.graph import Graph
from edgernn.running import Artifact
from edgernn.streaming.description import Description, describe, hop_of
from edgernn.streaming.steppers import CStepper, Stepper, TensorStepper, at_ends


@dataclass(frozen=True)
class Window(Artifact):
    """A streamed artifact, its inputs and outputs those of a window.

    Attributes:
        stream: what a step takes and gives.
        steps: of a window.
        goes_on: whether a window begins with the state that the last one left.
    """

    stream: Description
    steps: int
    goes_on: bool = False

    def open(self, runtime: str, device: str | None = None) -> WindowSession:
        """Ready to run over whole windows."""
        return WindowSession(super().open(runtime, device), self)


def as_recording(artifact: Artifact, graph: Graph) -> Window | None:
    """A stream whose windows go on where the last one ended, as those of a stateful Keras model do; None for others.

    A folder of C is run step by step. A stream that answers late has no windows that are whole.

    Args:
        artifact: of any kind.
        graph: of the model, whose inputs tell the number of steps.

    Raises:
        InputError: the model's steps are no multiple of the stream's hop.
    """
    hop = hop_of(artifact.own)
    steps = _steps(graph)
    if not hop or (isinstance(artifact.content, CProject) and (not steps or steps % hop)):
        return None
    if isinstance(artifact.content, CProject):
        stream = describe(artifact.own, artifact.inputs, artifact.outputs)
        found = Window(artifact.content, artifact.own, artifact.inputs, artifact.outputs, stream, steps, goes_on=True)
    else:
        window = as_window(artifact, graph)
        assert isinstance(window, Window), "a .tflite with a hop is a stream"
        found = replace(window, goes_on=True)
    late = any(answer.skip or answer.first for answer in found.stream.answers)
    return None if late else found


def _steps(graph: Graph) -> int:
    """Of the model's window."""
    wide = any(len(value.shape) > 1 for value in graph.inputs)
    return max((value.shape[0] for value in graph.inputs if len(value.shape) > wide), default=0)


def as_window(artifact: Artifact, graph: Graph) -> Artifact:
    """The artifact itself, or, if it is a streamed .tflite, one that looks like the model of a window.

    Its runs may give fewer steps than the model's window: those that answers come later.

    Args:
        artifact: of any kind.
        graph: of the model, whose inputs tell the number of steps.

    Raises:
        InputError: the model's steps are no multiple of the stream's hop.
    """
    if not is_stream(artifact):
        return artifact
    window = window_of(artifact, _steps(graph))
    outputs = []
    for info, answer, value in zip(window.outputs, window.stream.answers, graph.outputs, strict=False):
        outputs.append(replace(info, shape=(1, *value.shape)) if answer.per_hop else info)
    return replace(window, outputs=tuple(outputs))


def is_stream(artifact: Artifact) -> bool:
    """Whether it is a .tflite that takes a hop of frames at a time."""
    return isinstance(artifact.content, TfliteFile) and hop_of(artifact.own) > 0


def window_of(artifact: Artifact, steps: int) -> Window:
    """A streamed .tflite as the model of a window of so many steps.

    Raises:
        InputError: the model's steps are no multiple of the stream's hop.
    """
    stream = describe(artifact.own, artifact.inputs, artifact.outputs)
    if not steps or steps % stream.hop:
        raise InputError(
            f"artifact: its hop of {stream.hop} must divide the model's steps. Found: {steps}.",
            hint="convert with another --hop.",
        )
    inputs = tuple(
        replace(info, shape=(1, steps, *_element(info, stream.hop))) if timed else info
        for info, timed in zip(artifact.inputs, stream.timed, strict=False)
    )
    outputs = []
    for info, answer in zip(artifact.outputs, stream.answers, strict=False):
        count = (steps // stream.hop - answer.skip) * answer.per_hop - answer.first
        outputs.append(replace(info, shape=(1, count, *_element(info, answer.per_hop))) if answer.per_hop else info)
    return Window(artifact.content, artifact.own, inputs, tuple(outputs), stream, steps)


def _element(info: TensorInfo, count: int) -> tuple[int, ...]:
    return info.shape[1:] if count == 1 else info.shape[2:]


class WindowSession:
    """Every run begins the stream anew, unless its windows go on; see `edgernn.devices.host.session.Session`.

    Attributes:
        ended: after how many steps an element of a state lay at an end of its range, by the state's name.
        advanced: how many steps there were.
        states: of a .tflite, those that are inputs.
    """

    def __init__(self, session: Session, window: Window) -> None:
        """Put a window's steps around the session of one."""
        self._stepper: Stepper
        if isinstance(window.content, CProject):
            self._stepper = CStepper(window.content, window.stream)
        else:
            self._stepper = TensorStepper(session, window.stream)
        self.states = session.inputs[len(window.stream.timed) :] if isinstance(window.content, TfliteFile) else ()
        self.ended: dict[str, int] = {}
        self.advanced = 0
        self._initial = {name: array.copy() for name, array in self._stepper.states()}
        self._window = window
        self.runtime: Runtime = session.runtime
        self.description: str = session.description
        self.opening: Opening = session.opening
        self.inputs, self.outputs = window.inputs, window.outputs
        self._fed: Mapping[str, Array] = {}
        self._found: dict[str, Array] = {}

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """One window."""
        self.feed(values)
        self.invoke()
        return self._found

    def feed(self, values: Mapping[str, Array]) -> None:
        """Set the window only."""
        self._fed = values

    def invoke(self) -> None:
        """All steps of the window that was fed last."""
        stream = self._window.stream
        if not self._window.goes_on:
            self._stepper.reset()
        parts: dict[str, list[Array]] = {info.name: [] for info in self.outputs}
        for hop in range(self._window.steps // stream.hop):
            span = slice(hop * stream.hop, (hop + 1) * stream.hop)
            frames = {
                info.name: np.reshape(self._fed[info.name][:, span], info.shape) if timed else self._fed[info.name]
                for info, timed in zip(self._stepper.inputs, stream.timed, strict=True)
            }
            found = self._stepper.advance(frames)
            self.advanced += 1
            for name in at_ends(self._stepper.states(), self._initial):
                self.ended[name] = self.ended.get(name, 0) + 1
            for info, answer in zip(self._stepper.outputs, stream.answers, strict=True):
                if hop >= answer.skip:
                    parts[info.name].append(found[info.name])
        for info, answer in zip(self.outputs, stream.answers, strict=True):
            if not answer.per_hop:
                self._found[info.name] = parts[info.name][-1]
                continue
            rows = np.concatenate([np.reshape(part, (answer.per_hop, -1)) for part in parts[info.name]])[answer.first :]
            rows = rows[: info.shape[1]]
            self._found[info.name] = rows.reshape(info.shape) if rows.size == math.prod(info.shape) else rows[None]

    def reset(self) -> None:
        """Begin anew."""
        self._stepper.reset()
