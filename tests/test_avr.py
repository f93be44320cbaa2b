"""An ATmega under simavr as a device: answers, cycles, and what does not fit. Slow for its tools, not for itself."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from keras_models import randomize

import edgernn
from edgernn.cli.main import run as command
from edgernn.devices.emulators.building import build
from edgernn.devices.emulators.machines import machine
from edgernn.devices.emulators.running import run
from edgernn.devices.host.c import read_c_project
from edgernn.errors import InputError

pytestmark = pytest.mark.slow
COUNTING = """
#include "edgernn_emulator.h"
#include <stdint.h>
static volatile int32_t sum;
int main(void) {
    int32_t number;
    edgernn_emulator_start();
    edgernn_emulator_stop("nothing");
    edgernn_emulator_start();
    __asm__ volatile(".rept 100\\n nop\\n .endr");
    edgernn_emulator_stop("nops");
    while (edgernn_emulator_read(&number, 4) == 4) sum += number;
    number = sum;
    edgernn_emulator_write(&number, 4);
    return 7;
}
"""


@pytest.fixture(autouse=True)
def _tools() -> None:
    require_system("simavr")
    require_system("avr-gcc")


def test_a_program_reads_writes_counts_cycles_and_ends(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(COUNTING)
    firmware = build(machine("atmega2560"), [tmp_path / "main.c"], tmp_path, flags=("-std=c99", "-Os"))
    assert firmware.flash_bytes < 8000  # without the room for the input
    numbers = list(range(-3000, 9000))
    done = run(firmware, struct.pack(f"<{len(numbers)}i", *numbers))
    assert done.output == struct.pack("<i", sum(numbers))
    assert done.status == 7
    assert done.instructions == {"nothing": (0,), "nops": (100,)}
    with pytest.raises(InputError, match=r"must be at most 65,536 bytes. Found: 65,540"):
        run(firmware, bytes(65540))


@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_a_model_answers_there_as_here(tmp_path: Path, scheme: str, capsys: pytest.CaptureFixture[str]) -> None:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((6, 3)), layers.GRU(6), layers.Dense(2)])
    randomize(model, 3)
    x = np.random.default_rng(0).standard_normal((8, 6, 3)).astype("f4")
    np.savez(tmp_path / "x.npz", x=x)
    calibration: dict[str, Any] = {"calibration": x} if scheme == "int8" else {}
    edgernn.convert(model, tmp_path / "c", format="c", quantize=scheme, name="model", **calibration)
    words = [str(tmp_path / "c"), "--device", "simavr:atmega2560", "--data", str(tmp_path / "x.npz")]
    assert command(["deploy", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "identical" if scheme == "int8" else found["verdict"] != "different"
    assert found["latency_us"] == {}
    measures = found["measures"]
    assert not [key for key in measures if "instructions" in key]
    assert measures["cycles_per_run"] > 4 * measures["cycles_per_step"] > 4000
    assert measures["flash_weights_bytes"] > 200
    own = read_c_project(tmp_path / "c").own
    assert measures["ram_bytes"] == own["step_scratch_bytes"] + own["state_bytes"] + measures["stack_bytes"]


@pytest.mark.parametrize("processor", ["atmega328p", "atmega2560"])
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_constants_take_no_ram(tmp_path: Path, scheme: str, processor: str) -> None:
    """All operators that read constants: products, tables, factors, rows of an Embedding, first states."""
    import keras
    from keras import layers

    ids, x = keras.Input((6,), name="ids", dtype="int32"), keras.Input((6, 3), name="x")
    h = layers.Concatenate()([layers.Embedding(9, 4)(ids), layers.DepthwiseConv1D(3, padding="same")(x)])
    h = layers.LayerNormalization()(layers.Conv1D(5, 3, padding="causal", activation="relu")(h))
    model = keras.Model(
        [ids, x], layers.Dense(3, activation="softmax")(layers.LSTM(5)(layers.GRU(4, return_sequences=True)(h)))
    )
    randomize(model, 3)
    random = np.random.default_rng(0)
    samples = {"ids": random.integers(0, 9, (20, 6)), "x": random.standard_normal((20, 6, 3)).astype("f4")}
    calibration: dict[str, Any] = {"calibration": samples} if scheme == "int8" else {}
    edgernn.convert(model, tmp_path / "c", format="c", quantize=scheme, name="model", **calibration)
    words = ["avr-gcc", f"-mmcu={processor}", "-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-c", "model.c"]
    source = tmp_path / "c" / "src"
    subprocess.run(words, cwd=source, check=True)
    sizes = subprocess.run(["avr-size", "-A", "model.o"], cwd=source, capture_output=True, text=True, check=True).stdout
    found = {line.split()[0]: int(line.split()[1]) for line in sizes.splitlines() if line.startswith(".")}
    held = {name: size for name, size in found.items() if name.startswith((".data", ".bss", ".rodata"))}
    assert not sum(held.values()), held
    assert found[".progmem.data"] > 1000
    subprocess.run([*words[:2], "-std=c99", *words[3:]], cwd=source, check=True)  # where they are in RAM


def test_a_model_with_more_weights_than_such_a_flash_address_reaches_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((6, 3)), layers.GRU(96), layers.Dense(2)])
    edgernn.convert(model, tmp_path / "c", format="c", name="model")
    assert command(["deploy", str(tmp_path / "c"), "--device", "simavr:atmega2560"]) == 2
    assert "must compile and fit for 'atmega2560'" in capsys.readouterr().err
