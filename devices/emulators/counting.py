"""From what a machine's counter showed to instructions."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgernn.devices.emulators.building import kept_folder
from edgernn.devices.emulators.machines import FIRMWARE, WRAP_INSTRUCTIONS, Machine

# In a reading of SysTick: its last turn is complete, but the interrupt is still to come.
_PENDING = 1 << 63


def count_instructions(
    machine: Machine, spans: Sequence[tuple[str, int, int]], marks: str
) -> Iterator[tuple[str, int]]:
    """The instructions between two readings of the counter, by name.

    Args:
        machine: whose counter it is.
        spans: name, first and second reading.
        marks: what the plugin wrote: at its n-th line, the instructions executed up to the n-th reading.
    """
    counts = [int(line) for line in marks.split()]
    for name, first, second in spans:
        match machine.counter:
            case "systick":
                interrupts = _interrupts(second) - _interrupts(first)
                executed = (second % _PENDING - first % _PENDING) / machine.ticks_per_instruction
                yield name, round(executed) - interrupts * WRAP_INSTRUCTIONS
            case "instret" | "cycles":  # an AVR's interrupts of the counter are among its cycles, less than 0.1 %
                yield name, second - first
            case "plugin":
                if second < len(counts):
                    yield name, counts[second] - counts[first]


def _interrupts(reading: int) -> int:
    """How many times SysTick had interrupted by then, once per turn of its 24 bits."""
    return (reading % _PENDING >> 24) - (reading >= _PENDING)


def plugin_flags(machine: Machine) -> list[str]:
    """What makes QEMU load the plugin that counts for a machine without a counter; nothing if it cannot be built."""
    plugin = _plugin(machine.emulator[0]) if machine.counter == "plugin" else None
    return ["-plugin", str(plugin)] if plugin else []


@functools.cache
def _plugin(emulator: str) -> Path | None:
    """The plugin, compiled for this computer once per process; None without a compiler, or if QEMU refuses it.

    QEMU refuses a plugin of another version of its interface. Up to 8.1 it wants version 1, later 2 or more.
    """
    compiler = shutil.which("cc")
    for version in (1, 2) if compiler else ():
        target = kept_folder() / f"{emulator}-{version}.so"
        source = FIRMWARE / "instruction_plugin.c"
        command = [str(compiler), "-O2", "-shared", "-fPIC", f"-DVERSION={version}", str(source), "-o", str(target)]
        built = subprocess.run(command, capture_output=True, check=False)
        # Not a program, which QEMU finds out only after it has loaded the plugin.
        tried = subprocess.run([emulator, "-plugin", str(target), "/dev/null"], capture_output=True, check=False)
        if built.returncode == 0 and b"plugin" not in tried.stderr:
            return target
    return None
