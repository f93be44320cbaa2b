"""In every row of the table, the graph is sound after every pass, not only when it is read and written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from edgernn import compiler, passes
from edgernn.converters.c import compile as c_compiler
from edgernn.graph import Graph
from edgernn.graph.verify import verify
from edgernn.passes import Streamed

_OTHERS = ("quantize", "fold_biases", "dynamic_weights", "half_weights", "map_bodies")


@pytest.fixture(autouse=True)
def verified_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pass that a compiler calls by its name, with a look at what it gave."""
    for module in (compiler, c_compiler):
        for name in (*passes.__all__, *_OTHERS):
            function = getattr(module, name, None)
            if inspect.isfunction(function):
                monkeypatch.setattr(module, name, _verified(function))


def _verified(function: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        for part in result if isinstance(result, tuple) else (result,):
            if isinstance(part, (Graph, Streamed)):
                verify(part.graph if isinstance(part, Streamed) else part)
        return result

    return checked
