"""How much arena an artifact takes on TFLite-Micro.

The interpreter is the C++ runtime of microcontrollers, built for this machine. Pointers have 64 bits here, so an arena
is a little larger than on a 32-bit device.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child import run_module

ARENA_LIMIT = 1 << 24
ALIGNMENT = 16


@dataclass(frozen=True)
class Arena:
    """Bytes of arena that one artifact takes.

    Attributes:
        used: what stays allocated, as the interpreter reports it (head and tail).
        required: the smallest arena in which the artifact starts and runs. Planning where the tensors go may need more
            room than stays allocated, by tens of KiB if there are hundreds of tensors.
    """

    used: int
    required: int


def micro_interpreter(content: bytes, arena_bytes: int = ARENA_LIMIT) -> Any:
    """A TFLite-Micro interpreter that records its allocations, and needs an `invoke()` before it has any."""
    from tflite_micro.python.tflite_micro.runtime import Interpreter

    return Interpreter.from_bytes(content, arena_size=arena_bytes)


def micro_arena(path: Path) -> Arena:
    """The arena of the artifact at `path`.

    Raises:
        RuntimeError: TFLite-Micro cannot run it; the message ends with the runtime's own words.
    """
    failure: RuntimeError | None = None
    with _captured_stderr() as report:
        try:
            interpreter = micro_interpreter(path.read_bytes())
            interpreter.invoke()
            interpreter.print_allocations()
        except RuntimeError as error:
            failure = error
    words = report[0]
    if failure is not None:
        raise RuntimeError(f"{failure}: {words.partition(chr(10))[0]}") from failure
    match = re.search(r"Arena allocation total (\d+) bytes", words)
    if match is None:
        raise RuntimeError(f"TFLite-Micro reported no arena but {words[:200]!r}")
    used = int(match[1])
    return Arena(used, _smallest_arena(path, used))


def _smallest_arena(path: Path, used: int) -> int:
    """The smallest arena from `used` on that is large enough, in steps of 16 bytes."""
    if runs_in(path, used):
        return used
    too_small, enough = used // ALIGNMENT * ALIGNMENT, 2 * used
    while not runs_in(path, enough):
        too_small, enough = enough, 2 * enough
    while enough - too_small > ALIGNMENT:
        middle = (too_small + enough) // 2 // ALIGNMENT * ALIGNMENT
        if runs_in(path, middle):
            enough = middle
        else:
            too_small = middle
    return enough


def runs_in(path: Path, arena_bytes: int) -> bool:
    """Whether TFLite-Micro runs the artifact in an arena of that size.

    It is tried in a process of its own: some kernels do not check whether they were given memory and crash.
    """
    return not run_module("benchmarks.micro", path, arena_bytes).failure


@contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """Collect what C++ code writes to file descriptor 2; the text is in the list once the block has ended."""
    report: list[str] = []
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield report
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            report.append(file.read().decode(errors="replace"))


if __name__ == "__main__":  # python -m benchmarks.micro ARTIFACT ARENA_BYTES
    micro_interpreter(Path(sys.argv[1]).read_bytes(), int(sys.argv[2])).invoke()
    print(json.dumps({"runs": True}))
