"""Models as C on emulated machines: the same bits as here, the same instructions at every step, and what they cost."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from saved_models import folder, signal

import edgernn
from edgernn.cli.main import run
from edgernn.devices.emulators.machines import MACHINES, machine
from edgernn.devices.emulators.model import EmulatedSession
from edgernn.devices.host.c import CProject, CSession, read_c_project
from edgernn.errors import InputError

HERE = [name for name in MACHINES if name not in ("riscv32", "atmega2560")]


def project(tmp_path: Path, model: str, scheme: str = "int8", **options: Any) -> CProject:
    output = tmp_path / "model"
    calibration = folder() / "calibration.npz"
    edgernn.convert(folder() / model, output, format="c", quantize=scheme, calibration=calibration, **options)
    return read_c_project(output)


def require(name: str) -> None:
    """Skip, or fail where no skip is allowed, without the machine's tools."""
    if missing := machine(name).missing():
        require_system(missing[0])


@pytest.mark.parametrize("model", ["gru.keras", "lstm.h5"])
@pytest.mark.parametrize("name", [*HERE, pytest.param("riscv32", marks=pytest.mark.slow)])
def test_every_machine_gives_the_same_bits_and_its_steps_take_the_same_instructions(
    name: str, model: str, tmp_path: Path
) -> None:
    require(name)
    made = project(tmp_path, model)
    session = EmulatedSession(made, f"qemu:{name}")
    (entry,), (exit_,) = made.inputs, made.outputs
    samples = [{entry.name: entry.quantize(x[None])} for x in signal(5, 3)]
    here = CSession(made)
    there = session.run_many(samples)
    for sample, answer in zip(samples, there, strict=True):
        np.testing.assert_array_equal(answer[exit_.name], here.run(sample)[exit_.name])
    cost = session.cost()
    assert cost == session.cost()
    if cost.instructions_per_step is not None and cost.instructions_per_run is not None:
        assert 100 < cost.instructions_per_step < cost.instructions_per_run
    assert cost.stack_bytes < (640 if "riscv" in session.device else 512)  # it saves more registers
    assert cost.ram_bytes == made.own["step_scratch_bytes"] + made.own["state_bytes"] + cost.stack_bytes


@pytest.mark.parametrize("name", ["cortex-m4", "cortex-a72"])
def test_float_models_run_there_too(name: str, tmp_path: Path) -> None:
    require(name)
    made = project(tmp_path, "gru.keras", "float32")
    (entry,), (exit_,) = made.inputs, made.outputs
    sample = {entry.name: signal(1, 4)}
    there = EmulatedSession(made, f"qemu:{name}").run(sample)[exit_.name]
    assert np.abs(there - CSession(made).run(sample)[exit_.name]).max() < 1e-5


def test_a_step_is_the_same_number_of_instructions_every_time(tmp_path: Path) -> None:
    require("cortex-m4")
    from edgernn.devices.emulators.running import run as run_firmware

    session = EmulatedSession(project(tmp_path, "gru.keras"), "qemu:cortex-m4")
    noise = {info.name: info.noise() for info in session.inputs}
    counts = run_firmware(session.firmware, b"\1" + session._bytes(noise)).instructions["step"]
    assert len(counts) == session.inputs[0].shape[1]
    assert len(set(counts)) == 1


def test_the_commands_take_a_device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require("cortex-m4")
    made = project(tmp_path, "gru.keras")
    model, data = str(folder() / "gru.keras"), str(folder() / "test.npz")
    arguments = [str(made.folder), "--device", "qemu:cortex-m4"]
    assert run(["verify", model, *arguments, "--data", data, "--oracle", "reference"]) == 0
    assert "C on qemu:cortex-m4" in capsys.readouterr().out
    assert run(["profile", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for key in ("instructions_per_step", "stack_bytes", "flash_engine_bytes", "flash_weights_bytes", "ram_bytes"):
        assert found[key] > 0, key
    assert found["flash_engine_bytes"] <= 4096
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps({**found, "instructions_per_step": found["instructions_per_step"] // 2}))
    assert run(["profile", *arguments, "--against", str(earlier)]) == 1
    assert "instructions_per_step by" in capsys.readouterr().err
    assert run(["profile", str(made.folder), "--min-seconds", "0.05"]) == 0
    assert "latency" in capsys.readouterr().out


def test_no_such_device_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = project(tmp_path, "gru.keras")
    with pytest.raises(InputError, match=r"must be an emulated machine. Found: 'cortex-m4'"):
        EmulatedSession(made, "cortex-m4")
    assert run(["profile", str(made.folder), "--device", "qemu:z80"]) == 2
    assert "choose one of cortex-m0" in capsys.readouterr().err
    assert run(["profile", str(folder() / "gru.keras"), "--device", "qemu:cortex-m4"]) == 2
    assert "must be given a folder of C" in capsys.readouterr().err
    assert run(["profile", str(made.folder), "--board", "esp23"]) == 2


def test_real_speech_gives_the_same_bits_here_and_there(tmp_path: Path) -> None:
    require("cortex-m4")
    from edgernn.training import build, write_samples

    write_samples("japanese-vowels", tmp_path)
    build("japanese-vowels", cell="gru", units=12, output=tmp_path / "run")
    calibration, model = tmp_path / "calibration.npz", tmp_path / "run" / "model.keras"
    edgernn.convert(model, tmp_path / "speech", format="c", quantize="int8", calibration=calibration)
    made = read_c_project(tmp_path / "speech")
    with np.load(tmp_path / "test.npz") as data:
        spoken = data["x"][:20]
    entry, mask = made.inputs
    samples = [{entry.name: entry.quantize(x[None]), mask.name: (x[None] != 0).any(-1)} for x in spoken]
    here, (exit_,) = CSession(made), made.outputs
    there = EmulatedSession(made, "qemu:cortex-m4").run_many(samples)
    for sample, answer in zip(samples, there, strict=True):
        np.testing.assert_array_equal(answer[exit_.name], here.run(sample)[exit_.name])


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "cortex-m55"])
@pytest.mark.parametrize("model", ["gru 6 3", "gru 40 3", "lstm 1 1", "lstm 2 3", "lstm 17 5"])
def test_any_size_compiles_with_the_options_of_firmware_projects(name: str, model: str, tmp_path: Path) -> None:
    """Sections for all data leave the compiler fewer registers, of which the assembly takes nearly all."""
    import keras

    require(name)
    cell, units, features = model.split()
    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[cell](int(units))
    x = np.random.default_rng(0).standard_normal((4, 6, int(features))).astype("f4")
    keras_model = keras.Sequential([keras.Input(x.shape[1:]), layer, keras.layers.Dense(2)])
    edgernn.convert(keras_model, tmp_path / "c", format="c", quantize="int8", calibration=x, name="model")
    source = tmp_path / "c" / "src" / "model.c"
    for level in ("-O1", "-O2", "-O3", "-Os"):
        words = [
            machine(name).compiler,
            *machine(name).compile_flags,
            "-std=c99",
            level,
            "-Wall",
            "-Wextra",
            "-Wshadow",
            "-Werror",
        ]
        words += ["-fdata-sections", "-ffunction-sections", "-c", str(source), "-o", str(tmp_path / "model.o")]
        subprocess.run(words, check=True)


@pytest.mark.slow
def test_a_risc_v_is_a_device_like_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require("riscv32")
    project(tmp_path, "gru.keras")
    assert run(["deploy", str(tmp_path / "model"), "--device", "qemu:riscv32", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "identical"
    assert found["measures"]["instructions_per_step"] > 1000
