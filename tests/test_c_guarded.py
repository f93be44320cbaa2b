"""C runs in a process of its own: what is wrong with a folder, or with what it is given, is an error here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import require_system

import edgernn
from edgernn.deployment.job import Plan, prepare
from edgernn.devices.emulators.machines import machine
from edgernn.devices.emulators.model import EmulatedSession
from edgernn.devices.host.c import CSession, read_c_project
from edgernn.devices.host.session import open_session
from edgernn.errors import InputError
from edgernn.profiling.c_project import profile_c
from edgernn.profiling.latency import Plan as Timing
from edgernn.running import score

ROWS, STEPS = 30, 9


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    layers = [keras.layers.GRU(5), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((STEPS, 3)), *layers]).save(folder / "numbers.keras")
    layers = [keras.layers.Embedding(ROWS, 4), keras.layers.GRU(5), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((STEPS,), dtype="int32"), *layers]).save(folder / "ids.keras")
    return folder


def written(saved: Path, folder: Path, change: Callable[[str], str] = lambda text: text) -> Path:
    """A folder of C whose source somebody has changed."""
    edgernn.convert(saved / "numbers.keras", folder, format="c", name="model")
    source = folder / "src" / "model.c"
    text = source.read_text()
    source.write_text(change(text))
    return folder


def inside(verb: str, statement: str) -> Callable[[str], str]:
    """The source with a statement at the beginning of a function."""

    def change(text: str) -> str:
        at = text.find(f"void model_{verb}(")
        place = text.find("{", at) + 1
        return text[:place] + statement + text[place:] if at >= 0 else text

    return change


CRASH, HANG = "*(volatile int *)0 = 1;", "for (;;) { *(volatile char *)scratch = 0; }"
NOISE = np.random.default_rng(0).standard_normal((4, STEPS, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("verb", "statement", "found"),
    [
        ("run", CRASH, "it crashed (SIGSEGV)"),
        ("run", HANG, "no end within 0.5 s"),
        ("run", "exit(3);", "exit status 3"),
    ],
)
def test_a_run_that_does_not_return_is_told(
    verb: str, statement: str, found: str, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(saved, tmp_path / "model", lambda text: "#include <stdlib.h>\n" + inside(verb, statement)(text))
    monkeypatch.setattr("edgernn.devices.host.c._SECONDS", 0.5)
    session = CSession(read_c_project(folder))
    for message in (found, "it has ended before"):
        with pytest.raises(InputError, match=r"its C must run on this machine") as caught:
            session.run({session.inputs[0].name: NOISE[:1]})
        assert message in caught.value.message
    for verb_of_tool in (
        lambda: edgernn.verify(saved / "numbers.keras", folder, NOISE),
        lambda: prepare(folder, NOISE, Plan()),
        lambda: profile_c(folder, device=None, plan=Timing(runs=1, min_seconds=0, warmup=0)),
    ):
        with pytest.raises(InputError, match=r"its C must run on this machine"):
            verb_of_tool()


def test_a_library_that_crashes_while_it_is_loaded(saved: Path, tmp_path: Path) -> None:
    folder = written(
        saved,
        tmp_path / "model",
        lambda text: text + "\n__attribute__((constructor)) static void begin(void) { __builtin_trap(); }\n",
    )
    command = [sys.executable, "-m", "edgernn", "profile", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "its C must run on this machine. Found: it crashed" in done.stderr


def test_a_step_that_crashes_is_told(saved: Path, tmp_path: Path) -> None:
    folder = written(saved, tmp_path / "model", inside("step", CRASH))
    session = edgernn.StreamingSession(folder)
    with pytest.raises(InputError, match="it crashed"):
        session.step(NOISE[0, 0])


def test_a_function_that_is_gone_is_named(saved: Path, tmp_path: Path) -> None:
    project = read_c_project(written(saved, tmp_path / "model"))
    text = project.source.read_text()
    project.source.write_text(text[: text.index("void model_step(")])
    session = CSession(project)
    assert session.run({session.inputs[0].name: NOISE[:1]})
    with pytest.raises(InputError, match=r"must have the function 'model_step'. Found: none"):
        edgernn.StreamingSession(project.folder).step(NOISE[0, 0])


@pytest.mark.parametrize("value", [-1, 1 << 60, "many", None, True, 0.5])
def test_sizes_that_a_folder_cannot_need_are_refused(value: object, saved: Path, tmp_path: Path) -> None:
    project = read_c_project(written(saved, tmp_path / "model"))
    for key in ("scratch_bytes", "state_bytes"):
        own = {**project.own, key: value}
        with pytest.raises(InputError, match=rf"'{key}'|too much memory"):
            CSession(type(project)(project.folder, own, project.inputs, project.outputs))


def test_an_input_of_another_size_never_reaches_c(saved: Path, tmp_path: Path) -> None:
    session = CSession(read_c_project(written(saved, tmp_path / "model")))
    with pytest.raises(InputError, match=r"must have the shape \[1, 9, 3\]. Found: \[1, 8, 3\]"):
        session.run({session.inputs[0].name: NOISE[:1, 1:]})


def test_times_are_those_of_the_c_alone(saved: Path, tmp_path: Path) -> None:
    """A wait in the C is in every time; what it takes to speak with its process, far longer than the C, is in none."""
    folder = written(saved, tmp_path / "model")
    fast = profile_c(folder, device=None, plan=Timing(runs=300, min_seconds=0, warmup=1)).latency
    assert fast is not None
    assert fast.runs == 300
    assert fast.warmup == 1
    wait = "struct timespec pause_of = {0, 2000000}; nanosleep(&pause_of, 0);"
    feature = "#define _POSIX_C_SOURCE 199309L\n#include <time.h>\n"
    slow_folder = written(saved, tmp_path / "slow", lambda text: feature + inside("run", wait)(text))
    slow = profile_c(slow_folder, device=None, plan=Timing(runs=5, min_seconds=0, warmup=0)).latency
    assert slow is not None
    assert slow.min > 2000


@pytest.mark.parametrize("kind", ["tflite", "micro", "c"])
@pytest.mark.parametrize("wrong", [ROWS, -1, 2_000_000_000])
def test_ids_beyond_the_table_are_refused_by_every_verb(kind: str, wrong: int, saved: Path, tmp_path: Path) -> None:
    ids = np.arange(2 * STEPS, dtype=np.int32).reshape(2, STEPS) % ROWS
    options: dict[str, Any] = {"c": {"format": "c"}, "micro": {"target": "micro"}, "tflite": {}}[kind]
    artifact = edgernn.convert(saved / "ids.keras", tmp_path / "model", **options).artifact
    assert artifact is not None
    runtime = {"c": "c", "micro": "micro", "tflite": "litert"}[kind]
    assert edgernn.verify(saved / "ids.keras", artifact, ids, runtime=runtime).passed
    assert prepare(artifact, ids, Plan(), runtime=runtime).samples == 2
    ids[1, 4] = wrong
    for verb in (
        lambda: edgernn.verify(saved / "ids.keras", artifact, ids, runtime=runtime),
        lambda: prepare(artifact, ids, Plan(), runtime=runtime),
        lambda: score(artifact, {"x": ids, "y": np.zeros(2)}, runtime=runtime),
    ):
        with pytest.raises(InputError, match=f"must hold ids from 0 to {ROWS - 1}"):
            verb()


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_a_model_of_ids_runs_on_an_emulated_board(scheme: str, saved: Path, tmp_path: Path) -> None:
    if missing := machine("cortex-m4").missing():
        require_system(missing[0])
    ids = np.random.default_rng(1).integers(0, ROWS, (40, STEPS)).astype(np.int32)
    folder = tmp_path / "model"
    edgernn.convert(
        saved / "ids.keras", folder, format="c", quantize=scheme, calibration=ids if scheme == "int8" else None
    )
    assert edgernn.verify(saved / "ids.keras", folder, ids[:3], device="qemu:cortex-m4").passed
    here = open_session(folder, "c")
    there = EmulatedSession(read_c_project(folder), "qemu:cortex-m4")
    fed = {here.inputs[0].name: ids[:1]}
    name = here.outputs[0].name
    if scheme == "int8":
        np.testing.assert_array_equal(there.run(fed)[name], here.run(fed)[name])
    else:
        np.testing.assert_allclose(there.run(fed)[name], here.run(fed)[name], atol=1e-6)
    assert there.cost().ram_bytes > 0
