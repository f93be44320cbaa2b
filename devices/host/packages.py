"""The packages that bring a LiteRT interpreter, in the order in which one is looked for; nothing is imported here."""

from __future__ import annotations

from typing import NamedTuple


class RuntimePackage(NamedTuple):
    """A package, its module for ``import``, and the module in it that has the class `Interpreter`."""

    package: str
    module: str
    interpreter: str


LITERT_PACKAGES = (
    RuntimePackage("ai-edge-litert", "ai_edge_litert", "ai_edge_litert.interpreter"),
    RuntimePackage("tensorflow", "tensorflow", "tensorflow.lite.python.interpreter"),
    RuntimePackage("tflite-runtime", "tflite_runtime", "tflite_runtime.interpreter"),
)
