"""Runs a program on an emulated machine and reads back what it wrote, counted and measured."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgernn.devices.emulators.avr import run_avr
from edgernn.devices.emulators.building import Firmware
from edgernn.devices.emulators.counting import count_instructions, plugin_flags
from edgernn.devices.emulators.machines import Machine
from edgernn.errors import EnvironmentProblem

_OPEN_FAILED, _FAULT = 125, 126  # as in firmware/
_OVERHEAD = "(overhead)"


@dataclass(frozen=True)
class RunResult:
    """What a program left behind.

    Attributes:
        output: what it wrote.
        status: what its ``main`` returned.
        instructions: by the name given to ``edgernn_emulator_stop``, one count per call; empty where the machine
            cannot count.
        stack_bytes: by the name given to ``edgernn_emulator_measure_stack``, the deepest.
    """

    output: bytes
    status: int
    instructions: Mapping[str, tuple[int, ...]]
    stack_bytes: Mapping[str, int]


def run(firmware: Firmware, content: bytes = b"", *, seconds: float = 60) -> RunResult:
    """Run a program to its end; two runs give the same counts.

    Args:
        firmware: from `build`.
        content: its input.
        seconds: after which it is stopped.

    Raises:
        EnvironmentProblem: it crashed or did not end in time, or the emulator is not installed.
    """
    machine = firmware.machine
    with tempfile.TemporaryDirectory(prefix="edgernn-") as name:
        folder = Path(name)
        try:
            if machine.counter == "cycles":
                done = run_avr(machine, firmware.elf, folder, content, seconds)
            else:
                done = _run_qemu(machine, firmware.elf.resolve(), folder, content, seconds)
        except subprocess.TimeoutExpired:
            raise EnvironmentProblem(
                f"program on '{machine.name}': must end within {seconds:g} s. Found: it was still running.",
                hint="give it less input or more seconds, or look for an endless loop.",
            ) from None
        except FileNotFoundError:
            machine.require()
            raise
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return _result(firmware, done, files)


def _run_qemu(
    machine: Machine, elf: Path, folder: Path, content: bytes, seconds: float
) -> subprocess.CompletedProcess[bytes]:
    (folder / "input").write_bytes(content)
    command = [*machine.emulator, *plugin_flags(machine), str(elf)]
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
    )


def _result(firmware: Firmware, done: subprocess.CompletedProcess[bytes], files: dict[str, bytes]) -> RunResult:
    lines = [line.split() for line in files.get("report", b"").decode().splitlines()]
    spans = [(name, int(first, 16), int(second, 16)) for word, name, first, second in lines if word == "instructions"]
    faults = [int(first, 16) for word, _, first, _ in lines if word == "fault"]
    _check_end(firmware, done, faults)
    instructions: dict[str, list[int]] = defaultdict(list)
    overhead = 0
    for name, count in count_instructions(firmware.machine, spans, files.get("marks", b"").decode()):
        if name == _OVERHEAD:
            overhead = count
        else:
            instructions[name].append(count - overhead)
    stack: dict[str, int] = {}
    for word, name, first, second in lines:
        if word == "stack":
            _check_stack(firmware, name, free=int(second, 16))
            stack[name] = max(stack.get(name, 0), int(first, 16))
    counts = {name: tuple(values) for name, values in instructions.items()}
    return RunResult(files.get("output", b""), done.returncode, counts, stack)


def _check_end(firmware: Firmware, done: subprocess.CompletedProcess[bytes], faults: list[int]) -> None:
    said = done.stderr.decode(errors="replace").strip()
    if faults:
        found = f"a fault at address {faults[-1]:#x}"
        tool = firmware.machine.compiler.removesuffix("gcc") + "addr2line"
        hint = f"'{tool} -f -e {firmware.elf} {faults[-1]:#x}' names the function, and the line if compiled with -g."
    elif done.returncode < 0:
        found = f"{signal.Signals(-done.returncode).name} {said.splitlines()[0] if said else ''}".strip()
        hint = "look for a stack that is too small, a wrong pointer or data that is not aligned."
    elif done.returncode == _OPEN_FAILED or (said and "qemu" in said):
        found, hint = f"{said or 'a file that could not be opened'}", "see what the emulator says."
    else:
        return
    raise EnvironmentProblem(f"program on '{firmware.machine.name}': must run to its end. Found: {found}.", hint=hint)


def _check_stack(firmware: Firmware, name: str, *, free: int) -> None:
    if free == 0:
        raise EnvironmentProblem(
            f"program on '{firmware.machine.name}': the stack must fit. Found: '{name}' used all of it.",
            hint="use a machine with more RAM.",
        )
