"""Runs a program on an ATmega under simavr, which is accurate to the cycle."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

from edgernn.devices.emulators.machines import Machine
from edgernn.errors import InputError

_MARK, _ROOM = b"edgernn's input", 65536  # as in firmware/avr.c
_LINE = re.compile(rb"([ors])([0-9a-f]*)\.*")  # simavr puts a dot for each end of a line


def run_avr(
    machine: Machine, elf: Path, folder: Path, content: bytes, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """Run it, and write what it said to the files `output` and `report` in a folder, as QEMU does.

    Args:
        machine: which.
        elf: the program.
        folder: for files.
        content: the input, which is put into the program's flash.
        seconds: after which it is killed.

    Raises:
        InputError: the input does not fit there.
        subprocess.TimeoutExpired: it did not end in time.
    """
    if len(content) > _ROOM:
        raise InputError(
            f"input of '{machine.name}': must be at most {_ROOM:,} bytes. Found: {len(content):,}.",
            hint="give fewer samples.",
        )
    given = struct.pack("<I", len(content)) + content
    program, whole = folder / "program.elf", elf.read_bytes()
    at = whole.index(_MARK)
    program.write_bytes(whole[:at] + given + whole[at + len(given) :])
    done = subprocess.run(
        [*machine.emulator, str(program)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    found = {b"o": b"", b"r": b"", b"s": b""}
    for line in re.sub(rb"\x1b\[[0-9;]*m", b"", done.stderr).splitlines():
        if said := _LINE.fullmatch(line.strip()):
            found[said[1]] += bytes.fromhex(said[2].decode())
    (folder / "output").write_bytes(found[b"o"])
    (folder / "report").write_bytes(found[b"r"])
    status = found[b"s"][0] if found[b"s"] else done.returncode or -6
    return subprocess.CompletedProcess(done.args, status, done.stdout, done.stderr)
