"""Where large constants are: in a file that was mapped, whose pages need not stay in memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from typing import Any

import numpy as np

from edgernn.graph.graph import Graph


def let_go(arrays: Iterable[np.ndarray]) -> None:
    """Let the system take back the memory of arrays that lie in a mapped file.

    They stay what they are: whoever reads one again has it read from the file. A conversion calls this between its
    stages, so that a model is not in memory once more for each of them.
    """
    if not hasattr(mmap, "MADV_DONTNEED"):
        return
    maps: dict[int, mmap.mmap] = {}
    for array in arrays:
        base: Any = array
        while base is not None and not isinstance(base, mmap.mmap):
            base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
        if base is not None:
            maps[id(base)] = base
    for found in maps.values():
        found.madvise(mmap.MADV_DONTNEED)


def constants(graph: Graph) -> list[np.ndarray]:
    """The data of a graph's constants, once for each node that reads them."""
    return [value.data for node in graph.walk() for value in node.inputs if value.data is not None]
