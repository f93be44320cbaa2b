"""Runs an artifact once in a process of its own, which may crash or hang: kernels trust what a file says.

What only a fresh process can tell is measured on the way: the cold start and the growth of its resident memory.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from edgernn import guarded
from edgernn.converters.tflite.counting import count
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.litert import makers_hint, refused
from edgernn.devices.host.session import open_session
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import InputError

_SECONDS, _LONGEST = 60.0, 1800.0  # limits for a model without and with any number of multiply-accumulates
_SLOWEST = 1e7  # multiply-accumulates per second


class LoadedOnlyError(InputError):
    """A runtime loads an artifact and gives it memory, but does not run it."""


@dataclass(frozen=True)
class FreshRun:
    """What one run in a fresh process showed; its runtime had been imported, nothing else.

    Attributes:
        load_us: microseconds to read the model and make an interpreter.
        allocate_us: to plan and take memory, delegates included.
        first_invoke_us: to compute once, on noise.
        rss_bytes: growth of the process's resident set meanwhile, which includes the parts of the runtime itself that
            are used for the first time; 0 where the system does not tell.
    """

    load_us: float
    allocate_us: float
    first_invoke_us: float
    rss_bytes: int

    @property
    def cold_start_us(self) -> float:
        """From the model's bytes to the first answer."""
        return self.load_us + self.allocate_us + self.first_invoke_us


def probe(file: TfliteFile, runtime: str, *, threads: int = 1) -> FreshRun:
    """Run an artifact once on noise in another process.

    Args:
        file: the artifact.
        runtime: as `open_session` takes it.
        threads: how many LiteRT may use.

    Raises:
        InputError: the runtime refuses the artifact, crashes on it, or does not come to an end; LoadedOnlyError if it
            was loaded before it was refused.
        EnvironmentProblem: the runtime is not installed.
    """
    limit = min(_SECONDS + (count(file).macs or 0) / _SLOWEST, _LONGEST)
    try:
        with guarded.Child(fresh=True) as child:
            return child.call(_run_once, file.content, runtime, threads, seconds=limit)
    except guarded.ChildError as error:
        reason = error.reason.replace("it crashed", "the runtime crashed")
        raise _broken(runtime, file, reason) from error


def _broken(runtime: str, file: TfliteFile, found: str) -> InputError:
    return InputError(
        f"artifact: must run on {runtime}. Found: {found}.",
        hint=makers_hint(file),
    )


def _run_once(content: bytes, runtime: str, threads: int) -> FreshRun:
    file = read_tflite(content)
    if runtime == "micro":
        from edgernn.devices.host.micro import find_micro_interpreter

        find_micro_interpreter()
    else:
        from edgernn.devices.host.litert import find_interpreter

        find_interpreter()
    before = _resident_bytes()
    session = open_session(file, runtime, threads=threads)
    session.feed({info.name: info.noise() for info in session.inputs})
    failure: InputError | None = None
    with captured_stderr() as report:
        start = time.perf_counter()
        try:
            session.invoke()
        except InputError as error:
            failure = error
        first = time.perf_counter() - start
    if failure is not None:
        if runtime == "micro" and report:  # its Python errors do not say why, its kernels do
            failure = refused("TFLite-Micro", file, failure, report[0])
        raise LoadedOnlyError(failure.message, hint=failure.hint)
    opening = session.opening
    return FreshRun(1e6 * opening.load, 1e6 * opening.allocate, 1e6 * first, max(0, _resident_bytes() - before))


def _resident_bytes() -> int:
    """The process's resident set now; where there is no /proc, the largest that it ever had."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return pages * os.sysconf("SC_PAGE_SIZE")
