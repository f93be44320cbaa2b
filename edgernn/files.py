"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from edgernn.errors import InputError


def atomic_write(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write `content` to a temporary file beside `path`, then rename it, so that no reader sees a half-written file.

    Raises:
        InputError: the folder does not exist or cannot be written; `path` is then left as it was.
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
            raise InputError(
                f"output '{target}': must be a writable path. Found: {error.strerror or error}.",
                hint="choose another path with --output, or create its folder first.",
            ) from error
        raise
    return target
