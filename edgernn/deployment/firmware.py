"""The source of a firmware that puts a model behind a serial port."""

from __future__ import annotations

from pathlib import Path

from edgernn import __version__
from edgernn.converters.c.seals import sealed
from edgernn.deployment.job import content_hash
from edgernn.devices.host.c import CProject
from edgernn.devices.serial.source import firmware_files
from edgernn.errors import InputError
from edgernn.files import explained
from edgernn.owned_folder import MANIFEST, check_folder, manifest, write_folder
from edgernn.running import read_artifact
from edgernn.templates import license_text

SCHEMA = "edgernn.firmware"


def write_firmware(artifact: Path, folder: Path, *, force: bool = False) -> tuple[list[Path], tuple[str, ...]]:
    """Write the model's sources and those of the serial line into one folder; the board adds two functions.

    Args:
        artifact: a folder of C.
        folder: of the firmware; the folders above it are made too.
        force: whether it may hold other files; none of them is deleted or overwritten.

    Returns:
        What was written, and which of the user's files are kept under another name.

    Raises:
        InputError: the artifact is no folder of C, or the folder is not ours or cannot be written.
        EnvironmentProblem: the disk is full.
    """
    check_folder(folder, SCHEMA, force=force)
    read = read_artifact(artifact)
    if not isinstance(read.content, CProject):
        raise InputError("artifact: must be a folder of C. Found: a .tflite.", hint="convert --format c.")
    digest = content_hash(read)
    texts = {path.name: path.read_text(encoding="utf-8") for path in read.content.sources}
    texts = sealed({**texts, **firmware_files(read.content, digest)})
    texts["LICENSE"] = license_text()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explained(folder, error) from error
    about = {"schema": SCHEMA, "version": 1, "edgernn": __version__, "artifact": digest}
    notes = write_folder(folder, {**texts, MANIFEST: manifest(about, texts)}, force=force)
    return [folder / name for name in texts], notes
