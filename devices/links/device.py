"""What every device offers: tell what it is, take an artifact, run it, give back what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from edgernn.deployment.job import Job
from edgernn.profiling.latency import Seconds


@dataclass(frozen=True)
class Facts:
    """What a device is.

    Attributes:
        kind: linux, android, emulator or serial.
        architecture: as ``uname -m`` says, or the core.
        system: operating system with its version, or the emulator or firmware.
        processor: or board.
        more: anything else that is known: Python, cores, memory.
    """

    kind: str
    architecture: str
    system: str
    processor: str
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came back.

    Attributes:
        outputs: raw, of all invocations one after the other.
        runtime: that ran it there, with its version.
        latencies: seconds of the timed invocations in their order, by cluster of cores, `all` where nobody chose; empty
            where time means nothing.
        measures: by name: cold_start_us, rss_bytes, temperature_c, clock_mhz, throttled, instructions_per_run,
            stack_bytes, flash_bytes, ram_bytes and what else the device tells.
    """

    outputs: bytes
    runtime: str
    latencies: Mapping[str, Seconds]
    measures: Mapping[str, Any]


class Device(Protocol):
    """A device that is connected.

    Attributes:
        name: as the user gave it.
    """

    name: str

    def describe(self) -> Facts:
        """What it is.

        Raises:
            EnvironmentProblem: it cannot be reached.
        """

    def put(self, job: Job) -> int:
        """Bring there what the job needs, and check that it arrived; nothing that is there already is copied.

        Returns:
            The bytes that were copied.

        Raises:
            InputError: the artifact is not for this device.
            EnvironmentProblem: a compiler or a package is missing, or the device or its link fails; what was there
                before is as it was.
        """

    def run(self, job: Job) -> None:
        """Run all invocations.

        Raises:
            EnvironmentProblem: the device or its link fails, or the time is over; then nothing runs on there.
        """

    def read(self, job: Job) -> Outcome:
        """What the run has left behind, which is removed from the device.

        Raises:
            EnvironmentProblem: the device or its link fails.
        """

    def close(self) -> None:
        """Remove what must not stay, and hang up. Never fails."""
