"""A compiled folder of C, loaded and called. In a guarded child: its code, its folder and its data may be anybody's."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError

Array = NDArray[Any]
Form = tuple[tuple[int, ...], str]  # shape and type of an array that is to be filled

_ROOM = 64  # bytes behind what the header asks for


class _Model:
    """The library that this process has loaded, and the memory that it works in."""

    def __init__(self, path: str, prefix: str, scratch_bytes: int, state_bytes: int) -> None:
        self.library, self.prefix, self.state_bytes = ctypes.CDLL(path), prefix, state_bytes
        self.scratch = ctypes.create_string_buffer(scratch_bytes + _ROOM)
        self.state = ctypes.create_string_buffer(state_bytes + _ROOM)
        self.kept: list[Array] = []
        self.arguments: list[Any] = []

    def function(self, verb: str, pointers: int) -> Any:
        name = f"{self.prefix}_{verb}"
        try:
            function = getattr(self.library, name)
        except AttributeError as error:
            raise InputError(
                f"artifact: its C must have the function '{name}'. Found: none.", hint="convert again."
            ) from error
        function.restype, function.argtypes = None, [ctypes.c_void_p] * pointers
        return function

    def keep(self, inputs: Sequence[Array], outputs: Sequence[Form]) -> list[Array]:
        """Hold arrays while C has their addresses; those that it fills."""
        answers = [np.zeros(shape, dtype) for shape, dtype in outputs]
        self.kept = [*inputs, *answers]
        self.arguments = [array.ctypes.data for array in self.kept]
        return answers


_models: list[_Model] = []  # the only one


def load(path: str, prefix: str, scratch_bytes: int, state_bytes: int) -> None:
    """Load the library that every later call is about."""
    _models[:] = [_Model(path, prefix, scratch_bytes, state_bytes)]


def run(inputs: Sequence[Array], outputs: Sequence[Form]) -> list[Array]:
    """Run a whole sequence."""
    (model,) = _models
    answers = model.keep(inputs, outputs)
    model.function("run", len(model.kept) + 1)(*model.arguments, ctypes.addressof(model.scratch))
    return answers


def take_times(inputs: Sequence[Array], outputs: Sequence[Form], count: int, seconds: float) -> NDArray[np.float64]:
    """Seconds of each of `count` runs, or of as many as are over within some time, one at least."""
    (model,) = _models
    model.keep(inputs, outputs)
    function = model.function("run", len(model.kept) + 1)
    arguments = (*model.arguments, ctypes.addressof(model.scratch))
    times = np.empty(count)
    clock, done, start = time.perf_counter, 0, time.perf_counter()
    while done < count:
        before = clock()
        function(*arguments)
        after = clock()
        times[done] = after - before
        done += 1
        if after - start >= seconds:
            break
    return times[:done]


def reset() -> bytes:
    """Begin a stream; its state."""
    (model,) = _models
    model.function("reset", 1)(ctypes.addressof(model.state))
    return model.state.raw[: model.state_bytes]


def step(inputs: Sequence[Array], outputs: Sequence[Form]) -> tuple[list[Array], bytes]:
    """Take a step of the stream; its answers, and its state then."""
    (model,) = _models
    answers = model.keep(inputs, outputs)
    function = model.function("step", len(model.kept) + 2)
    function(ctypes.addressof(model.state), *model.arguments, ctypes.addressof(model.scratch))
    return answers, model.state.raw[: model.state_bytes]
