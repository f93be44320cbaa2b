"""Functions for worker processes, which import them by name."""

from __future__ import annotations

import os
import signal
import time


def double(number: int) -> int:
    return 2 * number


def pid(_: int) -> int:
    return os.getpid()


def fail(text: str) -> None:
    raise ValueError(text)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def chatter() -> int:
    os.write(1, b"to stdout\n")
    os.write(2, b"to stderr\n")
    return int(os.environ["OMP_NUM_THREADS"])
