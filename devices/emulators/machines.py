"""The emulated machines: their compilers, their memories and how QEMU runs them.

Instruction counts are exact and repeatable. They are not cycles: there are no wait states, caches or pipelines here.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from edgernn.errors import EnvironmentProblem, InputError

FIRMWARE = Path(__file__).parent / "firmware"

# Instructions of edgernn_systick in firmware/cortex_m.c, which runs each time the 24 bits of the counter wrap.
WRAP_INSTRUCTIONS = 5

# With `-icount shift=8`, QEMU lets 2^8 ns of virtual time pass at every instruction.
_NANOSECONDS_PER_INSTRUCTION = 256

Counter = Literal["systick", "instret", "plugin", "cycles"]


@dataclass(frozen=True)
class Memory:
    """Where a board's flash and RAM are, in bytes."""

    flash_origin: int
    flash_bytes: int
    ram_origin: int
    ram_bytes: int

    def linker_flags(self) -> list[str]:
        """The regions, as firmware/memory.ld expects them."""
        fields = ("flash_origin", "flash_bytes", "ram_origin", "ram_bytes")
        return [f"-Wl,--defsym=edgernn_{field}={getattr(self, field)}" for field in fields]


@dataclass(frozen=True)
class Machine:
    """An emulated machine.

    Attributes:
        name: as in ``--device qemu:NAME``, or ``simavr:NAME``.
        description: what is emulated, for a table of devices.
        compiler: the GCC that compiles for it.
        compile_flags: the processor and its calling convention.
        link_flags: the libraries and the linker script.
        sources: what it needs of the folder firmware/.
        library: a file of its C library, by which its presence is known.
        emulator: the command that runs a program, without the program.
        packages: of Debian, which bring all of these.
        memory: of a board without an operating system.
        counter: what counts its instructions; of an AVR, its cycles.
        ticks_per_instruction: of that counter.
        language: that models are compiled in.
    """

    name: str
    description: str
    compiler: str
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    sources: tuple[str, ...]
    library: str
    emulator: tuple[str, ...]
    packages: tuple[str, ...]
    memory: Memory | None
    counter: Counter
    ticks_per_instruction: Fraction = Fraction(1)
    language: str = "-std=c99"

    @property
    def device(self) -> str:
        """Its name as a device, ``qemu:cortex-m4``."""
        return f"{'simavr' if self.counter == 'cycles' else 'qemu'}:{self.name}"

    def missing(self) -> tuple[str, ...]:
        """The programs and libraries that it needs and that are not installed."""
        programs = [program for program in (self.compiler, self.emulator[0]) if shutil.which(program) is None]
        if self.compiler in programs:
            return tuple(programs)
        command = [self.compiler, *self.compile_flags, f"-print-file-name={self.library}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        # GCC answers with the bare name for a file that it does not find.
        return (*programs, *([] if answer != self.library else [f"{self.compiler}: {self.library}"]))

    def require(self) -> None:
        """Check that it can be used.

        Raises:
            EnvironmentProblem: something is missing; the hint says how to install it.
        """
        if missing := self.missing():
            raise EnvironmentProblem(
                f"device '{self.device}': needs a cross compiler with its C library, and an emulator. "
                f"Found: no {', no '.join(missing)}.",
                hint=f"sudo apt-get install {' '.join(self.packages)}",
            )


def is_emulated(device: str) -> bool:
    """Whether a device's name is that of an emulated machine."""
    return device.startswith(("qemu:", "simavr:"))


def machine_of(device: str) -> Machine:
    """The machine of a device, ``qemu:cortex-m4``.

    Raises:
        InputError: there is none.
    """
    found = machine(device.partition(":")[2]) if is_emulated(device) else None
    if found is None or found.device != device:
        names = ", ".join(entry.device for entry in MACHINES.values())
        raise InputError(f"device: must be an emulated machine. Found: '{device}'.", hint=f"choose one of {names}.")
    return found


def machine(name: str) -> Machine:
    """The machine of that name.

    Raises:
        InputError: there is none.
    """
    if name not in MACHINES:
        raise InputError(
            f"emulated machine: must be one that is known. Found: '{name}'.",
            hint=f"choose one of {', '.join(MACHINES)}.",
        )
    return MACHINES[name]


def _cortex_m(name: str, board: str, floating_point: bool, memory: Memory, megahertz: int) -> Machine:
    """A Cortex-M on one of QEMU's boards.

    Args:
        name: of the processor, as for the compiler.
        board: as QEMU calls it.
        floating_point: whether the board's processor has it.
        memory: of the board.
        megahertz: the clock of SysTick there, by which its ticks become instructions.
    """
    floats = ("-mfloat-abi=hard", "-mfpu=auto") if floating_point else ("-mfloat-abi=soft",)
    return Machine(
        name=name,
        description=f"{name.capitalize()}{' with FPU' if floating_point else ''}, QEMU's board {board}",
        compiler="arm-none-eabi-gcc",
        compile_flags=(f"-mcpu={name}", "-mthumb", *floats),
        link_flags=("-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", *_script(memory)),
        sources=("report.c", "semihosting.c", "cortex_m.c"),
        library="nano.specs",
        emulator=("qemu-system-arm", "-M", board, *_BARE, "-icount", "shift=8", "-kernel"),
        packages=("qemu-system-arm", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi"),
        memory=memory,
        counter="systick",
        ticks_per_instruction=Fraction(_NANOSECONDS_PER_INSTRUCTION * megahertz, 1000),
    )


def _cortex_a(name: str, board: str) -> Machine:
    """A 64-bit Linux program; `board` is the one that has such a processor."""
    return Machine(
        name=name,
        description=f"{name.capitalize()} with 64-bit Linux, as in a {board}, QEMU's user mode",
        compiler="aarch64-linux-gnu-gcc",
        compile_flags=(f"-mcpu={name}",),
        link_flags=("-static",),
        sources=("report.c", "linux.c"),
        library="libc.a",
        emulator=("qemu-aarch64", "-cpu", name),
        packages=("qemu-user", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
        memory=None,
        counter="plugin",
    )


def _script(memory: Memory) -> tuple[str, ...]:
    return ("-T", str(FIRMWARE / "memory.ld"), *memory.linker_flags())


_BARE = ("-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native")
_KIB, _MIB = 1 << 10, 1 << 20
_MPS2 = Memory(0x0000_0000, 4 * _MIB, 0x2000_0000, 4 * _MIB)
_RISCV = Memory(0x8000_0000, 4 * _MIB, 0x8040_0000, 4 * _MIB)

MACHINES = {
    entry.name: entry
    for entry in (
        _cortex_m("cortex-m0", "microbit", False, Memory(0, 256 * _KIB, 0x2000_0000, 16 * _KIB), 16),
        _cortex_m("cortex-m3", "mps2-an385", False, _MPS2, 25),
        _cortex_m("cortex-m4", "mps2-an386", True, _MPS2, 25),
        _cortex_m("cortex-m7", "mps2-an500", True, _MPS2, 25),
        _cortex_m("cortex-m33", "mps2-an505", True, Memory(0x1000_0000, 4 * _MIB, 0x3800_0000, 4 * _MIB), 20),
        _cortex_m("cortex-m55", "mps3-an547", True, Memory(0, 512 * _KIB, 0x2000_0000, 512 * _KIB), 32),
        _cortex_a("cortex-a72", "Raspberry Pi 4"),
        _cortex_a("cortex-a76", "Raspberry Pi 5"),
        Machine(
            name="riscv32",
            description="RISC-V RV32IMAC, QEMU's board virt",
            compiler="riscv64-unknown-elf-gcc",
            compile_flags=("-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs"),
            link_flags=("-nostartfiles", *_script(_RISCV)),
            sources=("report.c", "semihosting.c", "riscv.c"),
            library="picolibc.specs",
            emulator=("qemu-system-riscv32", "-M", "virt", "-bios", "none", *_BARE, "-icount", "shift=0", "-kernel"),
            packages=("qemu-system-misc", "gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"),
            memory=_RISCV,
            counter="instret",
        ),
        Machine(
            name="atmega2560",
            description="ATmega2560 at 16 MHz, as in an Arduino Mega, simavr",
            compiler="avr-gcc",
            compile_flags=("-mmcu=atmega2560",),
            # 512 bytes of RAM at least are for the stack.
            link_flags=("-Wl,--defsym=__DATA_REGION_LENGTH__=7680", "-Wl,--defsym=__TEXT_REGION_LENGTH__=0x20000"),
            sources=("report.c", "avr.c"),
            library="libc.a",
            emulator=("simavr", "-m", "atmega2560", "-f", "16000000"),
            packages=("simavr", "gcc-avr", "avr-libc"),
            memory=None,
            counter="cycles",
            language="-std=gnu99",  # whose __flash keeps constants out of RAM
        ),
    )
}
