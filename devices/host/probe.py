"""Runs an artifact once in a process of its own, which may crash or hang: kernels trust what a file says.

What only a fresh process can tell is measured on the way: the cold start and the growth of its resident memory.
``python -m edgernn.devices.host.probe RUNTIME THREADS`` reads the file from standard input, runs it once on
noise and prints a `FreshRun` as JSON, or why the runtime refuses it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edgernn.converters.tflite.counting import count
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.child import run_module
from edgernn.devices.host.litert import refused
from edgernn.devices.host.session import open_session
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import EdgernnError, EnvironmentProblem, InputError

_SECONDS, _LONGEST = 60.0, 1800.0  # limits for a model without and with any number of multiply-accumulates
_SLOWEST = 1e7  # multiply-accumulates per second


class LoadedOnlyError(InputError):
    """A runtime loads an artifact and gives it memory, but does not run it."""


_ERRORS: dict[int, type[EdgernnError]] = {  # exit statuses of the child, the more special errors first
    12: LoadedOnlyError,
    10: InputError,
    11: EnvironmentProblem,
}


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
        run = run_module(__name__, [runtime, str(threads)], file.content, seconds=limit)
    except subprocess.TimeoutExpired as error:
        raise _broken(runtime, f"no end within {limit:.0f} s") from error
    if run.returncode < 0:
        raise _broken(runtime, f"the runtime crashed ({signal.Signals(-run.returncode).name})")
    if run.returncode in _ERRORS:
        message, _, hint = run.stdout.decode(errors="replace").strip().partition("\n")
        raise _ERRORS[run.returncode](message, hint=hint)
    if run.returncode:
        words = run.stderr.decode(errors="replace").strip().splitlines()
        raise _broken(runtime, words[-1] if words else f"exit status {run.returncode}")
    return FreshRun(**json.loads(run.stdout))


def _broken(runtime: str, found: str) -> InputError:
    return InputError(
        f"artifact: must run on {runtime}. Found: {found}.",
        hint="the file may be damaged: copy it again, or make it again with edgernn convert.",
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


if __name__ == "__main__":
    try:
        found = _run_once(sys.stdin.buffer.read(), sys.argv[1], int(sys.argv[2]))
        print(json.dumps(asdict(found)))
    except EdgernnError as error:
        print(error.message, error.hint, sep="\n")
        sys.exit(next(status for status, kind in _ERRORS.items() if isinstance(error, kind)))
