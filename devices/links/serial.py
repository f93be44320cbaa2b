"""A board on a serial port, which runs edgernn's firmware with the model in it."""

from __future__ import annotations

from edgernn.deployment.job import Job
from edgernn.devices.host.c import CProject
from edgernn.devices.links.device import Facts, Outcome
from edgernn.devices.serial.board import SerialBoard
from edgernn.devices.serial.protocol import HASH
from edgernn.errors import InputError


class SerialDevice:
    """See `edgernn.devices.links.device.Device`. Nothing is copied: the firmware has the model, as its hash proves."""

    def __init__(self, name: str, port: str, baud: int) -> None:
        """Nothing is opened yet."""
        self.name, self._port, self._baud = name, port, baud
        self._board: SerialBoard | None = None
        self._outputs: list[bytes] = []

    def describe(self) -> Facts:
        """What the firmware tells."""
        self._board = SerialBoard(self._port, self._baud)
        facts = self._board.describe()
        more = {"input_bytes": facts.input_bytes, "output_bytes": facts.output_bytes, "baud": self._baud}
        self._hash = facts.model_hash
        return Facts("serial", "unknown", f"edgernn firmware, protocol {facts.version}", "unknown", more)

    def put(self, job: Job) -> int:
        """Check that the board has this model."""
        if not isinstance(job.artifact.content, CProject):
            raise InputError(
                f"device '{self.name}': must be given a folder of C. Found: a .tflite.", hint="convert --format c."
            )
        wanted = bytes.fromhex(job.digest)[:HASH]
        if self._hash != wanted:
            raise InputError(
                f"device '{self.name}': must run the model {wanted.hex()}. Found: {self._hash.hex()}.",
                hint="write the firmware's source with --serial-firmware DIR, build it and flash it.",
            )
        return 0

    def run(self, job: Job) -> None:
        """All samples, one after the other."""
        assert self._board is not None, "describe comes first"
        self._outputs = self._board.run([job.bytes_of(row) for row in job.invocations])

    def read(self, job: Job) -> Outcome:
        """The outputs; the line is far slower than the model, so no time is told."""
        assert self._board is not None, "describe comes first"
        return Outcome(b"".join(self._outputs), "C, edgernn firmware", {}, {"resets": self._board.resets})

    def close(self) -> None:
        """Close the port."""
        if self._board is not None:
            self._board.close()
