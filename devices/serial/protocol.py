r"""The lines that host and firmware exchange, declared once: the firmware's header is written from what is here.

A line is printable and short enough for the buffer of a small UART:

    NUMBER VERB TOKEN PAYLOAD CRC \n        hexadecimal, without spaces

The host numbers its requests; the answer repeats number and verb, so that a line that was sent twice or comes late is
recognized. The token is one that the host chose with DESCRIBE. A board that was reset has forgotten it, answers with
zeros, and is so found out. The CRC (CRC-16/XMODEM, polynomial 0x1021) is over everything before it. A line that does
not fit is dropped without a word: the host asks again. RUN begins anew from the input, so asking twice does no harm.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass

VERSION = 1
CHUNK = 24  # bytes of a tensor in one line
HASH = 8  # bytes of the SHA-256 of the model's folder

DESCRIBE, INPUT, RUN, OUTPUT = "D", "I", "R", "O"
VERBS = {
    DESCRIBE: ("4 bytes: a token", "version (1), bytes of input (4) and output (4), HASH bytes of the model's hash"),
    INPUT: ("offset (4), 1 to CHUNK bytes", "nothing"),
    RUN: ("nothing", "CRC of the whole input (2) and of the whole output (2), as the board has them"),
    OUTPUT: ("offset (4), count (1)", "so many bytes"),
}
_HEAD = 2 + 1 + 8
LONGEST = _HEAD + 2 * (4 + CHUNK) + 4


@dataclass(frozen=True)
class Line:
    """A request or an answer.

    Attributes:
        number: 0 to 255.
        verb: one of `VERBS`.
        token: 4 bytes.
        payload: at most 4 + CHUNK bytes.
    """

    number: int
    verb: str
    token: bytes
    payload: bytes = b""

    def encode(self) -> bytes:
        """As it goes over the line."""
        text = f"{self.number:02X}{self.verb}{self.token.hex().upper()}{self.payload.hex().upper()}".encode()
        return text + f"{crc(text):04X}\n".encode()


def decode(text: bytes) -> Line | None:
    """The line in what came between two ends of lines; None for anything else."""
    text = text.strip()
    if not _HEAD + 4 <= len(text) <= LONGEST or len(text) % 2 == 0:
        return None
    try:
        number, verb, rest = int(text[:2], 16), text[2:3].decode("ascii"), bytes.fromhex(text[3:].decode("ascii"))
    except ValueError:
        return None
    if verb not in VERBS or crc(text[:-4]) != int.from_bytes(rest[-2:], "big"):
        return None
    return Line(number, verb, rest[:4], rest[4:-2])


def crc(content: bytes) -> int:
    """CRC-16/XMODEM."""
    return binascii.crc_hqx(content, 0)


def header() -> str:
    """What the firmware has of this, in C."""
    names = {"VERSION": VERSION, "CHUNK": CHUNK, "HASH": HASH, "LONGEST": LONGEST}
    verbs = {"DESCRIBE": DESCRIBE, "INPUT": INPUT, "RUN": RUN, "OUTPUT": OUTPUT}
    lines = [f"#define EDGERNN_SERIAL_{name} {number}" for name, number in names.items()]
    lines += [f"#define EDGERNN_SERIAL_{name} '{letter}'" for name, letter in verbs.items()]
    return "\n".join(lines)
