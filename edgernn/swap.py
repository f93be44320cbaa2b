"""Many files of a folder changed at once: all of them, or, after an error or a crash, none.

Everything happens in the folder itself, so that it may be a mount point, a symbolic link's target, or the place where
the user stands. New files wait in `.edgernn-swap/`, beside a journal of what is to be moved where:

1. new files are written there, down to the disk; then the journal, which from now on says how to go back;
2. everything that has to go is moved away, before anything new comes in: at no moment can a compiler find a part of
   the old and a part of the new, only some of the old, or some of the new, and then it misses the rest;
3. the new files are moved in;
4. the journal is renamed: this moment makes the new folder the valid one;
5. what was moved away is removed.

An error leads back at once. After a crash the next command that looks at the folder calls `recover`, which goes back
if the journal is still there, and otherwise finishes. A lock on the folder keeps two processes apart.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from edgernn.errors import InputError
from edgernn.files import explained, lock, sync_folder, write_new

STAGING = ".edgernn-swap"
_JOURNAL, _DONE, _PART = "journal.json", "done.json", "journal.part"
_STAGED = re.compile(r"(old|new)-\d+")
_AT_ONCE = 16  # files that are written
_PATIENCE = 30.0  # seconds; a swap takes a fraction of one
_LONGEST = 255  # bytes of a name


@dataclass(frozen=True)
class Swap:
    """What is to be changed in a folder; every path is relative to it, with `/`.

    Attributes:
        kept: files or folders of the user that are in the way, and the names under which they stay beside it.
        removed: our files that go.
        placed: new files, and the SHA-256 of each.
        made: folders that new files need, outer ones first.
        emptied: folders to remove if nothing is left in them, inner ones first.
    """

    kept: Sequence[tuple[str, str]]
    removed: Sequence[str]
    placed: Sequence[tuple[str, str]]
    made: Sequence[str]
    emptied: Sequence[str]


def perform(root: Path, swap: Swap, contents: Sequence[bytes], modes: Sequence[int]) -> None:
    """Change the folder; the caller holds its lock.

    Args:
        root: the folder, no symbolic link.
        swap: what to change.
        contents: of the new files, in the order of `swap.placed`.
        modes: likewise; the umask narrows them.

    Raises:
        OSError: it failed, and the folder is as it was, or will be after `recover`.
    """
    from concurrent.futures import ThreadPoolExecutor

    stage = root / STAGING
    os.mkdir(stage)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # since each waits for the disk
            names = [stage / f"new-{number}" for number in range(len(contents))]
            list(pool.map(write_new, names, contents, modes))
        write_new(stage / _PART, json.dumps(asdict(swap)).encode())
        os.rename(stage / _PART, stage / _JOURNAL)
        sync_folder(stage)
        for path, other in swap.kept:
            os.rename(root / path, root / other)
        for number, path in enumerate(swap.removed):
            os.rename(root / path, stage / f"old-{number}")
        for path in swap.made:
            os.mkdir(root / path)
        for number, (path, _) in enumerate(swap.placed):
            os.rename(stage / f"new-{number}", root / path)
        os.rename(stage / _JOURNAL, stage / _DONE)
    except BaseException:
        with contextlib.suppress(OSError, InputError):  # what cannot be undone now, `recover` undoes
            settle(root)
        raise
    sync_folder(root)
    with contextlib.suppress(OSError, InputError):
        settle(root)


def recover(path: str | os.PathLike[str]) -> None:
    """Undo, or finish, what a process that is gone has begun in a folder; waits for one that is at work.

    Costs one look into the folder where there is nothing to do, and does nothing where there is no such folder.

    Args:
        path: the folder, or a file in it, which may be missing.

    Raises:
        InputError: it must be done and cannot be.
        EnvironmentProblem: the disk is full.
    """
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    if not os.path.lexists(os.path.join(folder, STAGING)):
        return
    root = Path(os.path.realpath(folder))
    with locked(root):
        try:
            settle(root)
        except OSError as error:
            raise _unsettled(root, error.strerror or str(error)) from error


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold a folder's lock, which no process keeps for long and none keeps that has died.

    Raises:
        InputError: it cannot be had.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise explained(root, error) from error
    try:
        end = time.monotonic() + _PATIENCE
        while not lock(descriptor, wait=False):
            if time.monotonic() > end:
                raise InputError(
                    f"folder '{root}': must not be in use. Found: another process that writes there.",
                    hint="wait until it ends.",
                )
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str | None:
    """SHA-256 of a regular file; None for anything else, which is never opened.

    Raises:
        OSError: it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_inside(path: str) -> bool:
    """Whether a relative path cannot lead out of its folder, or into our own staging, if no folder in it is a link."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and parts[0] != STAGING and "\0" not in path


def blocked(root: Path, path: str) -> str | None:
    """What is in the way of a path's folders: the first of them that is there and is no folder, a link for one."""
    parts = PurePosixPath(path).parts
    for count in range(1, len(parts)):
        found = root / Path(*parts[:count])
        if not os.path.lexists(found):
            return None
        if not stat.S_ISDIR(found.lstat().st_mode):
            return "/".join(parts[:count])
    return None


def spare_name(root: Path, path: str, taken: Sequence[str] = ()) -> str:
    """The name under which something stays that was called `path`: `path.orig`, or `path.orig1` and so on."""
    head, _, name = path.rpartition("/")
    number = 0
    while True:
        suffix = f".orig{number or ''}"
        short = os.fsdecode(os.fsencode(name)[: _LONGEST - len(suffix)])
        found = f"{head}/{short}{suffix}" if head else short + suffix
        if not os.path.lexists(root / found) and found not in taken:
            return found
        number += 1


def settle(root: Path) -> None:
    """Go back to the old folder, or finish the new one, as the journal says; the caller holds the lock.

    Raises:
        OSError: it failed; the journal is still there.
        InputError: the journal is none.
    """
    stage = root / STAGING
    if not os.path.lexists(stage):
        return
    if not stat.S_ISDIR(stage.lstat().st_mode):
        raise _unsettled(root, "something that edgernn did not make")
    if os.path.lexists(stage / _DONE):
        for path in _journal(root, _DONE).emptied:
            _remove_folder(_within(root, path))
    elif os.path.lexists(stage / _JOURNAL):
        _undo(root, _journal(root, _JOURNAL))
        os.unlink(stage / _JOURNAL)
    for name in sorted(os.listdir(stage), key=lambda name: name == _DONE):  # the record last
        if _STAGED.fullmatch(name) or name in (_PART, _DONE):
            os.unlink(stage / name)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(stage)


def _undo(root: Path, swap: Swap) -> None:
    """Move everything back; any part of it may have been done before."""
    stage = root / STAGING
    for number, (name, digest) in reversed(list(enumerate(swap.placed))):
        staged = stage / f"new-{number}"
        if not os.path.lexists(staged) and os.path.lexists(path := _within(root, name)):
            if digest_of(path) == digest:
                os.rename(path, staged)
            else:  # somebody has written there since
                os.rename(path, root / spare_name(root, name))
    for name in reversed(swap.made):
        _remove_folder(_within(root, name))
    for number, name in enumerate(swap.removed):
        staged = stage / f"old-{number}"
        if os.path.lexists(staged):
            path = _within(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):
                os.rename(path, root / spare_name(root, name))
            os.rename(staged, path)
    for name, other in reversed(swap.kept):
        path, spare = _within(root, name), _within(root, other)
        if os.path.lexists(spare) and not os.path.lexists(path):
            os.rename(spare, path)


def _remove_folder(path: Path) -> None:
    """Remove a folder, unless there is something in it, or it is gone or another thing."""
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise


def _within(root: Path, path: str) -> Path:
    """The path, since no link on its way leads out of the folder."""
    if blocked(root, path) is not None:
        raise _unsettled(root, f"'{blocked(root, path)}', which is no folder")
    return root / path


def _journal(root: Path, name: str) -> Swap:
    """The journal, which may have come from anybody: it must not lead out of the folder.

    Raises:
        InputError: it does, or is damaged.
        OSError: it cannot be read.
    """
    text = (root / STAGING / name).read_bytes()
    try:
        found = json.loads(text)
        kept, placed = ([(str(path), str(other)) for path, other in found[key]] for key in ("kept", "placed"))
        removed, made, emptied = ([str(path) for path in found[key]] for key in ("removed", "made", "emptied"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unsettled(root, "a damaged journal") from error
    named = [*(path for pair in kept for path in pair), *(path for path, _ in placed)]
    if not all(map(is_inside, [*named, *removed, *made, *emptied])):
        raise _unsettled(root, "a journal that leads out of the folder")
    return Swap(kept, removed, placed, made, emptied)


def _unsettled(root: Path, found: str) -> InputError:
    return InputError(
        f"folder '{root}': a write that was broken off must be undone first, as {STAGING} in it says. Found: {found}.",
        hint=f"let this command write there, or look into {STAGING} and remove it.",
    )
