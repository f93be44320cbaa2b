"""Reading WAV files of whatever recorder: RIFF chunks by hand, since Python's `wave` knows no floats.

The format: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" (1991), and `mmreg.h` for the
extensible form, whose sub-format begins with the code that a plain file would have.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgernn.errors import InputError

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_PCM_BITS, _FLOAT_BITS = (8, 16, 24, 32), (32, 64)
_KINDS = "integers of 8, 16, 24 or 32 bits, or floats"


@dataclass(frozen=True)
class _Format:
    """What a `fmt ` chunk says."""

    code: int
    channels: int
    rate: int
    bits: int


class _NoWavError(Exception):
    """What is wrong with the file, in words that follow "Found: "."""


def read_wav(path: str | Path) -> tuple[NDArray[Any], int]:
    """The samples of an uncompressed WAV file, float32, channels averaged, and their rate in hertz.

    Integers become numbers between -1 and 1; floats stay what they are.

    Raises:
        InputError: it is none, compressed, of another kind of number, damaged or cut off, or holds no finite numbers.
    """
    try:
        content = Path(path).read_bytes()
        form, data = _parts(content)
        samples = _numbers(form, data)
        if not np.isfinite(samples).all():
            raise _NoWavError("samples that are NaN or infinite")
    except (OSError, _NoWavError) as error:
        found = getattr(error, "strerror", None) or error
        raise InputError(
            f"input '{path}': must be an uncompressed WAV file of {_KINDS}. Found: {found}.",
            hint="ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav makes one.",
        ) from error
    return samples.reshape(-1, form.channels).mean(axis=1, dtype=np.float32), form.rate


def _parts(content: bytes) -> tuple[_Format, bytes]:
    """The format, and the bytes of the samples."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise _NoWavError("an empty file" if not content else "another kind of file")
    form = None
    for name, body in _chunks(content):
        if name == b"fmt ":
            form = _format(body)
        elif name == b"data":
            if form is None:
                raise _NoWavError("samples before the chunk 'fmt ' that describes them")
            return form, body
    raise _NoWavError("no chunk 'data'" if form is not None else "no chunk 'fmt '")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        place += 8
        if size > len(content) - place:
            said = name.decode("latin-1")
            raise _NoWavError(f"a chunk '{said}' of {size} bytes, of which {len(content) - place} are there")
        yield name, content[place : place + size]
        place += size + size % 2


def _format(body: bytes) -> _Format:
    if len(body) < 16:
        raise _NoWavError(f"a chunk 'fmt ' of {len(body)} bytes")
    code, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    if code == _EXTENSIBLE and len(body) >= 26:
        code = struct.unpack_from("<H", body, 24)[0]
    if code not in (_PCM, _FLOAT):
        raise _NoWavError(f"the compression {code:#06x}")
    if bits not in (_PCM_BITS if code == _PCM else _FLOAT_BITS):
        raise _NoWavError(f"{'integers' if code == _PCM else 'floats'} of {bits} bits")
    if not channels or not rate or block != channels * bits // 8:
        raise _NoWavError(f"{channels} channels of {bits} bits at {rate} Hz in blocks of {block} bytes")
    return _Format(code, channels, rate, bits)


def _numbers(form: _Format, data: bytes) -> NDArray[Any]:
    """All samples of all channels, in the file's order; what is left of a last block is dropped."""
    size = form.bits // 8
    data = data[: len(data) // (size * form.channels) * size * form.channels]
    if form.code == _FLOAT:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.frombuffer(data, f"<f{size}").astype(np.float32)
    if size == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    wide = np.zeros((len(data) // size, 4), np.uint8)
    wide[:, 4 - size :] = np.frombuffer(data, np.uint8).reshape(-1, size)  # little-endian, the sign in the highest byte
    return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
