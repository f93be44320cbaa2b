"""What the C output costs on emulated microcontrollers, and how far it is from Keras: deterministic, so asserted."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import require_system

import edgernn
from benchmarks.workload import Size, workload
from edgernn.devices.emulators.machines import machine
from edgernn.devices.emulators.model import EmulatedSession
from edgernn.devices.host.c import read_c_project

MODELS = (("GRU", 32), ("LSTM", 32), ("GRU", 64), ("LSTM", 64))
# Instructions per time step of GRU32, LSTM32, GRU64 and LSTM64: arm-none-eabi-gcc 12.2 -O3, int8 input, QEMU 7.2.
RUNS = {
    "cortex-m0": (31_009, 39_068, 88_543, 113_489),
    "cortex-m3": (15_830, 20_680, 48_438, 63_754),
    "cortex-m4": (8_401, 10_791, 24_397, 31_463),
    "cortex-m7": (8_423, 10_791, 24_398, 31_464),
    "cortex-m33": (8_403, 10_856, 24_397, 31_593),
}
# Instructions of a call of `step`, which a sensor makes: the same, and the Dense layer behind it every time.
STEPS = {
    "cortex-m0": (32_702, 40_627, 91_791, 116_630),
    "cortex-m3": (16_589, 21_568, 49_873, 65_407),
    "cortex-m4": (9_046, 11_238, 25_156, 31_958),
    "cortex-m7": (9_014, 11_363, 25_159, 32_211),
    "cortex-m33": (9_037, 11_266, 25_149, 32_018),
}
RAM = (1_127, 1_434, 2_048, 2_560)  # bytes at most: working memory, state and stack
SLACK = 0.03
COMPILER = "12."
ERROR = 0.012


@cache
def made(folder: Path, cell: str, units: int, steps: int) -> Path:
    """The workload's model as C."""
    model, calibration, test = workload(cell, Size(units, steps))
    where = folder / f"{cell}{units}-{steps}"
    where.mkdir()
    model.save(where / "model.keras")
    np.savez(where / "test.npz", test)
    edgernn.convert(
        where / "model.keras", where / "c", format="c", name="model", quantize="int8", calibration=calibration
    )
    return where


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("floors")


@pytest.mark.parametrize("name", RUNS)
def test_instructions_and_memory_of_a_step(name: str, folder: Path) -> None:
    tools = machine(name)
    if missing := tools.missing():
        require_system(missing[0])
    version = subprocess.run([tools.compiler, "-dumpfullversion"], capture_output=True, text=True, check=True).stdout
    if not version.startswith(COMPILER):
        pytest.skip(f"the figures are those of GCC {COMPILER}x; this is {version.strip()}")
    for (cell, units), expected, stepped, ram in zip(MODELS, RUNS[name], STEPS[name], RAM, strict=True):
        whole, half = (
            EmulatedSession(read_c_project(made(folder, cell, units, steps) / "c"), f"qemu:{name}").cost()
            for steps in (units, units // 2)
        )
        assert whole.instructions_per_run is not None
        assert half.instructions_per_run is not None
        found = (whole.instructions_per_run - half.instructions_per_run) / (units // 2)
        assert found == pytest.approx(expected, rel=SLACK), f"{cell}{units} on {name}: {found:,.0f}"
        assert whole.instructions_per_step is not None
        assert whole.instructions_per_step == pytest.approx(stepped, rel=SLACK), f"{cell}{units} on {name}"
        assert whole.instructions_per_step <= 1.07 * found, f"a step of {cell}{units} on {name} is dearer than in a run"
        assert whole.ram_bytes <= ram, f"{cell}{units} on {name}"
        assert whole.flash_engine_bytes <= 4096, f"{cell}{units} on {name}"


@pytest.mark.parametrize(("cell", "units"), MODELS)
def test_the_error_is_within_its_limit(cell: str, units: int, folder: Path) -> None:
    where = made(folder, cell, units, units)
    assert edgernn.verify(where / "model.keras", where / "c", where / "test.npz").relative_error <= ERROR
