"""The runtimes of this machine behind one interface: equal answers, no state left behind, crashes kept away."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_models import artifact, signal, stock_artifact

from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.arena import arena_bytes, smallest_arena
from edgernn.devices.host.litert import find_interpreter
from edgernn.devices.host.micro import MicroSession
from edgernn.devices.host.packages import LITERT_PACKAGES
from edgernn.devices.host.probe import probe
from edgernn.devices.host.session import Session, TensorInfo, open_session
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import InputError

OF_TFLITE = ("litert", "micro")


def answers(session: Session, samples: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """What the artifact's integers are, sample by sample, each from a fresh state."""
    (source,), (target,) = session.inputs, session.outputs
    found = []
    for sample in samples:
        session.reset()
        found.append(session.run({source.name: source.quantize(sample[np.newaxis])})[target.name])
    return found


@pytest.mark.parametrize("scheme", ["float32", "int8", "int16x8"])
def test_both_runtimes_agree(scheme: str) -> None:
    samples = signal(6, 3)
    litert, micro = (answers(open_session(artifact(scheme), runtime), samples) for runtime in OF_TFLITE)
    unit = 1e-6 if scheme == "float32" else 1 if scheme == "int8" else 40  # of 32768
    for ours, theirs in zip(litert, micro, strict=True):
        assert ours.shape == (1, 3)
        assert ours.dtype == theirs.dtype == {"float32": "f4", "int8": "i1", "int16x8": "i2"}[scheme]
        np.testing.assert_allclose(ours, theirs, atol=unit, rtol=0)
    assert len({answer.tobytes() for answer in litert}) == len(samples)  # the input does matter


@pytest.mark.parametrize("runtime", OF_TFLITE)
@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_no_sample_sees_the_one_before(runtime: str, scheme: str) -> None:
    session, samples = open_session(artifact(scheme), runtime), signal(5, 4)
    there, back = answers(session, samples), answers(session, samples[::-1])
    for first, second in zip(there, back[::-1], strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("runtime", OF_TFLITE)
def test_the_answer_is_a_copy(runtime: str) -> None:
    session, (a, b) = open_session(artifact(), runtime), signal(2, 4)
    (source,), (target,) = session.inputs, session.outputs
    first = session.run({source.name: source.quantize(a[None])})[target.name]
    kept = first.copy()
    session.run({source.name: source.quantize(b[None])})
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("runtime", OF_TFLITE)
def test_a_session_says_what_it_takes(runtime: str) -> None:
    session = open_session(artifact("int8").read_bytes(), runtime)
    assert session.runtime == runtime
    assert session.description.startswith({"litert": LITERT_PACKAGES[0].package, "micro": "tflite-micro"}[runtime])
    (source,), (target,) = session.inputs, session.outputs
    assert (source.name, source.shape, source.dtype) == ("signal", (1, 9, 5), "int8")
    assert (target.shape, target.dtype) == ((1, 3), "int8")
    assert source.scale > 0
    assert target.limits == (0.0, 255 / 256)  # a softmax's scale is fixed


def test_models_of_other_tools_run() -> None:
    session = open_session(stock_artifact(), "litert")
    (source,) = session.inputs
    ours = answers(open_session(artifact("float32", "phone"), "litert"), signal(3, 5))
    for a, b in zip(answers(session, signal(3, 5)), ours, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert source.scale == 0


def test_an_unknown_runtime_is_named() -> None:
    with pytest.raises(InputError, match=r"runtime: must be one of litert, micro, c. Found: 'tpu'"):
        open_session(artifact(), "tpu")


@given(
    st.floats(1e-6, 100.0),
    st.sampled_from([("int8", -128, 127), ("uint8", 0, 255), ("int16", 0, 0)]),
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20),
    st.data(),
)
def test_numbers_survive_to_half_a_unit_or_saturate(
    scale: float, kind: tuple[str, int, int], values: list[float], data: st.DataObject
) -> None:
    dtype, low, high = kind
    info = TensorInfo("x", (1,), dtype, scale, data.draw(st.integers(low, high)))
    real = np.array(values)
    back = info.dequantize(info.quantize(real))
    within = np.clip(real, *info.limits)
    assert info.quantize(real).dtype == dtype
    np.testing.assert_allclose(back, within, atol=0.5 * scale * 1.001, rtol=1e-5)


def test_the_first_package_that_can_be_imported_is_taken() -> None:
    assert find_interpreter()[1].package == "ai-edge-litert"
    program = (
        "import sys; from edgernn.devices.host import session\n"
        "sys.modules['ai_edge_litert.interpreter'] = None  # importing it now fails\n"
        f"print(session.open_session({str(artifact('int8', 'phone'))!r}, 'litert').description)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("tensorflow 2.")


def test_without_any_package_the_extra_is_named() -> None:
    program = (
        "from edgernn.devices.host import litert; from edgernn.errors import EdgernnError\n"
        "litert.find_spec = lambda name: None\n"
        "try: litert.find_interpreter()\n"
        "except EdgernnError as error: print(error.exit_status, error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("3 Running a .tflite file needs the package 'ai-edge-litert'")
    assert "edgernn[runtime]" in run.stdout


def test_the_arena_is_reported_in_parts_and_a_smaller_one_is_too_small(capfd: pytest.CaptureFixture[str]) -> None:
    content = artifact().read_bytes()
    capfd.readouterr()  # what TensorFlow said while it made the model
    arena = arena_bytes(content)
    assert arena.used == arena.head + arena.tail
    assert min(arena.head, arena.tail) > 0
    required = smallest_arena(content)
    assert required >= arena.used
    MicroSession(read_tflite(content), required)
    with pytest.raises(InputError, match=r"must run on TFLite-Micro. Found: Failed to .*missing"):
        MicroSession(read_tflite(content), 2000)
    assert capfd.readouterr().err == ""


def test_an_arena_larger_than_the_first_guess_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgernn.devices.host.micro._FIRST_ARENA", 1 << 11)
    assert answers(open_session(artifact(), "micro"), signal(1, 5))[0].shape == (1, 3)


def test_what_a_runtime_lacks_is_in_the_message() -> None:
    with pytest.raises(InputError, match="must run on TFLite-Micro") as caught:
        open_session(artifact("dynamic", "phone"), "micro")
    assert caught.value.hint == "convert with --target micro."
    with pytest.raises(InputError, match="must run on TFLite-Micro"):
        probe(read_tflite(artifact("dynamic", "phone")), "micro")


def test_opening_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    for runtime in OF_TFLITE:
        open_session(artifact("float32", "phone"), runtime)
    assert capfd.readouterr() == ("", "")


def test_errors_of_other_code_are_seen_again_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as report:
        subprocess.run([sys.executable, "-c", "import os; os.write(2, b'inside')"], check=True)
    assert report == ["inside"]
    sys.stderr.write("outside")
    assert capfd.readouterr().err == "outside"


@pytest.mark.parametrize("runtime", OF_TFLITE)
def test_a_damaged_artifact_never_takes_the_caller_down(runtime: str) -> None:
    """Bytes of operators and options are changed, so that the file stays one; some make the runtimes crash."""
    content, tried = artifact().read_bytes(), 0
    dice = random.Random(11)
    while tried < 12:
        damaged = bytearray(content)
        for _ in range(3):
            damaged[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        try:
            file = read_tflite(bytes(damaged))
        except InputError:
            continue
        tried += 1
        with suppress(InputError):
            probe(file, runtime)


@pytest.mark.parametrize("runtime", OF_TFLITE)
def test_a_crash_is_told_as_such(runtime: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A child that dies stands in for a kernel that crashes; which files do that differs from version to version."""
    (tmp_path / "sitecustomize.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InputError, match=r"Found: the runtime crashed \(SIGSEGV\)"):
        probe(read_tflite(artifact()), runtime)


def test_a_run_without_end_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("edgernn.devices.host.probe._SECONDS", 0.5)
    monkeypatch.setattr("edgernn.guarded._LEAST_PATIENCE", 1.0)
    with pytest.raises(InputError, match=r"Found: no end within"):
        probe(read_tflite(artifact()), "litert")
