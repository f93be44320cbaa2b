"""Tries an artifact in a process of its own, which may crash or hang; kernels trust what a file says.

``python -m edgernn.devices.host.probe RUNTIME [ARENA_BYTES]`` reads the file from standard input, runs it once on zeros
and prints ``ok``, or why the runtime refuses it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

import edgernn
from edgernn.converters.tflite.counting import count
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.session import Session, open_session
from edgernn.errors import EdgernnError, EnvironmentProblem, InputError

_SECONDS, _LONGEST = 60.0, 1800.0  # limits for a model without and with any number of multiply-accumulates
_SLOWEST = 1e7  # multiply-accumulates per second
_ERRORS: dict[int, type[EdgernnError]] = {10: InputError, 11: EnvironmentProblem}  # exit statuses of the child


def probe(file: TfliteFile, runtime: str, *, arena_bytes: int = 0) -> None:
    """Run an artifact once on zeros in another process.

    Args:
        file: the artifact.
        runtime: as `open_session` takes it.
        arena_bytes: size of TFLite-Micro's arena; 0 for any.

    Raises:
        InputError: the runtime refuses the artifact, crashes on it, or does not come to an end.
        EnvironmentProblem: the runtime is not installed.
    """
    paths = [str(Path(edgernn.__path__[0]).parent), os.environ.get("PYTHONPATH", "")]
    limit = min(_SECONDS + (count(file).macs or 0) / _SLOWEST, _LONGEST)
    try:
        run = subprocess.run(
            [sys.executable, "-P", "-m", __name__, runtime, str(arena_bytes)],
            input=file.content,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
            capture_output=True,
            timeout=limit,
            check=False,
        )
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


def _broken(runtime: str, found: str) -> InputError:
    return InputError(
        f"artifact: must run on {runtime}. Found: {found}.",
        hint="the file may be damaged: copy it again, or make it again with edgernn convert.",
    )


def _open(file: TfliteFile, runtime: str, arena_bytes: int) -> Session:
    if not arena_bytes:
        return open_session(file, runtime)
    from edgernn.devices.host.micro import MicroSession

    return MicroSession(file, arena_bytes)


def _run_once(content: bytes, runtime: str, arena_bytes: int) -> None:
    file = read_tflite(content)
    session = _open(file, runtime, arena_bytes)
    session.run({info.name: np.zeros(info.shape, info.dtype) for info in session.inputs})


if __name__ == "__main__":
    try:
        _run_once(sys.stdin.buffer.read(), sys.argv[1], int(sys.argv[2]))
    except EdgernnError as error:
        print(error.message, error.hint, sep="\n")
        sys.exit(next(status for status, kind in _ERRORS.items() if isinstance(error, kind)))
