"""TFLite-Micro, the C++ runtime of microcontrollers, built for this machine, and the arena that an artifact takes.

Pointers have 64 bits here, so an arena is a little larger than on a 32-bit device.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.litert import refused
from edgernn.devices.host.session import Array, Opening, Runtime, tensor_infos
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import missing_extra

PACKAGE = "tflite-micro"
MODULE = "tflite_micro.python.tflite_micro.runtime"
ALIGNMENT = 16
_FIRST_ARENA, _LARGEST_ARENA = 1 << 24, 1 << 30
_TOO_SMALL = re.compile(r"missing: (\d+)|Too many buffers")


@dataclass(frozen=True)
class Arena:
    """Bytes of arena that stay allocated while an artifact is loaded, as the interpreter reports them.

    Attributes:
        used: in total.
        head: tensors, which share memory over time.
        tail: structures of the interpreter and of its operators, which stay.
    """

    used: int
    head: int
    tail: int


def find_micro_interpreter() -> Any:
    """The class `Interpreter` of TFLite-Micro's package.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    try:
        from tflite_micro.python.tflite_micro.runtime import Interpreter
    except ImportError as error:
        raise missing_extra(PACKAGE, "micro", "Running a .tflite file on TFLite-Micro") from error
    return Interpreter


class MicroSession:
    """An artifact in a TFLite-Micro interpreter; see `edgernn.devices.host.session.Session`."""

    runtime: Runtime = "micro"

    def __init__(self, file: TfliteFile, arena_bytes: int = 0) -> None:
        """Load the file.

        Args:
            file: the artifact.
            arena_bytes: size of the arena; 0 finds one that is large enough.

        Raises:
            InputError: TFLite-Micro refuses the file.
            EnvironmentProblem: TFLite-Micro is not installed.
        """
        interpreter = find_micro_interpreter()
        self.description = f"{PACKAGE} {metadata.version(PACKAGE)}"
        self.inputs, self.outputs = tensor_infos(file), tensor_infos(file, outputs=True)
        self._file = file
        size = arena_bytes or _FIRST_ARENA
        while True:
            with captured_stderr() as report:
                failure = self._load(interpreter, size)
            if failure is None:
                self._size = size
                return
            lacks = _TOO_SMALL.search("".join(report))
            size = 4 * size + int(lacks[1] or 0) if lacks else size
            if arena_bytes or not lacks or size > _LARGEST_ARENA:
                raise refused("TFLite-Micro", file, failure, "".join(report)) from failure

    def _load(self, interpreter: Any, size: int) -> Exception | None:
        start = time.perf_counter()
        try:
            self.interpreter = interpreter.from_bytes(self._file.content, arena_size=size)
            self.opening = Opening(time.perf_counter() - start, 0.0)
        except Exception as error:  # the bindings have no common class of errors
            return error
        return None

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run once."""
        self.feed(values)
        self.invoke()
        return {info.name: np.array(self.interpreter.get_output(k)) for k, info in enumerate(self.outputs)}

    def feed(self, values: Mapping[str, Array]) -> None:
        """Set the inputs only."""
        arrays = [np.ascontiguousarray(values[info.name]) for info in self.inputs]
        try:
            for index, array in enumerate(arrays):
                self.interpreter.set_input(array, index)
        except Exception as error:
            raise refused("TFLite-Micro", self._file, error) from error

    def invoke(self) -> None:
        """Compute only, from the inputs that were fed last."""
        try:
            self.interpreter.invoke()
        except Exception as error:
            raise refused("TFLite-Micro", self._file, error) from error

    def reset(self) -> None:
        """Forget the state.

        The runtime's own reset fills variables with zero bytes and does not run a CALL_ONCE again, which sets them to
        what they begin with; a new interpreter does.
        """
        if "CALL_ONCE" in self._file.operators:
            self._load(find_micro_interpreter(), self._size)
        else:
            self.interpreter.reset()

    def arena(self) -> Arena:
        """What stays allocated; complete only after a run."""
        with captured_stderr() as report:
            self.interpreter.print_allocations()
        used, head, tail = (
            int(re.findall(rf"Arena allocation {part} (\d+) bytes", report[0])[-1])
            for part in ("total", "head", "tail")
        )
        return Arena(used, head, tail)
