"""An emulated board: a folder of C compiled for its core, run under QEMU, counted in instructions and never in time."""

from __future__ import annotations

from dataclasses import asdict

from edgernn.deployment.job import Job
from edgernn.devices.emulators.machines import machine_of
from edgernn.devices.emulators.model import EmulatedSession
from edgernn.devices.host.c import CProject
from edgernn.devices.links.device import Facts, Outcome
from edgernn.errors import InputError


class EmulatedBoard:
    """See `edgernn.devices.links.device.Device`. There is no board: nothing stays anywhere."""

    def __init__(self, name: str) -> None:
        """Choose a machine, ``qemu:cortex-m4``.

        Raises:
            InputError: there is none of that name.
        """
        self.name = name
        self._machine = machine_of(name)
        self._session: EmulatedSession | None = None
        self._outputs = b""

    def describe(self) -> Facts:
        """The core and the emulator."""
        self._machine.require()
        emulator = self._machine.emulator[0]
        return Facts("emulator", self._machine.name, emulator, self._machine.name, {"compiler": self._machine.compiler})

    def put(self, job: Job) -> int:
        """Compile the folder; the size of the firmware counts as copied."""
        content = job.artifact.content
        if not isinstance(content, CProject):
            raise InputError(
                f"device '{self.name}': must be given a folder of C. Found: a .tflite.", hint="convert --format c."
            )
        self._session = EmulatedSession(content, self.name)
        return self._session.firmware.flash_bytes

    def run(self, job: Job) -> None:
        """Run all samples in one go; time and repetitions mean nothing here."""
        assert self._session is not None, "put comes first"
        names = [info.name for info in job.artifact.inputs]
        rows = [dict(zip(names, row, strict=True)) for row in job.invocations]
        found = self._session.run_many(rows, seconds=job.plan.seconds)
        self._outputs = b"".join(
            job.bytes_of(tuple(answer[info.name] for info in job.artifact.outputs)) for answer in found
        )

    def read(self, job: Job) -> Outcome:
        """The outputs, and what a sequence costs."""
        assert self._session is not None, "put comes first"
        cost = {key: value for key, value in asdict(self._session.cost()).items() if value is not None}
        if self._machine.counter == "cycles":
            cost = {key.replace("instructions", "cycles"): value for key, value in cost.items()}
        device, compiler = cost.pop("device"), cost.pop("compiler")
        return Outcome(self._outputs, f"C, {compiler}, {device}", {}, cost)

    def close(self) -> None:
        """The session's folder goes with it."""
        self._session = None
