"""Keras recurrent models on phones, Raspberry Pi and microcontrollers.

The verbs of the command line are functions here: ``edgernn.recipes``, ``edgernn.train``, ``edgernn.check``,
``edgernn.convert``, ``edgernn.explain`` (``convert --explain``), ``edgernn.inspect``, ``edgernn.verify``,
``edgernn.deploy``, ``edgernn.profile``, ``edgernn.compare`` and ``edgernn.doctor``; ``edgernn.load`` opens an artifact
and asks it, as ``edgernn predict`` does, and ``edgernn.boards`` is what ``edgernn devices`` lists. Each is imported
when it is first used, so that ``import edgernn`` is cheap. A module must not bear a verb's name: importing it would put
the module in the function's place.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgernn.checking import CheckResult, check
    from edgernn.comparison.comparing import compare
    from edgernn.conversion import convert
    from edgernn.converted import ConvertResult
    from edgernn.deployment.deploy import deploy
    from edgernn.devices.boards import boards
    from edgernn.diagnosis import doctor
    from edgernn.errors import (
        CheckFailed,
        EdgernnError,
        EnvironmentProblem,
        InputError,
        InternalError,
        UnsupportedError,
    )
    from edgernn.explaining import explain
    from edgernn.explanation import Explanation
    from edgernn.inspection import Inspection, inspect
    from edgernn.predictor import Predictor, load
    from edgernn.profiling.profiler import Profile, profile
    from edgernn.streaming.session import StreamingSession
    from edgernn.training import TrainResult, recipes, train
    from edgernn.verification import verify
    from edgernn.verified import VerifyResult

    __version__: str

_HOMES = {
    "CheckFailed": "edgernn.errors",
    "CheckResult": "edgernn.checking",
    "ConvertResult": "edgernn.converted",
    "EdgernnError": "edgernn.errors",
    "EnvironmentProblem": "edgernn.errors",
    "Explanation": "edgernn.explanation",
    "InputError": "edgernn.errors",
    "Inspection": "edgernn.inspection",
    "InternalError": "edgernn.errors",
    "Predictor": "edgernn.predictor",
    "Profile": "edgernn.profiling.profiler",
    "StreamingSession": "edgernn.streaming.session",
    "TrainResult": "edgernn.training",
    "UnsupportedError": "edgernn.errors",
    "VerifyResult": "edgernn.verified",
    "boards": "edgernn.devices.boards",
    "check": "edgernn.checking",
    "compare": "edgernn.comparison.comparing",
    "convert": "edgernn.conversion",
    "deploy": "edgernn.deployment.deploy",
    "doctor": "edgernn.diagnosis",
    "explain": "edgernn.explaining",
    "inspect": "edgernn.inspection",
    "load": "edgernn.predictor",
    "profile": "edgernn.profiling.profiler",
    "recipes": "edgernn.training",
    "train": "edgernn.training",
    "verify": "edgernn.verification",
}

__all__ = [
    "CheckFailed",
    "CheckResult",
    "ConvertResult",
    "EdgernnError",
    "EnvironmentProblem",
    "Explanation",
    "InputError",
    "Inspection",
    "InternalError",
    "Predictor",
    "Profile",
    "StreamingSession",
    "TrainResult",
    "UnsupportedError",
    "VerifyResult",
    "__version__",
    "boards",
    "check",
    "compare",
    "convert",
    "deploy",
    "doctor",
    "explain",
    "inspect",
    "load",
    "profile",
    "recipes",
    "train",
    "verify",
]

own_process = False  # the command line sets it: no other program's threads are in this process


if not TYPE_CHECKING:  # or a checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        """Import a verb, or read the installed version, on first use."""
        if name == "__version__":
            value: Any = _version()
        elif name in _HOMES:
            value = getattr(import_module(_HOMES[name]), name)
        else:
            raise AttributeError(f"module 'edgernn' has no attribute '{name}'")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgernn")
    except PackageNotFoundError:  # imported from a source tree that was never installed
        return "0+unknown"
