"""A compiled folder of C, loaded and called. In a guarded child: its code, its folder and its data may be anybody's.

Arrays come and go as their bytes, so that the child needs no NumPy, whose import takes longer than all the rest of it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from typing import Any

from edgernn.errors import InputError

_ROOM = 64  # bytes behind what the header asks for


class _Model:
    """The library that this process has loaded, and the memory that it works in."""

    def __init__(self, path: str, prefix: str, scratch_bytes: int, state_bytes: int) -> None:
        self.library, self.prefix, self.state_bytes = ctypes.CDLL(path), prefix, state_bytes
        self.scratch = ctypes.create_string_buffer(scratch_bytes + _ROOM)
        self.state = ctypes.create_string_buffer(state_bytes + _ROOM)
        self.kept: list[Any] = []
        self.arguments: list[int] = []

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

    def keep(self, inputs: Sequence[bytes], sizes: Sequence[int]) -> list[Any]:
        """Hold arrays while C has their addresses; those that it fills, of so many bytes each."""
        answers = [ctypes.create_string_buffer(size) for size in sizes]
        self.kept = [*(ctypes.create_string_buffer(array, len(array)) for array in inputs), *answers]
        self.arguments = [ctypes.addressof(array) for array in self.kept]
        return answers


_models: list[_Model] = []  # the only one


def load(path: str, prefix: str, scratch_bytes: int, state_bytes: int) -> None:
    """Load the library that every later call is about."""
    _models[:] = [_Model(path, prefix, scratch_bytes, state_bytes)]


def run(inputs: Sequence[bytes], sizes: Sequence[int]) -> list[bytes]:
    """Run a whole sequence; its outputs, of so many bytes each."""
    (model,) = _models
    answers = model.keep(inputs, sizes)
    model.function("run", len(model.kept) + 1)(*model.arguments, ctypes.addressof(model.scratch))
    return [answer.raw for answer in answers]


def take_times(inputs: Sequence[bytes], sizes: Sequence[int], count: int, seconds: float) -> list[float]:
    """Seconds of each of `count` runs, or of as many as are over within some time, one at least."""
    (model,) = _models
    model.keep(inputs, sizes)
    function = model.function("run", len(model.kept) + 1)
    arguments = (*model.arguments, ctypes.addressof(model.scratch))
    times = [0.0] * count
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


def step(inputs: Sequence[bytes], sizes: Sequence[int]) -> tuple[list[bytes], bytes]:
    """Take a step of the stream; its answers, and its state then."""
    (model,) = _models
    answers = model.keep(inputs, sizes)
    function = model.function("step", len(model.kept) + 2)
    function(ctypes.addressof(model.state), *model.arguments, ctypes.addressof(model.scratch))
    return [answer.raw for answer in answers], model.state.raw[: model.state_bytes]
