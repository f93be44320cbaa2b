"""Single files: the old one or the new one at any moment, and only regular files are replaced.

What is written goes to a temporary file beside its place, reaches the disk, and is then renamed. A name that is a
symbolic link stays one: the file that it points to is replaced. Whole folders are in `edgernn.owned_folder`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import stat
from pathlib import Path

from edgernn.errors import EdgernnError, EnvironmentProblem, InputError

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ORDINARY = 0o666  # of a new file, before the umask; an artifact has ordinary permissions
_UNLOCKABLE = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EINVAL})
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFREG: "a file",
}


def atomic_write(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write a file whole or not at all; no reader ever sees half of it, and no crash leaves half of it.

    A file that is replaced is never opened to more people than it was.

    Raises:
        InputError: the folder does not exist or cannot be written, or `path` is no regular file or read-only; it is
            then left as it was.
        EnvironmentProblem: the disk is full, or a limit on files is reached; likewise.
    """
    place = Path(path)
    temporary: Path | None = None
    try:
        target, mode = destination(path)
        temporary = target.parent / f".edgernn-{os.urandom(6).hex()}"  # short, whatever the length of the target's name
        write_new(temporary, content.encode() if isinstance(content, str) else content, mode)
        os.replace(temporary, target)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, (OSError, ValueError)):
            raise explained(path, error) from error
        raise
    sync_folder(target.parent)
    return place


def check_writable(path: str | os.PathLike[str], *, parents: bool = False) -> None:
    """Refuse early a path that `atomic_write` would refuse after long work.

    Args:
        path: of the file.
        parents: whether folders above it that are missing will be made, by `make_parents`.

    Raises:
        InputError: the folder does not exist or cannot be written, or the path is no regular file, or read-only.
    """
    import tempfile

    try:
        target, _ = destination(path)
        above = target.parent
        while parents and not os.path.lexists(above) and above != above.parent:
            above = above.parent
        tempfile.TemporaryFile(dir=above).close()
    except (OSError, ValueError) as error:
        raise explained(path, error) from error


def make_parents(path: str | os.PathLike[str]) -> None:
    """Make the folders above a file or folder that is about to be written.

    Raises:
        InputError: one cannot be made.
        EnvironmentProblem: the disk is full.
    """
    try:
        Path(os.path.realpath(path)).parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise explained(path, error) from error


def append_line(path: Path, line: bytes) -> None:
    """Add a line to a file of lines, whole or not at all; earlier ones are never touched.

    A line that an earlier writer was killed within stays alone on its line.

    Raises:
        OSError: it cannot be written.
        InputError: the path is no regular file, or read-only.
    """
    target, _ = destination(path)
    descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, ORDINARY)
    try:
        lock(descriptor, wait=True)  # until it is closed; another line must not be cut off with ours
        size = os.fstat(descriptor).st_size
        begin = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
        try:
            _write_all(descriptor, begin + line + b"\n")
            os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, mode: int = ORDINARY) -> None:
    """Write a file that does not exist yet, down to the disk; the umask narrows its mode.

    Raises:
        OSError: it exists, or cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Let renames in a folder reach the disk; where that is not possible, they do later."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file, or folder, for this process until it is closed; False if another process has it.

    The system frees the lock of a process that dies. A file system that knows no locks grants every one.

    Raises:
        OSError: it is refused for another reason.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno not in _UNLOCKABLE:
            raise
    return True


def kind_of(mode: int) -> str:
    """What a file is, in words: ``a FIFO``."""
    return _KINDS.get(stat.S_IFMT(mode), "something else")


def is_read_only(path: Path, mode: int) -> bool:
    """Whether nobody, or not this user, may write a regular file; root could, and still has been told not to."""
    return not mode & 0o222 or not os.access(path, os.W_OK)


def names_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path can only be a folder's, whatever there is: ``new/``, of which a `Path` would forget the slash."""
    return os.path.basename(os.fspath(path)) in ("", os.curdir, os.pardir)


def destination(place: str | os.PathLike[str]) -> tuple[Path, int]:
    """The file that is written if `place` is, behind all symbolic links, and the mode to write it with.

    Raises:
        OSError: it is a folder, or its folder cannot be used, or the links never end.
        InputError: there is something else than a regular file, or it is read-only.
    """
    path = Path(place)
    if names_folder(place):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if mode is None:
        return target, ORDINARY
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise InputError(
            f"output '{path}': must be a new file, or a regular one to replace. Found: {kind_of(mode)}.",
            hint="choose another path.",
        )
    if is_read_only(target, mode):
        raise InputError(
            f"output '{path}': must not be read-only. Found: a file with mode {stat.S_IMODE(mode):o}.",
            hint="make it writable with chmod u+w, or choose another path.",
        )
    return target, mode & ORDINARY


def explained(target: str | os.PathLike[str], error: Exception) -> EdgernnError:
    """The error to raise for a path that could not be written."""
    reason = getattr(error, "strerror", None) or error
    if isinstance(error, IsADirectoryError) and error.filename is None:  # from `destination`, of the path itself
        within = os.path.join(target, "model.tflite")
        return InputError(
            f"output '{target!s}': must be a file. Found: a folder.",
            hint=f"name the file in it, such as --output {shlex.quote(within)}.",
        )
    if getattr(error, "errno", None) in DISK_FULL:
        return EnvironmentProblem(f"output '{target!s}': cannot be written: {reason}.", hint="free some disk space.")
    return InputError(
        f"output '{target!s}': must be a writable path. Found: {reason}.",
        hint="choose another path with --output, or see what is in its way.",
    )
