"""The host's side of a serial line: asks until it is answered, and never takes a wrong answer for a right one."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from edgernn.devices.serial import protocol
from edgernn.devices.serial.protocol import CHUNK, Line, crc, decode
from edgernn.errors import EnvironmentProblem, InputError, missing_extra

_TRIES, _PATIENCE = 12, 0.4  # times that a line is sent, seconds before it is sent again
_RESTARTS = 20  # of a sample, after a reset of the board or a difference at the end


@dataclass(frozen=True)
class BoardFacts:
    """What a board says of itself.

    Attributes:
        version: of the protocol.
        input_bytes: of one run.
        output_bytes: likewise.
        model_hash: the first bytes of the SHA-256 of the folder of C that it runs.
    """

    version: int
    input_bytes: int
    output_bytes: int
    model_hash: bytes


class _ResetError(Exception):
    """The board has forgotten the token, or what it has is not what was sent."""


class SerialBoard:
    """A board that is connected."""

    def __init__(self, port: str, baud: int = 115200, *, seconds: float = 30.0) -> None:
        """Open the port; nothing is asked yet.

        Args:
            port: ``/dev/ttyACM0``.
            baud: symbols per second, as the firmware has it.
            seconds: that one run may take.

        Raises:
            InputError: there is no such port.
            EnvironmentProblem: pyserial is not installed, or the port cannot be opened.
        """
        try:
            import serial
        except ModuleNotFoundError as error:
            raise missing_extra("pyserial", "serial", "a serial port") from error
        self._errors: Any = (serial.SerialException, OSError)
        self._where, self._seconds = f"device 'serial:{port}'", seconds
        try:
            self._port = serial.Serial(port, baud, timeout=0.05, write_timeout=5, exclusive=True)
        except (*self._errors, ValueError) as error:
            if getattr(error, "errno", None) == 2 or "No such file" in str(error):
                raise InputError(
                    f"{self._where}: must be a serial port. Found: none of that name.",
                    hint="plug the board in, and see 'python -m serial.tools.list_ports'.",
                ) from error
            hint = "close the program that uses it, or join the group 'dialout': sudo usermod -aG dialout $USER."
            raise EnvironmentProblem(f"{self._where}: must open. Found: {error}.", hint=hint) from error
        self._number, self._token, self._buffer = 0, bytes(4), b""
        self.resets = 0

    def __enter__(self) -> SerialBoard:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        self.close()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def describe(self) -> BoardFacts:
        """Greet the board, with a token that it keeps until it is reset.

        Raises:
            EnvironmentProblem: nobody answers, or one that speaks another version.
        """
        token = secrets.token_bytes(4)
        answer = self._ask(protocol.DESCRIBE, token, check=False)
        self._token = token
        said = answer.payload
        if len(said) != 9 + protocol.HASH or said[0] != protocol.VERSION or answer.token != token:
            raise EnvironmentProblem(
                f"{self._where}: must speak version {protocol.VERSION} of the protocol. Found: "
                f"{said[0] if said else 'none'}.",
                hint="write the firmware's source anew with this edgernn, and flash it.",
            )
        given, wanted = (int.from_bytes(said[start : start + 4], "little") for start in (1, 5))
        return BoardFacts(said[0], given, wanted, said[9:])

    def run(self, inputs: list[bytes]) -> list[bytes]:
        """Run the model on each, and give back the raw outputs.

        Raises:
            EnvironmentProblem: the board does not answer, or is reset again and again.
        """
        facts = self.describe()
        return [self._run_one(each, facts) for each in inputs]

    def _run_one(self, content: bytes, facts: BoardFacts) -> bytes:
        for _ in range(_RESTARTS):
            try:
                return self._try(content, facts)
            except _ResetError:
                self.resets += 1
                self.describe()
        raise EnvironmentProblem(
            f"{self._where}: must go on without a reset. Found: {_RESTARTS} resets in one run.",
            hint="see whether the power supply suffices or a watchdog bites, or lower the speed of the line.",
        )

    def _try(self, content: bytes, facts: BoardFacts) -> bytes:
        for start in range(0, len(content), CHUNK):
            part = content[start : start + CHUNK]
            self._ask(protocol.INPUT, start.to_bytes(4, "little") + part)
        sums = self._ask(protocol.RUN, seconds=self._seconds).payload
        output = b""
        while len(output) < facts.output_bytes:
            count = min(CHUNK, facts.output_bytes - len(output))
            answer = self._ask(protocol.OUTPUT, len(output).to_bytes(4, "little") + bytes([count])).payload
            if len(answer) != count:
                raise _ResetError
            output += answer
        if sums != crc(content).to_bytes(2, "big") + crc(output).to_bytes(2, "big"):
            raise _ResetError
        return output

    def _ask(self, verb: str, payload: bytes = b"", *, seconds: float = _PATIENCE, check: bool = True) -> Line:
        """Send a line until it is answered.

        Raises:
            _ResetError: the board has another token than it was given.
            EnvironmentProblem: no answer.
        """
        self._number = (self._number + 1) % 256
        request = Line(self._number, verb, self._token, payload).encode()
        heard = 0
        for attempt in range(_TRIES):
            self._send(b"\n" + request if attempt else request)  # a line end first, after whatever was lost
            end = time.monotonic() + max(seconds if attempt == 0 else _PATIENCE, _PATIENCE)
            while time.monotonic() < end:
                text = self._line()
                heard += len(text or b"")
                answer = decode(text) if text else None
                if answer is None or answer.number != self._number or answer.verb != verb:
                    continue
                if check and answer.token != self._token:
                    raise _ResetError
                return answer
        found = f"{heard} bytes that are no answer" if heard else "no answer"
        raise EnvironmentProblem(
            f"{self._where}: must answer within {_TRIES} tries. Found: {found}.",
            hint="see whether edgernn's firmware is flashed, --baud is its speed, and no other program reads the port.",
        )

    def _send(self, content: bytes) -> None:
        try:
            self._port.write(content)
        except self._errors as error:
            raise self._gone(error) from error

    def _line(self) -> bytes | None:
        """The next whole line, or None if there is none yet."""
        if b"\n" not in self._buffer:
            try:
                self._buffer += self._port.read(max(1, self._port.in_waiting))
            except self._errors as error:
                raise self._gone(error) from error
            self._buffer = self._buffer[-4096:]
        line, end, rest = self._buffer.partition(b"\n")
        if not end:
            return None
        self._buffer = rest
        return line

    def _gone(self, error: Exception) -> EnvironmentProblem:
        return EnvironmentProblem(
            f"{self._where}: must stay connected. Found: {error}.", hint="plug it in again and repeat."
        )
