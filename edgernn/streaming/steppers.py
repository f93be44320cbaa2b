"""One step of a stream on each runtime: a hop of frames in, answers out, and the states in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from edgernn.devices.host.c import CProject, CSession, storage
from edgernn.devices.host.session import Array, Session, TensorInfo
from edgernn.streaming.description import Description


class Stepper(Protocol):
    """A stream that is ready to run.

    Attributes:
        inputs: a hop of each input.
        outputs: of one step.
        description: the runtime.
        has_states: whether `states` tells them.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    description: str
    has_states: bool

    def advance(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """One step."""

    def reset(self) -> None:
        """Begin anew."""

    def states(self) -> Iterator[tuple[str, Array]]:
        """The states as they are now, by name."""


class TensorStepper:
    """A .tflite whose states are inputs and outputs, or are kept by the runtime."""

    def __init__(self, session: Session, stream: Description) -> None:
        """Begin a stream on an open session."""
        self._session = session
        given, answered = len(stream.timed), len(stream.answers)
        self.inputs, self.outputs = session.inputs[:given], session.outputs[:answered]
        self._states = session.inputs[given:]
        self._next = [info.name for info in session.outputs[answered:]]
        self._initial = {info.name: initial_state(info, stream.states.get(info.name, 0)) for info in self._states}
        self.description, self.has_states = session.description, bool(self._states)
        self._now = dict(self._initial)
        self._fresh = True

    def advance(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """One step."""
        found = self._session.run({**values, **self._now})
        self._now = {info.name: found[name] for info, name in zip(self._states, self._next, strict=True)}
        self._fresh = False
        return found

    def reset(self) -> None:
        """Begin anew."""
        self._now = dict(self._initial)
        if not self._states and not self._fresh:
            self._session.reset()
        self._fresh = True

    def states(self) -> Iterator[tuple[str, Array]]:
        """The states as they are now."""
        yield from self._now.items()


def at_ends(states: Iterable[tuple[str, Array]], initial: Mapping[str, Array]) -> Iterator[str]:
    """The names of the integer states of which an element lies at an end of its range, rings of inputs left out."""
    for name, array in states:
        if array.dtype.kind != "i" or "/ring" in name:
            continue
        ends = np.iinfo(array.dtype)
        # A maximum begins at the lowest number, and waits there for its first frame.
        moved = array != initial[name]
        if (moved & ((array == ends.min) | (array == ends.max))).any():
            yield name


def initial_state(info: TensorInfo, number: Any) -> Array:
    """A state before the first step: 0 stands for zeros, a list of one for many that are equal."""
    if number == 0:
        return np.full(info.shape, info.zero_point, info.dtype)
    values = np.asarray(number, info.dtype)
    return np.full(info.shape, values[0]) if values.size == 1 else np.reshape(values, info.shape)


class CStepper:
    """A folder of C, compiled for this machine."""

    def __init__(self, project: CProject, stream: Description) -> None:
        """Compile it and begin a stream."""
        self._session = CSession(project)
        self.description, self.has_states = self._session.description, True
        self.inputs, self.outputs = step_tensors(project, stream)
        self._layout = project.own["states"]
        self.reset()

    def advance(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """One step."""
        answers, self._state = self._session.step(values, self.inputs, self.outputs)
        return answers

    def reset(self) -> None:
        """Begin anew."""
        self._state = self._session.begin_stream()

    def states(self) -> Iterator[tuple[str, Array]]:
        """The states as they are now, where they lie in the struct."""
        for state in self._layout:
            dtype = storage(state["dtype"])
            yield state["name"], np.frombuffer(self._state, dtype, int(state["count"]), int(state["offset"]))


def step_tensors(project: CProject, stream: Description) -> tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]]:
    """Inputs and outputs of one step of a folder of C."""
    inputs = tuple(
        replace(info, shape=_hop_shape(info.shape, stream.hop)) if timed else info
        for info, timed in zip(project.inputs, stream.timed, strict=True)
    )
    outputs = tuple(
        replace(info, shape=_hop_shape(info.shape, answer.per_hop)) if answer.per_hop else info
        for info, answer in zip(project.outputs, stream.answers, strict=True)
    )
    return inputs, outputs


def _hop_shape(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    return (1, *shape[2:]) if count == 1 else (1, count, *shape[2:])
