"""Work as counts of what is executed, which no load on the machine changes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

Place = tuple[str, int]
"""A file and a line of it."""


def lines(work: Callable[[], object]) -> Counter[Place]:
    """How often each line of Python runs, one time for each round of a loop in it."""
    seen: Counter[Place] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "line":
            seen[frame.f_code.co_filename, frame.f_lineno] += 1
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        work()
    finally:
        sys.settrace(before)
    return seen


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, those in C too."""
    count = 0

    def watch(_frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count
