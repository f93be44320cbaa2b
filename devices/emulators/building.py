"""Compiles C sources into a program for an emulated machine."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgernn.devices.emulators.linker_map import Kind, Piece, read_pieces
from edgernn.devices.emulators.machines import FIRMWARE, Machine
from edgernn.errors import InputError

# Every function and table in a section of its own: what is unused is left out, and the map tells the sizes.
_SECTIONS = ("-ffunction-sections", "-fdata-sections")


INPUT_ROOM = ".text.edgernn_input"  # in firmware/avr.c


@dataclass(frozen=True)
class Firmware:
    """A linked program.

    Attributes:
        machine: what it runs on.
        elf: the program.
        pieces: what it is made of; the file of a piece that was compiled here is the name of its source.
    """

    machine: Machine
    elf: Path
    pieces: tuple[Piece, ...]

    def size(self, *kinds: Kind, files: Collection[str] | None = None) -> int:
        """Bytes of the pieces of these kinds, of all files or of those named."""
        return sum(
            piece.size for piece in self.pieces if piece.kind in kinds and (files is None or piece.file in files)
        )

    @property
    def flash_bytes(self) -> int:
        """All that is kept in flash: code, constants and initial values, but no room for an emulator's input."""
        room = sum(piece.size for piece in self.pieces if piece.name == INPUT_ROOM)
        return self.size("text", "rodata", "data") - room

    @property
    def ram_bytes(self) -> int:
        """All variables, without the stack."""
        return self.size("data", "bss")


def build(
    machine: Machine,
    sources: Sequence[Path],
    folder: Path,
    *,
    include: Sequence[Path] = (),
    flags: Sequence[str] = ("-std=c99", "-O3"),
) -> Firmware:
    """Compile and link a program; ``edgernn_emulator.h`` is found without being in `include`.

    Args:
        machine: what it will run on.
        sources: C files, one of which has ``main``; no two of the same name.
        folder: where objects, program and linker map are written.
        include: where headers are looked for.
        flags: of the compiler, in addition to the machine's: language, optimization, warnings, definitions.

    Raises:
        InputError: a source does not compile, or the program does not fit.
        EnvironmentProblem: the machine's tools are not installed.
    """
    machine.require()
    paths = [f"-I{path}" for path in (FIRMWARE, *include)]
    objects = [_compiled(machine, source, folder, [*flags, *paths]) for source in sources]
    elf, linker_map = folder / "program.elf", folder / "program.map"
    own = _board_objects(machine)
    output = ["-o", str(elf), f"-Wl,-Map={linker_map}", "-Wl,--gc-sections", "-lm"]
    files = [str(path) for path in (*objects, *own)]
    _run([machine.compiler, *machine.compile_flags, *files, *machine.link_flags, *output], "program", machine)
    sources_of = {path.name: path.name.removesuffix(".o") for path in (*objects, *own)}
    pieces = (
        Piece(piece.kind, piece.name, sources_of.get(piece.file, piece.file), piece.size)
        for piece in read_pieces(linker_map.read_text(encoding="utf-8"))
    )
    return Firmware(machine, elf, tuple(pieces))


def _compiled(machine: Machine, source: Path, folder: Path, flags: Sequence[str]) -> Path:
    target = folder / f"{source.name}.o"
    command = [machine.compiler, *machine.compile_flags, *_SECTIONS, *flags, "-c", str(source), "-o", str(target)]
    _run(command, f"source '{source}'", machine)
    return target


@functools.cache
def _board_objects(machine: Machine) -> tuple[Path, ...]:
    """The machine's own part of every program, compiled once per process."""
    folder = kept_folder() / machine.name
    folder.mkdir(exist_ok=True)
    return tuple(_compiled(machine, FIRMWARE / name, folder, ["-std=gnu11", "-O2"]) for name in machine.sources)


@functools.cache
def kept_folder() -> Path:
    """A folder that lasts as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="edgernn-emulators-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _run(command: Sequence[str], what: str, machine: Machine) -> None:
    english = {**os.environ, "LC_ALL": "C"}  # the messages are searched
    done = subprocess.run(command, env=english, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if not line.startswith("collect2:")]
        wrong = [line for line in said if re.search(r"(?i)error:|overflowed|undefined|cannot|no room", line)]
        raise InputError(
            f"{what}: must compile and fit for '{machine.name}'. Found: {(wrong or said or ['no reason'])[0].strip()}",
            hint="a larger machine has more memory." if "overflowed" in done.stderr else "",
        )
