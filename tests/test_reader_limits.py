"""Large models and hostile ones: work in proportion to the model, memory in proportion to its file."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgernn.compiler import Options, compile_graph
from edgernn.converted import DEFAULT_CLIP
from edgernn.converters.keras.config import parse_model
from edgernn.converters.keras.json_text import decode
from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.tree import Dataset, Group
from edgernn.converters.keras.weights import with_weights
from edgernn.errors import InputError
from edgernn.inspection import inspect
from edgernn.targets import TARGETS


def tensor(name: str) -> dict[str, Any]:
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def chain(count: int) -> tuple[dict[str, Any], Group]:
    """A functional model of Dense and Add layers, each on the one before, and its weights; saved back to front."""

    def entry(class_name: str, name: str, args: list[Any], **options: Any) -> dict[str, Any]:
        config = {"name": name, "trainable": True, "dtype": "float32", **options}
        nodes = [{"args": args, "kwargs": {}}]
        return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None,
                "name": name, "inbound_nodes": nodes}  # fmt: skip

    first = entry("InputLayer", "x", [], batch_shape=[None, 4])
    first["inbound_nodes"] = []
    layers, places, last = [first], {}, "x"
    for number in range(count):
        name = f"layer{number}"
        if number % 2:
            layers.append(entry("Add", name, [[tensor(last), tensor("x")]]))
        else:
            layers.append(entry("Dense", name, [tensor(last)], units=4, use_bias=True, activation="tanh"))
            arrays = [np.full((4, 4), number, np.float32), np.ones(4, np.float32)]
            weights = {str(k): Dataset(array.shape, array) for k, array in enumerate(arrays)}
            place = f"dense_{number // 2}" if number else "dense"
            places[place] = Group({}, {"vars": Group({}, weights)})
        last = name
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[last, 0, 0]]}
    config = {"name": "chain", "layers": layers, **ends}
    return {"module": "keras", "class_name": "Functional", "config": config}, Group({}, {"layers": Group({}, places)})


def seconds(count: int) -> float:
    """Processor time of reading and converting a chain."""
    config, tree = chain(count)
    start = time.process_time()
    read = read_keras(with_weights(parse_model(config), tree, False, (3, 0)))
    phone = TARGETS["phone"]
    compile_graph(read.graph, Options("float32", phone, phone.form, "float32", DEFAULT_CLIP), None, {})
    return time.process_time() - start


@pytest.mark.slow
def test_work_grows_with_the_number_of_layers() -> None:
    seconds(100)
    few, many = min(seconds(300) for _ in range(3)), seconds(6000)
    assert many < 60 * few  # 20 if it grows in proportion, 400 if each layer looks at all others


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
