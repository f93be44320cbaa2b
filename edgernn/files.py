"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgernn.errors import EdgernnError, EnvironmentProblem, InputError

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def atomic_write(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write `content` to a temporary file beside `path`, then rename it, so that no reader sees a half-written file.

    Raises:
        InputError: the folder does not exist or cannot be written; `path` is then left as it was.
        EnvironmentProblem: the disk is full, or a limit on files is reached; likewise.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp makes files private; an artifact has ordinary permissions
        os.replace(temporary, target)
    except BaseException as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise explained(target, error) from error
        raise
    return target


def write_folder(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write a folder whole or not at all, in place of one that is there.

    Raises:
        InputError: it cannot be written.
        EnvironmentProblem: the disk is full.
    """
    temporary = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        for path, content in files.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    except OSError as error:
        raise explained(folder, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse early a path that `atomic_write` would refuse after long work.

    Raises:
        InputError: the folder does not exist or cannot be written, or the path is a folder.
    """
    target = Path(path)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        tempfile.TemporaryFile(dir=target.parent).close()
    except (OSError, ValueError) as error:
        raise explained(target, error) from error


def explained(target: Path, error: Exception) -> EdgernnError:
    """The error to raise for a path that could not be written."""
    reason = getattr(error, "strerror", None) or error
    if getattr(error, "errno", None) in DISK_FULL:
        return EnvironmentProblem(f"output '{target}': cannot be written: {reason}.", hint="free some disk space.")
    return InputError(
        f"output '{target}': must be a writable path. Found: {reason}.",
        hint="choose another path with --output, or create its folder first.",
    )
