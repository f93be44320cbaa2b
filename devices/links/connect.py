"""From a device's name to a link; the first word says which kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgernn.devices.emulators.machines import is_emulated
from edgernn.devices.links.device import Device
from edgernn.devices.links.ssh import SshOptions
from edgernn.errors import InputError

KINDS = "user@host, android, android:SERIAL, qemu:MACHINE, simavr:MACHINE, serial:PORT"


@dataclass(frozen=True)
class Connection:
    """How to reach devices.

    Attributes:
        ssh: of Linux boards.
        offline: carry packages to boards that are not connected.
        baud: of serial ports.
        adb: the program.
        benchmark: Google's `benchmark_model` for a phone.
    """

    ssh: SshOptions = field(default_factory=SshOptions)
    offline: bool = False
    baud: int = 115200
    adb: Path | None = None
    benchmark: Path | None = None


def connect(name: str, how: Connection) -> Device:
    """The device of that name; most are reached only when they are first asked something.

    Raises:
        InputError: it is no name of a device.
        EnvironmentProblem: the program that reaches it is not installed.
    """
    kind, colon, rest = name.partition(":")
    if is_emulated(name):
        from edgernn.devices.links.emulator import EmulatedBoard

        return EmulatedBoard(name)
    if kind == "serial" and colon:
        from edgernn.devices.links.serial import SerialDevice

        return SerialDevice(name, rest, how.baud)
    if kind == "android":
        from edgernn.devices.links.adb import AdbShell
        from edgernn.devices.linux.board import LinuxDevice

        benchmark = None if how.benchmark is None else _binary(how.benchmark)
        return LinuxDevice(AdbShell(name, rest or None, how.adb), keep=False, benchmark=benchmark)
    if "@" in name or (name and not colon):
        from edgernn.devices.links.ssh import SshShell
        from edgernn.devices.linux.board import LinuxDevice

        return LinuxDevice(SshShell(name, how.ssh), offline=how.offline)
    raise InputError(f"device: must be one of {KINDS}. Found: '{name}'.", hint="pi@raspberrypi.local, say.")


def _binary(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"benchmark binary '{path}': must be a file. Found: {error.strerror}.",
            hint="download Google's benchmark_model for the phone's processor.",
        ) from error
