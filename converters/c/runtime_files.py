"""Which of the hand-written headers in runtime/ a program needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

from edgernn.converters.c.compile import Program

_RUNTIME = "edgernn.converters.c.runtime"


def called_headers(program: Program) -> tuple[str, ...]:
    """The files of the runtime whose functions are called."""
    functions = [program.run, *([program.step] if program.step else [])]
    called = set(re.findall(r"edgernn_\w+", "\n".join(line for function in functions for line in function.lines)))
    found: list[str] = []
    for header in sorted(path.name for path in resources.files(_RUNTIME).iterdir() if path.name.endswith(".h")):
        if any(header.startswith(f"{general.removesuffix('.h')}_") for general in found):
            continue  # one processor's form of functions, which the general header includes
        defined = re.findall(r"^static inline [\w ]+?\*?\b(edgernn_\w+)\(", _text(header), re.MULTILINE)
        if called.intersection(defined):
            found.append(header)
    return tuple(found)


def with_included(headers: Sequence[str]) -> dict[str, str]:
    """These headers and those that they include, by name."""
    files: dict[str, str] = {}
    waiting = list(headers)
    while waiting:
        header = waiting.pop()
        if header not in files:
            files[header] = _text(header)
            waiting += re.findall(r'^ *# *include "(edgernn_\w+\.h)"', files[header], re.MULTILINE)
    return dict(sorted(files.items()))


def _text(header: str) -> str:
    return resources.files(_RUNTIME).joinpath(header).read_text(encoding="utf-8")
