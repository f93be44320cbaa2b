"""An ATmega under simavr as a device: answers, cycles, and what does not fit. Slow for its tools, not for itself."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from conftest import require_system
from keras_models import randomize

import edgernn
from edgernn.cli.main import run as command
from edgernn.devices.emulators.building import build
from edgernn.devices.emulators.machines import machine
from edgernn.devices.emulators.running import run
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
    calibration = {"calibration": x} if scheme == "int8" else {}
    edgernn.convert(model, tmp_path / "c", format="c", quantize=scheme, name="model", **calibration)
    words = [str(tmp_path / "c"), "--device", "simavr:atmega2560", "--data", str(tmp_path / "x.npz")]
    assert command(["deploy", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "identical" if scheme == "int8" else found["verdict"] != "different"
    assert found["latency_us"] == {}
    measures = found["measures"]
    assert not [key for key in measures if "instructions" in key]
    assert measures["cycles_per_run"] > 4 * measures["cycles_per_step"] > 4000
    assert measures["ram_bytes"] > measures["flash_weights_bytes"] > 200  # which lie in RAM there


def test_a_model_whose_weights_do_not_fit_into_its_ram_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((6, 3)), layers.GRU(64), layers.Dense(2)])
    edgernn.convert(model, tmp_path / "c", format="c", name="model")
    assert command(["deploy", str(tmp_path / "c"), "--device", "simavr:atmega2560"]) == 2
    assert "must compile and fit for 'atmega2560'" in capsys.readouterr().err
