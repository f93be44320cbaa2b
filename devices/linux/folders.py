"""A folder on a device that is written whole or not at all, with the sums of its files beside them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress

from edgernn.devices.links.shell import Shell, call, quote
from edgernn.errors import EnvironmentProblem

SUMS = "SHA256SUMS"


def sums_of(files: Mapping[str, bytes]) -> str:
    """As ``sha256sum`` prints and checks them."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))


def is_whole(shell: Shell, folder: str, files: Mapping[str, bytes]) -> bool:
    """Whether the folder holds these files."""
    check = f"cd {quote(folder)} 2>/dev/null && sha256sum -c {SUMS} >/dev/null 2>&1 && sha256sum {SUMS}"
    done = shell.call(check)
    wanted = hashlib.sha256(sums_of(files).encode()).hexdigest()
    return done.status == 0 and done.output.decode(errors="replace").startswith(wanted)


def place(shell: Shell, folder: str, files: Mapping[str, bytes], executable: frozenset[str]) -> int:
    """Put files into a folder, in place of what was there.

    Returns:
        The bytes that were copied; 0 if they were there already.

    Raises:
        EnvironmentProblem: the link fails, the disk is full, or the files arrive changed; then what was there before is
            as it was.
    """
    if is_whole(shell, folder, files):
        return 0
    part = f"{folder}.{secrets.token_hex(4)}.part"
    try:
        # What an earlier try has left behind when its link was cut goes first.
        call(shell, f"umask 077; rm -rf {quote(folder)}.*.part && mkdir -p {quote(part)}")
        shell.send({**files, SUMS: sums_of(files).encode()}, part, executable)
        if not is_whole(shell, part, files):
            raise EnvironmentProblem(
                f"device '{shell.name}': files must arrive as they were sent. Found: other contents.",
                hint="check the device's disk and the line, and deploy again.",
            )
        call(shell, f"rm -rf {quote(folder)} && mv {quote(part)} {quote(folder)}")
    except BaseException:
        forget(shell, part)
        raise
    return sum(map(len, files.values()))


def forget(shell: Shell, folder: str) -> None:
    """Remove a folder if the link still works."""
    with suppress(EnvironmentProblem):
        shell.call(f"rm -rf {quote(folder)}", seconds=20)
