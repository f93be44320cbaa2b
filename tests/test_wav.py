"""WAV files: every kind of number that recorders write, and what is refused."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pytest

from edgernn.audio.wav import read_wav
from edgernn.errors import InputError

SIGNAL = np.array([0.0, 0.5, -0.5, 0.25, -1.0, 0.75], "f4")


def wav(body: bytes, code: int, bits: int, channels: int = 1, *, before: bytes = b"", extra: bytes = b"") -> bytes:
    """A WAV file, written from the format's own description."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, 8000, 8000 * block, block, bits) + extra
    rest = b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form
    rest += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(rest)) + rest


def integers(bits: int) -> bytes:
    values = np.round(SIGNAL * 2.0 ** (bits - 1)).astype("i8") + (128 if bits == 8 else 0)
    return b"".join(int(n).to_bytes(bits // 8, "little", signed=bits > 8) for n in values)


GUID = struct.pack("<HHI", 22, 16, 0)  # what stands before the sub-format of an extensible file


@pytest.mark.parametrize(
    "content",
    [
        *(wav(integers(bits), 1, bits, 2) for bits in (8, 16, 24, 32)),
        wav(SIGNAL.astype("<f4").tobytes(), 3, 32, 2),
        wav(SIGNAL.astype("<f8").tobytes(), 3, 64, 2),
        wav(SIGNAL.astype("<f4").tobytes(), 3, 32, 2, extra=struct.pack("<H", 0)),
        wav(SIGNAL.astype("<f4").tobytes(), 0xFFFE, 32, 2, extra=GUID + struct.pack("<H", 3) + bytes(14)),
        wav(integers(16), 0xFFFE, 16, 2, extra=GUID + struct.pack("<H", 1) + bytes(14)),
        wav(integers(16), 1, 16, 2, before=b"LIST" + struct.pack("<I", 3) + b"abc\0"),  # an odd chunk is padded
        wav(integers(16) + b"\1\2", 1, 16, 2),  # half a block at the end
    ],
)
def test_every_kind_of_number_is_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    samples, rate = read_wav(tmp_path / "x.wav")
    assert rate == 8000
    np.testing.assert_allclose(samples, SIGNAL.reshape(-1, 2).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"RIFF", "another kind of file"),
        (b"RIFF\0\0\0\0AVI ", "another kind of file"),
        (wav(integers(16), 1, 16)[:20], "a chunk 'fmt ' of 16 bytes, of which 0 are there"),
        (wav(integers(16), 1, 16).replace(b"fmt ", b"fxt "), "samples before the chunk 'fmt '"),
        (wav(integers(16), 1, 16).replace(b"data", b"dada"), "no chunk 'data'"),
        (wav(integers(16), 1, 16).replace(b"data\x0c\0\0\0", b"data\x0d\0\0\0"), "of 13 bytes, of which 12 are there"),
        (wav(integers(16), 1, 16, before=b"LIST\0\0\0\x80"), "a chunk 'LIST' of 2147483648 bytes"),
        (wav(bytes(48), 1, 64), "integers of 64 bits"),
        (wav(bytes(48), 3, 16), "floats of 16 bits"),
        (wav(bytes(48), 1, 12), "integers of 12 bits"),
        (wav(bytes(48), 2, 16), "the compression 0x0002"),
        (wav(bytes(48), 1, 16, 0), "0 channels"),
        (wav(np.array([0.5, np.nan], "<f4").tobytes(), 3, 32), "samples that are NaN or infinite"),
        (wav(np.array([0.5, 1e300], "<f8").tobytes(), 3, 64), "samples that are NaN or infinite"),
    ],
)
def test_what_is_no_such_file_is_refused(content: bytes, found: str, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(InputError, match=r"must be an uncompressed WAV file of .* Found: ") as caught:
        read_wav(tmp_path / "x.wav")
    assert found in caught.value.message


def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    luck = random.Random(3)
    path = tmp_path / "x.wav"
    for content in (wav(integers(16), 1, 16, 2), wav(SIGNAL.astype("<f4").tobytes(), 3, 32, before=b"LIST\2\0\0\0ab")):
        for _ in range(2000):
            damaged = bytearray(content[: luck.choice([len(content), luck.randrange(len(content))])])
            for _ in range(luck.randrange(4)):
                if damaged:
                    damaged[luck.randrange(len(damaged))] = luck.randrange(256)
            path.write_bytes(damaged)
            try:
                samples, _ = read_wav(path)
            except InputError:
                continue
            assert samples.ndim == 1
            assert np.isfinite(samples).all()
