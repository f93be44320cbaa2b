"""Keras recurrent models on phones, Raspberry Pi and microcontrollers.

The verbs of the command line are functions here: ``edgernn.recipes``, ``edgernn.train``, ``edgernn.check``,
``edgernn.convert``, ``edgernn.explain`` (``convert --explain``), ``edgernn.inspect``, ``edgernn.verify``,
``edgernn.profile`` and ``edgernn.compare``; ``edgernn.load`` opens an artifact and asks it, as ``edgernn predict``
does. Each is imported when it is first used, so that ``import edgernn`` is cheap. A module must not bear a verb's name:
importing it would put the module in the function's place.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_VERBS = {
    "StreamingSession": "edgernn.streaming.session:StreamingSession",
    "check": "edgernn.checking:check",
    "compare": "edgernn.comparison.comparing:compare",
    "convert": "edgernn.conversion:convert",
    "explain": "edgernn.explaining:explain",
    "inspect": "edgernn.inspection:inspect",
    "load": "edgernn.predictor:load",
    "profile": "edgernn.profiling.profiler:profile",
    "recipes": "edgernn.training:recipes",
    "train": "edgernn.training:train",
    "verify": "edgernn.verification:verify",
}

__all__ = [
    "StreamingSession",
    "__version__",
    "check",
    "compare",
    "convert",
    "explain",
    "inspect",
    "load",
    "profile",
    "recipes",
    "train",
    "verify",
]

own_process = False  # the command line sets it: no other program's threads are in this process


def __getattr__(name: str) -> Any:
    """Import a verb, or read the installed version, on first use."""
    if name == "__version__":
        value: Any = _version()
    elif name in _VERBS:
        module, _, attribute = _VERBS[name].partition(":")
        value = getattr(import_module(module), attribute)
    else:
        raise AttributeError(f"module 'edgernn' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgernn")
    except PackageNotFoundError:  # imported from a source tree that was never installed
        return "0+unknown"
