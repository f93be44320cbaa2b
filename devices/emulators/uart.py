"""A board under QEMU whose serial port is a pseudo-terminal of this machine, with edgernn's firmware on it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgernn.devices.emulators.building import Firmware, build
from edgernn.devices.emulators.machines import machine
from edgernn.devices.host.c import CProject
from edgernn.devices.serial.source import firmware_files, firmware_text
from edgernn.errors import EnvironmentProblem, InputError

UARTS = {"cortex-m3": "uart_cmsdk.c", "cortex-m4": "uart_cmsdk.c", "cortex-m7": "uart_cmsdk.c"}  # boards of Arm's MPS2


@dataclass(frozen=True)
class Running:
    """A board that runs.

    Attributes:
        port: its serial port here, ``/dev/pts/4``.
        monitor: the emulator's socket of control.
    """

    port: str
    monitor: Path

    def reset(self) -> None:
        """Press its reset button."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(10)
            line.connect(str(self.monitor))
            stream = line.makefile("rw")
            stream.readline()  # the greeting
            for command in ("qmp_capabilities", "system_reset"):
                stream.write(json.dumps({"execute": command}) + "\n")
                stream.flush()
                while "return" not in json.loads(stream.readline()):
                    pass  # an event


def build_serial(project: CProject, digest: str, name: str, folder: Path) -> Firmware:
    """The firmware with a model in it.

    Raises:
        InputError: no such machine, or none with a serial port that is known here.
        EnvironmentProblem: the machine's tools are not installed.
    """
    if name not in UARTS:
        raise InputError(f"emulated machine: must be one of {', '.join(UARTS)} for a serial port. Found: '{name}'.")
    texts = {**firmware_files(project, digest), UARTS[name]: firmware_text(UARTS[name])}
    for path, text in texts.items():
        (folder / path).write_text(text, encoding="utf-8")
    sources = [folder / path for path in texts if path.endswith(".c")]
    return build(machine(name), [*sources, project.source], folder, include=[folder, project.folder / "src"])


@contextmanager
def serial_board(project: CProject, digest: str, name: str) -> Iterator[Running]:
    """Compile the firmware and run it as long as the block does.

    Raises:
        InputError: as `build_serial`.
        EnvironmentProblem: likewise, or the emulator does not start.
    """
    with tempfile.TemporaryDirectory(prefix="edgernn-uart-") as path:
        folder = Path(path)
        firmware = build_serial(project, digest, name, folder)
        emulator = list(firmware.machine.emulator)
        emulator[emulator.index("-serial") + 1] = "pty"
        clock = emulator.index("-icount")
        del emulator[clock : clock + 2]  # nothing is counted, and it runs faster
        monitor = folder / "monitor"
        command = [emulator[0], "-qmp", f"unix:{monitor},server=on,wait=off", *emulator[1:], str(firmware.elf)]
        with subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                assert process.stdout is not None, "it is a pipe"
                said = process.stdout.readline()
                found = re.search(r"(/dev/\S+)", said)
                if found is None:
                    raise EnvironmentProblem(f"emulator: must tell its serial port. Found: '{said.strip()}'.")
                yield Running(found.group(1), monitor)
            finally:
                process.kill()
