"""A stream as the window model that it came from: fed frame by frame from its beginning, its answers put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.session import Array, Opening, Runtime, Session, TensorInfo
from edgernn.errors import InputError
from edgernn.graph import Graph
from edgernn.running import Artifact
from edgernn.streaming.description import Description, describe, hop_of
from edgernn.streaming.steppers import TensorStepper


@dataclass(frozen=True)
class Window(Artifact):
    """A streamed artifact, its inputs and outputs those of a window."""

    stream: Description
    steps: int

    def open(self, runtime: str, device: str | None = None) -> Session:
        """Ready to run over whole windows."""
        return WindowSession(super().open(runtime, device), self)


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
    wide = any(len(value.shape) > 1 for value in graph.inputs)
    window = window_of(artifact, max((v.shape[0] for v in graph.inputs if len(v.shape) > wide), default=0))
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
    """Every run begins the stream anew; see `edgernn.devices.host.session.Session`."""

    def __init__(self, session: Session, window: Window) -> None:
        """Put a window's steps around the session of one."""
        self._stepper = TensorStepper(session, window.stream)
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
        self._stepper.reset()
        parts: dict[str, list[Array]] = {info.name: [] for info in self.outputs}
        for hop in range(self._window.steps // stream.hop):
            span = slice(hop * stream.hop, (hop + 1) * stream.hop)
            frames = {
                info.name: np.reshape(self._fed[info.name][:, span], info.shape) if timed else self._fed[info.name]
                for info, timed in zip(self._stepper.inputs, stream.timed, strict=True)
            }
            found = self._stepper.advance(frames)
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
        """A run begins anew by itself."""
