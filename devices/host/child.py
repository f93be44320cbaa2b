"""Runs a module of edgernn in a process of its own, so that what it tries cannot hurt this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import edgernn


def run_module(
    module: str, arguments: Sequence[str], content: bytes, *, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m module`` with `content` on its standard input, and wait for its end.

    Args:
        module: its full name.
        arguments: of the command line.
        content: for its standard input.
        seconds: after which it is killed.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    paths = [str(Path(edgernn.__path__[0]).parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        input=content,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
        capture_output=True,
        timeout=seconds,
        check=False,
    )
