"""A folder of recordings, with folders in it: every .wav, .csv, .npy and .npz is one, or holds several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgernn.audio.wav import read_wav
from edgernn.errors import InputError
from edgernn.sources.found import TARGETS, Array, Found, Wanted, several
from edgernn.sources.numpy_files import MAGIC, read_numpy
from edgernn.sources.tables import steps_in_table
from edgernn.sources.windows import in_windows

_KINDS = ".wav, .csv, .npy or .npz files"


def read_folder(folder: Path, wanted: Wanted) -> Found:
    """Windows of all recordings, in the order of their paths.

    Raises:
        InputError: there is none, or one of them is not what the model takes; the file is named.
    """
    files = sorted(_files(folder))
    known = [path for path in files if path.suffix.lower() in _READERS]
    if not known:
        raise InputError(
            f"{wanted.where}: must hold recordings: {_KINDS}. Found: {several(len(files), 'file')} of other kinds.",
            hint="give an .npz file, or a folder of recordings.",
        )
    wanted.window  # noqa: B018  # refuses a model of several inputs before anything is read
    taken = known
    if len(known) > wanted.most:
        taken = [known[k] for k in np.linspace(0, len(known) - 1, wanted.most).round().astype(int)]
    recordings = (recording for path in taken for recording in _recordings(path, wanted))
    found = in_windows(recordings, wanted, "recording", len(taken))
    notes = []
    if len(taken) < len(known):
        notes.append(f"{len(taken):,} of {len(known):,} files are taken, evenly spread.")
    if len(known) < len(files):
        notes.append(f"{several(len(files) - len(known), 'file')} of other kinds left out.")
    return Found(found.arrays, (*found.notes, *(f"{wanted.where}: {text}" for text in notes)))


def read_wave(path: Path, wanted: Wanted) -> Found:
    """The windows of one .wav, each step as many samples as it has numbers; channels are averaged."""
    return in_windows([_wave(path, wanted)], wanted, "recording")


def _files(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in names if not name.startswith("."))


def _recordings(path: Path, wanted: Wanted) -> Iterator[Array]:
    where = f"{wanted.where}, file '{path.name}'"
    try:
        yield from _READERS[path.suffix.lower()](path, replace(wanted, where=where))
    except OSError as error:
        message = f"{where}: must be readable. Found: {error.strerror or error}."
        raise InputError(message, hint="remove it from the folder.") from error


def _wave(path: Path, wanted: Wanted) -> Array:
    samples = read_wav(path)[0]
    return samples[: len(samples) // wanted.width * wanted.width].reshape(-1, *wanted.frame)


def _of_wave(path: Path, wanted: Wanted) -> Iterator[Array]:
    yield _wave(path, wanted)


def _of_table(path: Path, wanted: Wanted) -> Iterator[Array]:
    yield steps_in_table(path, wanted)


def _of_numpy(path: Path, wanted: Wanted) -> Iterator[Array]:
    with path.open("rb") as stream:
        if not stream.read(8).startswith(MAGIC):
            raise InputError(f"{wanted.where}: must be an .npz or .npy file. Found: another kind of file.")
    arrays = read_numpy(path, wanted.where)
    others = {name: array for name, array in arrays.items() if name != TARGETS and not name.startswith(f"{TARGETS}_")}
    array = arrays.get(wanted.window.name, next(iter(others.values())) if len(others) == 1 else None)
    if array is None:
        found = ", ".join(f"'{name}'" for name in arrays) or "no array"
        raise InputError(
            f"{wanted.where}: must hold one array, or one named '{wanted.window.name}'. Found: {found}.",
            hint=f"name the array '{wanted.window.name}'.",
        )
    rank = len(wanted.window.shape)
    frame = array.shape[array.ndim - rank + 1 :] if array.ndim >= rank else ()
    if array.ndim not in (rank, rank + 1) or frame != wanted.frame or array.dtype.kind not in "fiub":
        shape = ", ".join(("steps", *map(str, wanted.frame)))
        raise InputError(
            f"{wanted.where}: a recording must be numbers [{shape}]. Found: {array.dtype}{list(array.shape)}.",
            hint="save one recording per file.",
        )
    yield from array if array.ndim > rank else [array]


_READERS: dict[str, Callable[[Path, Wanted], Iterator[Array]]] = {
    ".wav": _of_wave,
    ".csv": _of_table,
    ".tsv": _of_table,
    ".npy": _of_numpy,
    ".npz": _of_numpy,
}
