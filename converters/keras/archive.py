"""Opens the files in which Keras keeps a model: `.keras` (a zip) and `.h5`. Nothing in them is run or unpickled."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgernn.converters.keras.hdf5 import LARGEST, member, text
from edgernn.errors import InputError, missing_extra

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_LARGEST_CONFIG = 1 << 26  # bytes
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
_SAVE_HINT = "save the whole model with model.save('model.keras')."


@dataclass(frozen=True)
class Archive:
    """A model file whose configuration has been read and whose weights have not.

    Attributes:
        config: the decoded JSON of the model.
        keras_major: generation of the Keras that wrote it.
        by_layer_name: weights are kept per layer name (`.h5`), not per place in the model (`.keras`).
        open_weights: opens the HDF5 group with the weights, for as long as the context lasts.
    """

    config: object
    keras_major: int
    by_layer_name: bool
    open_weights: Callable[[], AbstractContextManager[Any]]


def open_archive(path: Path) -> Archive:
    """Read the configuration of a model file.

    Raises:
        InputError: missing, not a Keras model, truncated, damaged, or without an architecture.
        EnvironmentProblem: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "convert", "reading Keras models") from error
    start = _first_bytes(path)
    if start.startswith(b"PK"):
        return _open_zip(path)
    try:
        is_hdf5 = h5py.is_hdf5(path)
    except (OSError, ValueError):
        is_hdf5 = False
    if is_hdf5 or start.startswith(b"\x89HDF"):
        return _open_h5(path)
    found, hint = "another kind of file", "give a .keras or .h5 file that Keras saved."
    if not start:
        found = "an empty file"
    elif start[4:8] == b"TFL3":
        found, hint = "a .tflite model", "convert from the Keras model that it was made from."
    elif start.lstrip().startswith(b"{"):
        found, hint = "JSON without weights", _SAVE_HINT
    raise InputError(f"model '{path}': must be a Keras model. Found: {found}.", hint=hint)


def _first_bytes(path: Path) -> bytes:
    """The beginning of a file, or the error that says why there is none."""
    try:
        if path.is_dir():
            found, hint = "a folder", "give a .keras or .h5 file."
            if (path / "saved_model.pb").exists():
                found, hint = "a TensorFlow SavedModel", "load it in Keras and save it with model.save('model.keras')."
            raise InputError(f"model '{path}': must be a file. Found: {found}.", hint=hint)
        with path.open("rb") as stream:
            return stream.read(64)
    except FileNotFoundError as error:
        message = f"model '{path}': must be an existing file. Found: none."
        raise InputError(message, hint="check the path.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"model '{path}': must be readable. Found: {error}.", hint="check the path.") from error


def _damaged(path: Path, error: BaseException) -> InputError:
    found = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return InputError(
        f"model '{path}': must be a complete Keras file. Found: damaged or truncated: {found}.",
        hint="copy or save the model again.",
    )


def _decode(path: Path, content: bytes | str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def _major(version: object) -> int | None:
    digits = str(version).split(".")[0]
    return int(digits) if digits.isdecimal() and len(digits) < 3 else None


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
            config = _extract(path, archive, _CONFIG, _LARGEST_CONFIG)
            metadata = _extract(path, archive, _METADATA, _LARGEST_CONFIG) if _METADATA in names else b"{}"
    except _ZIP_ERRORS as error:
        raise _damaged(path, error) from error
    version = _decode(path, metadata)
    major = _major(version.get("keras_version")) if isinstance(version, dict) else None
    return Archive(_decode(path, config), major or 3, False, lambda: _zipped_weights(path))


def _extract(path: Path, archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """A member of the zip, unless it is of a size that only an attack has."""
    info = archive.getinfo(name)
    if info.file_size > largest or (info.file_size > (1 << 26) and info.file_size > 100 * info.compress_size):
        found = f"{info.file_size} bytes packed into {info.compress_size}"
        message = f"model '{path}': '{name}' must be at most {largest} bytes, packed at most 100 to 1. Found: {found}."
        raise InputError(message, hint="save the model again with Keras.")
    return archive.read(info)


@contextmanager
def _zipped_weights(path: Path) -> Iterator[Any]:
    import h5py

    try:
        with zipfile.ZipFile(path) as archive:
            content = _extract(path, archive, _WEIGHTS, LARGEST)
    except _ZIP_ERRORS as error:
        raise _damaged(path, error) from error
    with _opened(path, lambda: h5py.File(io.BytesIO(content), "r")) as file:
        yield file


@contextmanager
def _opened(path: Path, opener: Callable[[], Any]) -> Iterator[Any]:
    """An HDF5 file; what the library says about a damaged one becomes an error of ours."""
    try:
        with opener() as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def _open_h5(path: Path) -> Archive:
    import h5py

    def opener() -> Any:
        return h5py.File(path, "r", locking=False)

    @contextmanager
    def weights() -> Iterator[Any]:
        with _opened(path, opener) as file:
            group = member(file, "model_weights")
            if group is None:
                message = f"model '{path}': must hold 'model_weights'. Found: none."
                raise InputError(message, hint=_SAVE_HINT)
            yield group

    with _opened(path, opener) as file:
        if "model_config" not in file.attrs:
            only_weights = "layer_names" in file.attrs or any(name in file for name in ("layers", "vars"))
            found = "weights without an architecture" if only_weights else "another kind of HDF5 file"
            raise InputError(f"model '{path}': must be a whole Keras model. Found: {found}.", hint=_SAVE_HINT)
        config = _decode(path, text(file.attrs["model_config"]))
        major = _major(text(file.attrs["keras_version"])) if "keras_version" in file.attrs else None
    return Archive(config, major or 2, True, weights)
