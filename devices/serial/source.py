"""The firmware's source for one model."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import numpy as np

from edgernn.converters.c.program import C_TYPES
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import TensorInfo
from edgernn.devices.serial.protocol import HASH, header


def firmware_files(project: CProject, digest: str) -> dict[str, str]:
    """Texts by name: edgernn_serial.h and .c, which go beside the model's own sources.

    Args:
        project: the model.
        digest: SHA-256 of its folder, by which host and board know that they have the same.
    """
    inputs, outputs = _named(project.inputs, "in"), _named(project.outputs, "out")
    declared = "".join(f"static {C_TYPES[info.dtype]} {name}[{_count(info)}];\n" for name, info in inputs + outputs)
    read, input_bytes = _copies(inputs, "    memcpy({name}, input + {at}, sizeof {name});\n")
    write, output_bytes = _copies(outputs, "    memcpy(output + {at}, {name}, sizeof {name});\n")
    words = {
        "PROTOCOL": header(),
        "NAME": project.name,
        "TENSORS": declared,
        "HASH": ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(digest)[:HASH]),
        "INPUT_BYTES": str(input_bytes),
        "OUTPUT_BYTES": str(output_bytes),
        "READ": read,
        "WRITE": write,
        "ARGUMENTS": ", ".join(name for name, _ in inputs + outputs),
    }
    found = {}
    for name in ("edgernn_serial.h", "edgernn_serial.c"):
        text = firmware_text(name)
        for key, word in words.items():
            text = text.replace(f"@{key}@", word)
        found[name] = text
    return found


def firmware_text(name: str) -> str:
    """A file of the folder firmware/, as it is."""
    return resources.files(__package__).joinpath("firmware", name).read_text(encoding="utf-8")


def _copies(tensors: Sequence[tuple[str, TensorInfo]], text: str) -> tuple[str, int]:
    """Statements that copy them one after the other, and the bytes of all."""
    lines, at = "", 0
    for name, info in tensors:
        lines += text.format(name=name, at=at)
        at += _count(info) * np.dtype(info.dtype).itemsize
    return lines, at


def _named(infos: Sequence[TensorInfo], word: str) -> list[tuple[str, TensorInfo]]:
    return [(f"{word}{number}", info) for number, info in enumerate(infos)]


def _count(info: TensorInfo) -> int:
    return int(np.prod(info.shape))
