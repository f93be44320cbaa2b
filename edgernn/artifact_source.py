"""What takes an artifact takes its path, its bytes, or the result of the conversion that made it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from edgernn.errors import InputError


@runtime_checkable
class Converted(Protocol):
    """The result of a conversion, as far as others need it; see `edgernn.converted.ConvertResult`."""

    @property
    def artifact(self) -> Path | None:
        """Where it was written."""

    @property
    def content(self) -> bytes:
        """Of a .tflite; nothing of C."""


ArtifactSource = str | os.PathLike[str] | bytes | Converted


def source_of(artifact: Any) -> str | os.PathLike[str] | bytes:
    """The path or the bytes.

    Args:
        artifact: an `ArtifactSource`.

    Raises:
        InputError: it is none, or C that was not written.
    """
    if isinstance(artifact, (str, os.PathLike, bytes)):
        return artifact
    if not isinstance(artifact, Converted):
        raise InputError(
            f"artifact: must be a path, the bytes of a .tflite, or what edgernn.convert returns. "
            f"Found: {type(artifact).__name__}.",
            hint="give what edgernn.convert wrote.",
        )
    if artifact.content:
        return artifact.content
    if artifact.artifact is None:
        raise InputError(
            "artifact: C must be in a folder to be compiled. Found: the result of a conversion that wrote none.",
            hint="give edgernn.convert an output.",
        )
    return artifact.artifact
