"""A static program that runs a folder of C, cross-compiled for a device."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgernn.converters.c.program import C_TYPES
from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import TensorInfo
from edgernn.devices.linux.programs import program_text
from edgernn.errors import EnvironmentProblem, InputError


@dataclass(frozen=True)
class Compiler:
    """How programs for an architecture are made.

    Attributes:
        command: the compiler.
        flags: that every board with this architecture runs.
        package: Debian's, that has it.
    """

    command: str
    flags: tuple[str, ...]
    package: str


COMPILERS = {
    "aarch64": Compiler("aarch64-linux-gnu-gcc", ("-march=armv8-a",), "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    "armv7l": Compiler(
        "arm-linux-gnueabihf-gcc",
        ("-march=armv7-a", "-mfpu=neon-vfpv4", "-mfloat-abi=hard"),
        "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
    ),
    "x86_64": Compiler("x86_64-linux-gnu-gcc", (), "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"),
    "riscv64": Compiler("riscv64-linux-gnu-gcc", (), "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"),
}


def compile_runner(project: CProject, architecture: str, device: str) -> bytes:
    """The program that runs a model on invocations from a file.

    Raises:
        InputError: no program can be made for this architecture, or the folder does not compile.
        EnvironmentProblem: the cross compiler is not installed.
    """
    return compile_static(project, runner_source(project), architecture, device)


def compile_static(project: CProject, source: str, architecture: str, device: str) -> bytes:
    """A program around a model, with everything that it needs inside.

    Raises:
        InputError: no program can be made for this architecture, or the folder does not compile.
        EnvironmentProblem: the cross compiler is not installed.
    """
    compiler = COMPILERS.get(architecture)
    if compiler is None:
        raise InputError(
            f"device '{device}': must be one of {', '.join(COMPILERS)}. Found: {architecture}.",
            hint="compile the folder there yourself: it is plain C99.",
        )
    command = shutil.which(compiler.command) or (shutil.which("gcc") if platform.machine() == architecture else None)
    if command is None:
        raise EnvironmentProblem(
            f"compiler for {architecture}: must be installed, {compiler.command}. Found: none.",
            hint=f"on Debian, Ubuntu and Raspberry Pi OS: sudo apt-get install {compiler.package}",
        )
    with tempfile.TemporaryDirectory(prefix="edgernn-") as name:
        folder = Path(name)
        (folder / "main.c").write_text(source, encoding="utf-8")
        words = [command, "-std=gnu11", "-O3", "-static", *compiler.flags, "-I", str(project.folder / "src")]
        files = [str(folder / "main.c"), str(project.source)]
        done = subprocess.run(
            [*words, *files, "-o", str(folder / "program"), "-lm"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no reason given"]
            raise InputError(f"artifact '{project.folder}': must compile for {architecture}. Found: {lines[0][:200]}")
        return (folder / "program").read_bytes()


def runner_source(project: CProject) -> str:
    """`programs/run_model.c` for a model."""
    inputs = _named(project.inputs, "in")
    outputs = _named(project.outputs, "out")
    declared = "".join(f"static {C_TYPES[info.dtype]} {name}[{_count(info)}];\n" for name, info in inputs + outputs)
    read, at = "", 0
    for name, info in inputs:
        read += f"    memcpy({name}, from + {at}, sizeof {name});\n"
        at += _count(info) * np.dtype(info.dtype).itemsize
    write = "".join(
        f'        if (fwrite({name}, sizeof {name}, 1, output) != 1) fail("output");\n' for name, _ in outputs
    )
    words = {
        "NAME": project.name,
        "TENSORS": declared,
        "READ": read,
        "WRITE": write,
        "ARGUMENTS": ", ".join(name for name, _ in inputs + outputs),
        "INPUT_SIZE": str(at),
    }
    return filled("run_model.c", words)


def filled(program: str, words: Mapping[str, str]) -> str:
    """A program's source with words in the places that are marked for them."""
    text = program_text(program)
    for key, word in words.items():
        text = text.replace(f"@{key}@", word)
    return text


def _named(infos: Sequence[TensorInfo], word: str) -> list[tuple[str, TensorInfo]]:
    return [(f"{word}{number}", info) for number, info in enumerate(infos)]


def _count(info: TensorInfo) -> int:
    return int(np.prod(info.shape))
