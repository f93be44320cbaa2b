"""The source of a firmware that puts a model behind a serial port."""

from __future__ import annotations

from pathlib import Path

from edgernn.deployment.job import content_hash
from edgernn.devices.host.c import CProject
from edgernn.devices.serial.source import firmware_files
from edgernn.errors import InputError
from edgernn.files import atomic_write, explained
from edgernn.running import read_artifact


def write_firmware(artifact: Path, folder: Path) -> list[Path]:
    """Write the model's sources and those of the serial line into one folder; the board adds two functions.

    Raises:
        InputError: the artifact is no folder of C, or the folder cannot be written.
    """
    read = read_artifact(artifact)
    if not isinstance(read.content, CProject):
        raise InputError("artifact: must be a folder of C. Found: a .tflite.", hint="convert --format c.")
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((read.content.folder / "src").iterdir())}
    texts |= firmware_files(read.content, content_hash(read))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explained(folder, error) from error
    return [atomic_write(folder / name, text) for name, text in texts.items()]
