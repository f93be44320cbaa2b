"""How long C may take on a board: instructions that an emulator has counted, a model of cycles, and the board's clock.

It is an estimate, and a range. QEMU counts instructions exactly and knows no cycles. How many cycles an instruction
takes depends on its kind, on what comes before it, and on how the board fetches it, so the model gives the least and
the most that code like ours takes in the mean, where instructions come without waiting. Where flash is slower than the
core and nothing buffers it, it takes longer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgernn.devices.boards import Board

if TYPE_CHECKING:
    from edgernn.devices.emulators.model import Cost

# Cycles of an instruction in the mean, the least and the most: a judgement, which no board has been held against. A
# Cortex-M4 and an M33 take one for most, two for a load whose neighbours are no loads, two to four for a branch that is
# taken. An M0 or M0+ takes two for every load and store. An M7 begins two at a time where they are independent. A small
# RISC-V is like an M4.
CYCLES = {
    "cortex-m0": (1.2, 2.0),
    "cortex-m4": (1.0, 2.0),
    "cortex-m33": (1.0, 2.0),
    "cortex-m7": (0.6, 1.5),
    "riscv32": (1.0, 2.0),
}
_MACHINES = {"Cortex-M0+": "cortex-m0", "Cortex-M4F": "cortex-m4", "Cortex-M33": "cortex-m33",
             "Cortex-M7": "cortex-m7", "RV32IMC": "riscv32"}  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """Of one call of C.

    Attributes:
        of: what is called: a step, or a sequence.
        instructions: that were counted.
        machine: that counted them.
        cycles_least: of an instruction, in the mean.
        cycles_most: likewise.
        clock_mhz: of the board.
    """

    of: str
    instructions: int
    machine: str
    cycles_least: float
    cycles_most: float
    clock_mhz: int

    @property
    def least_ms(self) -> float:
        """Milliseconds at the least."""
        return self.instructions * self.cycles_least / (1000 * self.clock_mhz)

    @property
    def most_ms(self) -> float:
        """Milliseconds at the most, as long as instructions come without waiting."""
        return self.instructions * self.cycles_most / (1000 * self.clock_mhz)

    @property
    def brief(self) -> str:
        """``0.057 to 0.11 ms a step``."""
        return f"{_short(self.least_ms)} to {_short(self.most_ms)} ms a {self.of}"

    def __str__(self) -> str:
        """With what it is computed from."""
        cycles = f"{self.cycles_least:g} to {self.cycles_most:g} cycles each"
        return f"{self.brief}: {self.instructions:,} instructions on {self.machine}, {cycles}, {self.clock_mhz:,} MHz"

    def document(self) -> dict[str, Any]:
        """As JSON's own types."""
        return {**asdict(self), "least_ms": self.least_ms, "most_ms": self.most_ms}


def machine_for(board: Board) -> str | None:
    """The emulated machine with the board's core, ``qemu:cortex-m4``; None if there is none."""
    name = _MACHINES.get(board.core)
    return None if name is None else f"qemu:{name}"


def estimate(board: Board, cost: Cost) -> Estimate | None:
    """The time of a step on the board, or of a sequence where there are no steps."""
    name = _MACHINES.get(board.core)
    step = cost.instructions_per_step
    count = step if step is not None else cost.instructions_per_run
    if name is None or count is None or cost.device != f"qemu:{name}":
        return None
    return Estimate("step" if step is not None else "sequence", count, cost.device, *CYCLES[name], board.clock_mhz)


def _short(number: float) -> str:
    """Two significant digits, no exponent."""
    text = f"{float(f'{number:.2g}'):f}".rstrip("0").rstrip(".")
    return text or "0"
