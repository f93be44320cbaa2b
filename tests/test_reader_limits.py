"""Large models and hostile ones: memory in proportion to the file; what would be too much is refused."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgernn.converters.keras.json_text import decode
from edgernn.errors import InputError
from edgernn.inspection import inspect


def hostile(name: str, count: int) -> bytes:
    parts = {"lists": (b"[]", b"[", b"]"), "objects": (b"{}", b"[", b"]"), "numbers": (b"0.5", b"[", b"]")}
    parts |= {"words": (b'"ab"', b"[", b"]"), "entries": (b'{"a":0}', b"[", b"]")}
    item, opening, closing = parts[name]
    return opening + b",".join([item] * count) + closing


@pytest.mark.parametrize("name", ["lists", "objects", "numbers", "words", "entries"])
def test_json_is_refused_before_it_is_decoded(name: str) -> None:
    assert decode(hostile(name, 1000)) is not None
    with pytest.raises(ValueError, match="MiB decoded"):
        decode(hostile(name, 15_000_000 if name == "numbers" else 8_000_000))


def test_json_that_is_nested_too_deep() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        decode(b"[" * 100_000 + b"]" * 100_000)


def test_brackets_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "brackets.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", hostile("lists", 8_000_000))
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(InputError, match="MiB decoded"):
        inspect(path)


_CHILD = """
import sys
import edgernn
edgernn.convert(sys.argv[1], sys.argv[2], quantize=sys.argv[3])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
@pytest.mark.parametrize("scheme", ["float32", "dynamic"])
def test_memory_grows_with_the_file(scheme: str, tmp_path: Path) -> None:
    import keras

    def peak(units: int) -> tuple[float, float]:
        """MB of the file, and of memory at its conversion."""
        path = tmp_path / f"{units}.keras"
        start = {"recurrent_initializer": "glorot_uniform"}
        keras.Sequential([keras.Input((6, 64)), keras.layers.GRU(units, **start), keras.layers.Dense(2)]).save(path)
        command = [sys.executable, "-c", _CHILD, str(path), str(tmp_path / "a.tflite"), scheme]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return path.stat().st_size / 1e6, float(done.stdout) * 1024 / 1e6

    _, small = peak(8)
    size, large = peak(3000)
    assert large - small < MOST * size


MOST = 2.2
"""Times the file: the weights as they are laid out anew, and the file as it is encoded."""
