"""Opens the files in which Keras keeps a model: `.keras` (a zip) and `.h5`. Nothing in them is run or unpickled."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgernn.converters.keras.hdf5 import LARGEST, SIGNATURE, DamagedError, is_hdf5, read_hdf5
from edgernn.converters.keras.json_text import decode
from edgernn.converters.keras.legacy import Version, version_of
from edgernn.converters.keras.tree import Group, with_slashes
from edgernn.errors import InputError, no_room
from edgernn.owned_folder import recover

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_LARGEST_CONFIG = _SMALL = 1 << 26  # bytes
_EXPANSION = 100
_BLOCK = 1 << 20
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
_PLACES = ("layers", "_layer_checkpoint_dependencies")  # of the weights in a `.weights.h5`
_SAVE_HINT = "save the whole model with model.save('model.keras')."


@dataclass(frozen=True)
class Archive:
    """A model file whose configuration has been read and whose weights have not.

    Attributes:
        config: the decoded JSON of the model.
        version: of the Keras that wrote it.
        by_layer_name: weights are kept per layer name (`.h5`), not per place in the model (`.keras`).
        read_weights: reads the HDF5 group with the weights.
    """

    config: object
    version: Version
    by_layer_name: bool
    read_weights: Callable[[], Group]


def open_archive(path: Path) -> Archive:
    """Read the configuration of a model file.

    Raises:
        InputError: missing, not a Keras model, truncated, damaged, or without an architecture.
        EnvironmentProblem: h5py is not installed.
    """
    recover(path)
    start = _first_bytes(path)
    if start.startswith(b"PK"):
        return _open_zip(path)
    with _opened(path) as stream:
        if start.startswith(SIGNATURE[:4]) or is_hdf5(stream):
            return _open_h5(path)
    found, hint = "another kind of file", "give a .keras or .h5 file that Keras saved."
    if not start:
        found = "an empty file"
    elif start[4:8] == b"TFL3":
        found, hint = "a .tflite model", "convert from the Keras model that it was made from."
    elif start.lstrip().startswith(b"{"):
        found = "JSON without weights"
        hint = "give the file of weights, and this one with --architecture; or save the whole model as a .keras."
    raise InputError(f"model '{path}': must be a Keras model. Found: {found}.", hint=hint)


def _first_bytes(path: Path, what: str = "model") -> bytes:
    """The beginning of a file, or the error that says why there is none."""
    try:
        if path.is_dir():
            found, hint = "a folder", "give a .keras or .h5 file."
            if (path / "saved_model.pb").exists():
                found, hint = "a TensorFlow SavedModel", "load it in Keras and save it with model.save('model.keras')."
            raise InputError(f"{what} '{path}': must be a file. Found: {found}.", hint=hint)
        with path.open("rb") as stream:
            return stream.read(64)
    except FileNotFoundError as error:
        message = f"{what} '{path}': must be an existing file. Found: none."
        raise InputError(message, hint="check the path.") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error, what) from error


def _unreadable(path: Path, error: Exception, what: str = "model") -> InputError:
    return InputError(f"{what} '{path}': must be readable. Found: {error}.", hint="check the path.")


def _damaged(path: Path, error: BaseException) -> InputError:
    found = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return InputError(
        f"model '{path}': must be a complete Keras file. Found: damaged or truncated: {found}.",
        hint="copy or save the model again.",
    )


def _decode(path: Path, content: bytes | str) -> object:
    try:
        return decode(content)
    except ValueError as error:
        raise _damaged(path, error) from error


def _open_zip(path: Path) -> Archive:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if _CONFIG not in names:
                message = f"model '{path}': must be a Keras model. Found: a zip without {_CONFIG}."
                raise InputError(message, hint=_SAVE_HINT)
            if _WEIGHTS not in names:
                other = next((name for name in sorted(names) if name.startswith("model.weights")), "no weights")
                message = f"model '{path}': weights must be in {_WEIGHTS}. Found: {other}."
                raise InputError(message, hint="load it in Keras and save it with model.save('model.keras').")
            config, metadata = io.BytesIO(), io.BytesIO()
            _extract(path, archive, _CONFIG, _LARGEST_CONFIG, config)
            if _METADATA in names:
                _extract(path, archive, _METADATA, _LARGEST_CONFIG, metadata)
    except _ZIP_ERRORS as error:
        raise _damaged(path, error) from error
    about = _decode(path, metadata.getvalue() or b"{}")
    said = about.get("keras_version") if isinstance(about, dict) else None
    entry = _decode(path, config.getvalue())
    return Archive(entry, version_of(entry, said or "3.0"), False, lambda: _zipped_weights(path))


def _extract(path: Path, archive: zipfile.ZipFile, name: str, largest: int, target: BinaryIO) -> None:
    """Unpack a member of the zip, unless it is of a size that only an attack has; what is unpacked counts."""
    info = archive.getinfo(name)
    allowed = min(largest, max(_SMALL, _EXPANSION * info.compress_size))
    size = info.file_size
    if size <= allowed:
        size = 0
        with archive.open(info) as stream:
            while size <= allowed and (block := stream.read(_BLOCK)):  # a read without a size would unpack at once
                size += len(block)
                try:
                    target.write(block)
                    target.flush()
                except OSError as error:
                    raise no_room(error) from error
    if size > allowed:
        found = f"{size} bytes or more packed into {info.compress_size}"
        message = f"model '{path}': '{name}' must be at most {largest} bytes, packed at most {_EXPANSION} to 1."
        raise InputError(f"{message} Found: {found}.", hint="save the model again with Keras.")


def _zipped_weights(path: Path) -> Group:
    with tempfile.TemporaryFile() as content:
        try:
            with zipfile.ZipFile(path) as archive:
                _extract(path, archive, _WEIGHTS, LARGEST, content)
        except _ZIP_ERRORS as error:
            raise _damaged(path, error) from error
        return with_slashes(_group(path, content, skip=("optimizer",)))


def _group(
    path: Path, stream: BinaryIO, name: str = "", *, attributes_only: bool = False, skip: tuple[str, ...] = ()
) -> Group:
    """A group of an HDF5 file."""
    try:
        found = read_hdf5(stream, name, attributes_only=attributes_only, skip=skip)
    except DamagedError as error:
        raise _damaged(path, error) from error
    if not isinstance(found, Group):
        raise InputError(f"model '{path}': must hold '{name}'. Found: none.", hint=_SAVE_HINT)
    return found


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _open_h5(path: Path) -> Archive:
    def weights() -> Group:
        with _opened(path) as stream:
            return _group(path, stream, "model_weights")

    with _opened(path) as stream:
        root = _group(path, stream, attributes_only=True)
    if "model_config" not in root.attrs:
        if not _holds_weights(root):
            message = f"model '{path}': must be a whole Keras model. Found: another kind of HDF5 file."
            raise InputError(message, hint=_SAVE_HINT)
        raise InputError(
            f"model '{path}': must be a whole Keras model. Found: weights without an architecture.",
            hint="give the architecture, as Keras's model.to_json() writes it, with --architecture model.json; or, in "
            "Python, load the weights into the model and call edgernn.convert(model).",
        )
    config = _decode(path, str(root.attrs["model_config"]))
    return Archive(config, version_of(config, root.attrs.get("keras_version")), True, weights)


def _holds_weights(root: Group) -> bool:
    """Whether a file is one that Keras's `save_weights` wrote."""
    return "layer_names" in root.attrs or any(name in root.members for name in ("vars", *_PLACES))


def open_weights(path: Path, architecture: Path) -> Archive:
    """Like `open_archive`, of weights whose configuration is in a file of its own.

    Args:
        path: of the weights: an `.h5` or `.weights.h5` file, or a whole model whose own configuration is not read.
        architecture: of the JSON that Keras's `model.to_json()` gave.

    Raises:
        InputError: as `open_archive`; or a file is of another kind.
        EnvironmentProblem: h5py is not installed.
    """
    start = _first_bytes(architecture, "architecture")
    if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b'"')):
        message = f"architecture '{architecture}': must be the JSON of a Keras model. Found: another kind of file."
        raise InputError(message, hint="write it with open('model.json', 'w').write(model.to_json()).")
    if architecture.stat().st_size > _LARGEST_CONFIG:
        message = f"architecture '{architecture}': must have at most {_LARGEST_CONFIG} bytes. Found: more."
        raise InputError(message, hint="write it again with model.to_json().")
    entry = _decode(architecture, architecture.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    if isinstance(entry, str):  # somebody gave the text of to_json() to json.dump
        entry = _decode(architecture, entry)
    if _first_bytes(path).startswith(b"PK"):
        return Archive(entry, version_of(entry, None), False, _open_zip(path).read_weights)
    with _opened(path) as stream:
        if not is_hdf5(stream):
            message = f"model '{path}': must be an HDF5 file of weights. Found: another kind of file."
            raise InputError(message, hint="give what model.save_weights('model.weights.h5') wrote.")
        root = _group(path, stream, attributes_only=True)
    whole = "model_weights" in root.members
    if not whole and not _holds_weights(root):
        message = f"model '{path}': must be an HDF5 file of weights. Found: another kind of HDF5 file."
        raise InputError(message, hint="give what model.save_weights('model.weights.h5') wrote.")
    version = version_of(entry, root.attrs.get("keras_version"))

    def weights() -> Group:
        with _opened(path) as stream:
            return with_slashes(_group(path, stream, "model_weights" if whole else "", skip=("optimizer",)))

    return Archive(entry, version, whole or "layer_names" in root.attrs, weights)
