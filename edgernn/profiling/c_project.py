"""A profile of a folder of C: its memory, its time on this machine, and its cost on an emulated one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from edgernn.devices.boards import Board
from edgernn.devices.emulators.model import Cost, EmulatedSession
from edgernn.devices.host.c import CProject, CSession, read_c_project
from edgernn.devices.host.machine import describe_machine
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.profiling.estimate import machine_for
from edgernn.profiling.fit import Fit, fits_document
from edgernn.profiling.latency import Latency, Plan, measure_slices
from edgernn.profiling.needs import c_fit


@dataclass(frozen=True)
class CProfile:
    """What is known of a folder of C.

    Attributes:
        project: the folder.
        time: when it was measured, ISO 8601 with offset.
        compiler: that compiled it for this machine.
        latency: of a whole sequence on this machine, Python's call included; None where an emulated machine was asked
            for.
        cost: on that machine.
        fits: of each board that was asked for, whether it can hold it, and how long a step may take there.
        missing: why an emulated machine of a board's core could not be asked, each reason once.
    """

    project: CProject
    time: str
    compiler: str = ""
    latency: Latency | None = None
    cost: Cost | None = None
    fits: tuple[Fit, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the figures."""
        notes = list(self.missing)
        if self.cost is not None:
            notes.append("instructions are counted under emulation; they are not cycles, and none of this is time.")
        elif self.latency is not None and self.latency.noisy:
            notes.append(
                "the machine's speed changed while it was measured: close other programs, or raise --min-seconds."
            )
        return tuple(notes)


def profile_c(
    folder: Any,
    *,
    device: str | None,
    plan: Plan,
    boards: Sequence[Board] = (),
    on_progress: Callable[[str, float], None] = lambda stage, share: None,
) -> CProfile:
    """Compile a folder of C and measure it, here or on an emulated machine.

    Args:
        folder: that `edgernn convert --format c` wrote.
        device: an emulated machine, ``qemu:cortex-m4``; None for this machine.
        plan: how long to measure here.
        boards: that it shall fit on; instructions, code and stack are counted on an emulated machine of their core.
        on_progress: is told what is being done, and which share of it is.

    Raises:
        InputError: it is no such folder, or does not compile or fit; no such machine.
        EnvironmentProblem: a compiler or the emulator is not installed.
    """
    project = read_c_project(folder)
    now = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    plan.check()
    if device is not None:
        on_progress(f"running on {device}", 0)
        cost = EmulatedSession(project, device).cost()
        fits, missing = _fits(project, boards, {device: cost}, on_progress)
        return CProfile(project, now, cost=cost, fits=fits, missing=missing)
    on_progress("compiling", 0)
    session = CSession(project)
    session.feed({info.name: info.noise() for info in session.inputs})
    latency = measure_slices(session.take_times, plan, lambda share: on_progress("timing", share))
    fits, missing = _fits(project, boards, {}, on_progress)
    return CProfile(project, now, session.description, latency, fits=fits, missing=missing)


def _fits(
    project: CProject, boards: Sequence[Board], known: Mapping[str, Cost], on_progress: Callable[[str, float], None]
) -> tuple[tuple[Fit, ...], tuple[str, ...]]:
    """Of each board, and why a machine of its core could not be asked; each machine is asked once."""
    costs: dict[str, Cost | None] = dict(known)
    missing, fits = [], []
    for board in boards:
        machine = machine_for(board)
        if machine is not None and machine not in costs:
            on_progress(f"counting on {machine}", 0)
            try:
                costs[machine] = EmulatedSession(project, machine).cost()
            except EnvironmentProblem as error:
                costs[machine] = None
                missing.append(f"code, stack and time of boards like '{board.name}' are not counted: {error.message}")
            except InputError:  # too large even for the emulated board, which has more than any that it stands for
                costs[machine] = None
        fits.append(c_fit(board, project.folder, None if machine is None else costs[machine]))
    return tuple(fits), tuple(missing)


def c_document(found: CProfile) -> dict[str, Any]:
    """What `--json` prints; the keys that a .tflite has too have the same names."""
    from edgernn import __version__

    own, cost = found.project.own, found.cost
    return {
        "schema": "edgernn.profile",
        "version": 1,
        "artifact": str(found.project.folder),
        "kind": "c",
        "time": found.time,
        "edgernn": str(__version__),
        "runtime": "c",
        "runtime_package": cost.compiler if cost else found.compiler,
        "device": {"name": cost.device} if cost else {"name": "host", **describe_machine()},
        "threads": 1,
        "scheme": own["scheme"],
        "parameters": own["parameters"],
        "macs": own["macs"],
        "macs_per_step": own["macs_per_step"],
        "counted": "metadata",
        "model_bytes": own["constant_bytes"],
        **{key: own[key] for key in ("scratch_bytes", "run_scratch_bytes", "step_scratch_bytes")},
        "state_bytes": own["state_bytes"],
        "latency_us": asdict(found.latency) | {"noisy": found.latency.noisy} if found.latency else None,
        **{key: value for key, value in (asdict(cost).items() if cost else ()) if key not in ("device", "compiler")},
        **fits_document(found.fits),
        "complete": True,
        "notes": list(found.notes),
    }


def c_rows(found: CProfile) -> list[tuple[str, str]]:
    """The same for people."""
    own, cost, times = found.project.own, found.cost, found.latency

    def size(count: int) -> str:
        return f"{count:,} bytes"

    rows = [
        ("folder", f"{found.project.folder}, C, {own['scheme']}"),
        ("parameters", f"{own['parameters']:,}, as the folder says"),
        ("multiply-accumulates", f"{own['macs']:,}, per time step {own['macs_per_step']:,}"),
        ("constants in flash", size(own["constant_bytes"])),
        ("working memory of a sequence", size(own["run_scratch_bytes"])),
    ]
    if own["streams"]:
        rows += [("  of a step", size(own["step_scratch_bytes"])), ("state of a stream", size(own["state_bytes"]))]
    if times is not None:
        rows += [
            ("latency", f"{times.p50:,.1f} us median of {times.runs:,} sequences, {found.compiler}"),
            ("  p90, p95, p99", f"{times.p90:,.1f} us, {times.p95:,.1f} us, {times.p99:,.1f} us"),
        ]
    if cost is not None:
        counts = (("instructions per step", cost.instructions_per_step), ("  per sequence", cost.instructions_per_run))
        rows.append(("device", f"{cost.device}, {cost.compiler}"))
        rows += [(name, f"{count:,}") for name, count in counts if count is not None]
        rows += [
            ("code and tables", size(cost.flash_engine_bytes)),
            ("weights", size(cost.flash_weights_bytes)),
            ("stack", size(cost.stack_bytes)),
            ("RAM in all", size(cost.ram_bytes)),
        ]
    return rows
