"""The hand-written headers that generated C includes."""

from __future__ import annotations

import re
from importlib import resources

INTEGER, FLOAT = "edgernn_integer.h", "edgernn_float.h"
_INCLUDE = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)


def with_includes(*names: str) -> dict[str, str]:
    """The texts of these headers and of all that they include, by name."""
    folder = resources.files("edgernn.converters.c") / "runtime"
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = (folder / name).read_text(encoding="utf-8")
            waiting += _INCLUDE.findall(found[name])
    return dict(sorted(found.items()))
