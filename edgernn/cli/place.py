"""Where an artifact goes: as the user says, or under a name of its own beside the model."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from edgernn.errors import InputError
from edgernn.files import names_folder


def artifact_place(output: str | None, model: Path, format: str, quantize: str, target: str, *, streaming: bool) -> str:
    """The path to write to. What has no name of the user's gets one, and overwrites nothing.

    Args:
        output: the user's; a folder for a file in it, or None for one beside the model.
        model: that is converted.
        format: tflite or c.
        quantize: the scheme.
        target: phone or micro; empty for the usual one.
        streaming: whether it is a stream.

    Raises:
        InputError: what would be made is there already.
    """
    c = format == "c"
    if output is not None and (c or not (names_folder(output) or os.path.isdir(output))):
        return output
    parts = [model.stem or "model"]
    parts += [quantize] if quantize != "float32" else []
    parts += [target] if target not in ("", "phone") and not c else []
    parts += ["stream"] if streaming else []
    name = "-".join(parts) + ("-c" if c else ".tflite")
    place = str(model.with_name(name)) if output is None else os.path.join(output, name)
    if os.path.lexists(place):
        raise InputError(
            f"output: must be named where it would replace a file. Found: '{place}', which is there.",
            hint=f"-o {shlex.quote(place)} replaces it; or choose another path with -o.",
        )
    return place
