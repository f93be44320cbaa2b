"""A folder of which we own only what its manifest lists, so that nothing of the user's is ever lost in it.

The manifest, `edgernn.json`, names our files with their SHA-256. Writing the folder again replaces or removes these as
long as they are unchanged. A file that the user has changed, or one of the user's own that is in the way, stays under
the name NAME.orig. Everything else is never touched. The change itself is a `edgernn.swap`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edgernn.errors import InputError
from edgernn.files import ORDINARY, explained, is_read_only, kind_of
from edgernn.swap import STAGING, Swap, blocked, digest_of, is_inside, locked, perform, recover, settle, spare_name

MANIFEST = "edgernn.json"
_LISTED = "files"


def manifest(document: Mapping[str, Any], files: Mapping[str, str | bytes]) -> str:
    """The text of a folder's manifest.

    Args:
        document: what else it says; `schema` says which kind of folder it is.
        files: the contents of all other files by path.
    """
    hashes = {path: hashlib.sha256(_bytes(content)).hexdigest() for path, content in files.items()}
    seal = _seal({**document, _LISTED: hashes})
    return json.dumps({**document, _LISTED: {**hashes, MANIFEST: seal}}, indent=2) + "\n"


def listed_files(document: Mapping[str, Any]) -> dict[str, str]:
    """The files that a manifest lists, besides itself, with their SHA-256; none of one that an older edgernn wrote."""
    found = document.get(_LISTED)
    if not isinstance(found, Mapping):
        return {}
    return {
        path: digest
        for path, digest in found.items()
        if isinstance(path, str) and isinstance(digest, str) and path != MANIFEST and is_inside(path)
    }


def check_folder(folder: Path, schema: str, *, force: bool = False) -> None:
    """Refuse early what `write_folder` would refuse; a write that was broken off is undone.

    Args:
        folder: to be written.
        schema: the kind of folder.
        force: whether it may hold other files.

    Raises:
        InputError: the path is taken by something that an earlier call for this schema did not write.
    """
    if not os.path.lexists(folder):
        return
    try:
        mode = folder.stat().st_mode
        if not stat.S_ISDIR(mode):
            raise _not_ours(folder, kind_of(mode), "choose another path.")
        recover(folder)
        root = Path(os.path.realpath(folder))
        names = os.listdir(root)
        found = _manifest(root) if MANIFEST in names else None
    except FileNotFoundError:  # a link to what is not there yet
        return
    except OSError as error:
        raise explained(folder, error) from error
    if names and not force and (found is None or found.get("schema") != schema):
        what = "a folder with other files" if found is None else f"a folder of '{found.get('schema')}'"
        raise _not_ours(folder, what, "choose another path, or write among them with --force, which deletes nothing.")


def write_folder(folder: Path, files: Mapping[str, str | bytes], *, force: bool = False) -> tuple[str, ...]:
    """Write a folder whole or not at all; of what is there, only what its manifest lists, unchanged, is replaced.

    Args:
        folder: made if it is missing; the one above it must exist.
        files: contents by path, `manifest` of the others among them.
        force: whether the folder may hold other files and be another's.

    Returns:
        What a user must know: which files were kept under another name.

    Raises:
        InputError: it is not ours, a file to replace is read-only, or it cannot be written; it is as it was, or will be
            after the next command that looks at it.
        EnvironmentProblem: the disk is full; likewise.
    """
    document = json.loads(files[MANIFEST])
    check_folder(folder, document["schema"], force=force)
    made = False
    root = Path(os.path.realpath(folder))
    try:
        if not os.path.lexists(root):
            os.mkdir(root)
            made = True
        with locked(root):
            settle(root)
            plan = _Plan(root, {path: _bytes(content) for path, content in files.items()})
            if not plan.is_done:
                perform(root, plan.swap(), plan.contents, plan.modes)
    except BaseException as error:
        if made:
            with contextlib.suppress(OSError):
                os.rmdir(root)
        if isinstance(error, OSError):
            raise explained(folder, error) from error
        raise
    return tuple(plan.notes)


@dataclass
class _Plan:
    """What is to be moved, found by a look at the folder.

    Attributes:
        root: the folder.
        files: contents that it is to have.
        contents: of the files that are not there yet.
        modes: of these; a file that is replaced is never opened to more people than it was.
        notes: which files are kept under another name, and why.
    """

    root: Path
    files: Mapping[str, bytes]
    contents: list[bytes] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _kept: dict[str, str] = field(default_factory=dict)
    _removed: list[str] = field(default_factory=list)
    _placed: list[tuple[str, str]] = field(default_factory=list)
    _old: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look at every path that we write or have written.

        Raises:
            InputError: one of our files is read-only.
            OSError: something cannot be read.
        """
        found = _manifest(self.root)
        if found is not None:
            self._old = listed_files(found)
            if _is_sealed(found):
                self._old[MANIFEST] = digest_of(self.root / MANIFEST) or ""
        for path, content in self.files.items():
            digest, mode = hashlib.sha256(content).hexdigest(), ORDINARY
            way = blocked(self.root, path)
            if way is not None:
                self._keep(way)
            elif os.path.lexists(self.root / path):
                if digest_of(self.root / path) == digest:
                    continue
                mode = self._clear(path)
            self._placed.append((path, digest))
            self.contents.append(content)
            self.modes.append(mode)
        for path in self._old:
            if path not in self.files and blocked(self.root, path) is None and digest_of(self.root / path) is not None:
                self._clear(path)

    @property
    def is_done(self) -> bool:
        """Whether the folder is as it should be."""
        return not (self._placed or self._removed or self._kept)

    def swap(self) -> Swap:
        """The moves."""
        removed = [path for path in self._removed if not any(_is_in(path, kept) for kept in self._kept)]
        gone = {*self._kept, *removed}
        made = {
            parent
            for path, _ in self._placed
            for parent in _parents(path)
            if not os.path.lexists(self.root / parent) or any(_is_in(parent, each) or parent == each for each in gone)
        }
        emptied = {parent for path in removed for parent in _parents(path)} - set(self._kept)
        deepest = sorted(emptied, key=lambda path: path.count("/"), reverse=True)
        outermost = sorted(made, key=lambda path: path.count("/"))
        return Swap(tuple(self._kept.items()), removed, self._placed, outermost, deepest)

    def _clear(self, path: str) -> int:
        """Let what is there go, or stay under another name; the mode with which to replace it."""
        mode = (self.root / path).lstat().st_mode
        if stat.S_ISREG(mode) and is_read_only(self.root / path, mode):
            raise InputError(
                f"output '{self.root / path}': must not be read-only to be replaced. Found: mode "
                f"{stat.S_IMODE(mode):o}.",
                hint="make it writable with chmod u+w, or move it away.",
            )
        if path in self._old and digest_of(self.root / path) == self._old[path]:
            self._removed.append(path)
            return mode & ORDINARY
        self._keep(path)
        return ORDINARY

    def _keep(self, path: str) -> None:
        if path not in self._kept:
            self._kept[path] = spare_name(self.root, path, [*self._kept.values(), *self.files, *self._old])
            why = "had been changed" if path in self._old else "is not listed as edgernn's"
            self.notes.append(f"'{path}' {why} and is kept as '{self._kept[path]}'.")


def _manifest(root: Path) -> dict[str, Any] | None:
    """A folder's manifest; None if it has none that edgernn wrote.

    Raises:
        OSError: it cannot be read.
    """
    path = root / MANIFEST
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and str(found.get("schema")).startswith("edgernn.") else None


def _seal(document: Mapping[str, Any]) -> str:
    """What a manifest says of itself, by which a changed one is told."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _is_sealed(document: Mapping[str, Any]) -> bool:
    listed = document.get(_LISTED)
    if not isinstance(listed, Mapping):
        return False
    others = {path: digest for path, digest in listed.items() if path != MANIFEST}
    return listed.get(MANIFEST) == _seal({**document, _LISTED: others})


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _parents(path: str) -> Sequence[str]:
    """The folders on the way to it."""
    return [str(parent) for parent in PurePosixPath(path).parents if str(parent) != "."]


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder + "/")


def _not_ours(folder: Path, found: str, hint: str) -> InputError:
    return InputError(
        f"output '{folder}': must be a new folder, or one that edgernn wrote for the same purpose. Found: {found}.",
        hint=hint,
    )


__all__ = ["MANIFEST", "STAGING", "check_folder", "listed_files", "manifest", "recover", "write_folder"]
