"""Work in a process of its own: the stock converter can die of a segmentation fault, and that is a result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Outcome:
    """What became of a child process.

    Attributes:
        value: the JSON object that it printed last; empty if it failed.
        failure: empty, or why there is no value, in one line.
    """

    value: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


def run_module(module: str, *arguments: object, statuses: tuple[int, ...] = (0,)) -> Outcome:
    """Run `python -m module arguments` from the project's folder and read the JSON object that it prints last.

    Args:
        module: name of the module.
        *arguments: of the command.
        statuses: exit statuses with which there is a result.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Outcome(failure=f"no end within {TIMEOUT_SECONDS} s")
    _, brace, rest = ("\n" + run.stdout).rpartition("\n{")
    if run.returncode not in statuses or not brace:
        return Outcome(failure=_reason(run.returncode, run.stderr))
    return Outcome(value=json.loads("{" + rest))


def _reason(status: int, errors: str) -> str:
    """One line on why a process ended with `status`: the signal, the first error it reported or its last words."""
    if status < 0:
        return signal.Signals(-status).name
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    reported = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (reported[:1] or lines[-1:] or [f"exit status {status}"])[0]
