"""Frames go into a stream one by one or a hop at a time; what is no frame, or no stream, is refused."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamed_models import Array, fixed
from test_stream_pass import STEPS, residual

import edgernn
from edgernn.devices.host.c import compile_library, find_compiler, read_c_project
from edgernn.errors import InputError


def test_single_frames_wait_for_a_hop_and_a_whole_hop_is_taken_at_once(tmp_path: Path) -> None:
    _, _, samples = fixed("two strides", tmp_path / "m.keras")
    edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True)
    session = edgernn.StreamingSession(tmp_path / "s.tflite")
    assert (session.hop, session.delay) == (4, 4)
    answers = [session.step(frame) for frame in samples[0]]
    assert [k for k, answer in enumerate(answers) if answer is not None] == [7, 11, 15, 19, 23]
    session.reset()
    hops = [session.step(hop) for hop in samples[0].reshape(-1, 4, 3)]
    assert hops[0] is None
    np.testing.assert_array_equal(hops[1:], answers[7::4])


def test_branches_that_wait_differently_meet_on_litert(tmp_path: Path) -> None:
    model = residual(3)
    x = np.random.default_rng(3).standard_normal((STEPS, 3)).astype("f4")
    edgernn.convert(model, tmp_path / "s.tflite", streaming=True, steps=STEPS)
    expected = model(x[None]).numpy()[0]
    session = edgernn.StreamingSession(tmp_path / "s.tflite")
    assert session.delay == 2
    np.testing.assert_allclose(np.stack(list(session.run(x))), expected, atol=1e-5)


def test_saturated_states_are_counted(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 1)), keras.layers.LSTM(1, name="lstm")])
    # Gates i, f, o are open, so that the cell state sums up tanh(x), in time beyond any calibrated range.
    model.set_weights([np.array([[0.0, 0.0, 1.0, 0.0]]), np.zeros((1, 4)), np.array([8.0, 8.0, 0.0, 8.0])])
    calibration = np.random.default_rng(0).random((20, 8, 1)).astype("f4")
    ways: dict[str, dict[str, Any]] = {"c": {"format": "c", "name": "model"}, "s.tflite": {"streaming": True}}
    for name, options in ways.items():
        edgernn.convert(model, tmp_path / name, quantize="int8", calibration=calibration, **options)
        session = edgernn.StreamingSession(tmp_path / name)
        for _ in range(100):
            session.step(np.ones(1))
        assert session.saturated is not None
        assert 50 < session.saturated["lstm/C"] < 100
        session.reset()
        assert session.saturated == {}


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros(4), r"must have the shape '.*' \[3\] or \[1, 3\]. Found: \[4\]"),
        (np.full(3, np.nan), "NaN"),
        (np.array(["a", "b", "c"]), "text"),
        ({"other": np.zeros(3)}, "must hold"),
    ],
)
def test_wrong_frames_are_refused(frame: Any, words: str, tmp_path: Path) -> None:
    fixed("gru", tmp_path / "m.keras")
    edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True)
    session = edgernn.StreamingSession(tmp_path / "s.tflite")
    with pytest.raises(InputError, match=words):
        session.step(frame)
    assert session.frames == 0


def test_a_window_is_no_stream_and_options_of_streams_need_one(tmp_path: Path) -> None:
    fixed("gru", tmp_path / "m.keras")
    edgernn.convert(tmp_path / "m.keras", tmp_path / "w.tflite")
    with pytest.raises(InputError, match="must be a stream"):
        edgernn.StreamingSession(tmp_path / "w.tflite")
    for option in ({"hop": 2}, {"lookahead": 1}, {"state": "io"}):
        with pytest.raises(InputError, match="no --streaming"):
            edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", **option)


def test_the_signature_reset_begins_anew_on_litert(tmp_path: Path) -> None:
    from edgernn.devices.host.litert import find_interpreter

    _, _, samples = fixed("largest, valid", tmp_path / "m.keras")
    edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True, state="internal")
    interpreter = find_interpreter()[0](model_path=str(tmp_path / "s.tflite"))
    interpreter.allocate_tensors()
    step, reset = interpreter.get_signature_runner("serving_default"), interpreter.get_signature_runner("reset")
    (name,) = step.get_input_details()

    def answers() -> Array:
        return np.stack([next(iter(step(**{name: frame[None]}).values())) for frame in samples[0]])

    first = answers()
    assert np.abs(answers() - first).max() > 1e-3, "it went on"
    reset()
    np.testing.assert_array_equal(answers(), first)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["c", "litert", "micro"])
def test_a_million_steps_neither_leak_nor_drift_from_a_float_stream(way: str, tmp_path: Path) -> None:
    _, _, samples = fixed("every step", tmp_path / "m.keras")
    options: dict[str, dict[str, Any]] = {
        "c": {"format": "c", "name": "model"},
        "litert": {"streaming": True},
        "micro": {"streaming": True, "target": "micro"},
    }
    edgernn.convert(tmp_path / "m.keras", tmp_path / "s", quantize="int8", calibration=samples, **options[way])
    edgernn.convert(tmp_path / "m.keras", tmp_path / "f", format="c", name="model")
    ours = in_process(tmp_path / "s") if way == "c" else edgernn.StreamingSession(tmp_path / "s", way).step
    reference = in_process(tmp_path / "f")
    random = np.random.default_rng(11)
    count, chunk = 1_000_000, 10_000
    errors, memory = [], []
    for _ in range(count // chunk):
        frames = random.standard_normal((chunk, 3)).astype("f4")
        worst = [np.abs(ours(frame) - reference(frame)).mean() for frame in frames]
        errors.append(float(np.mean(worst)))
        memory.append(resident_kib())
    assert np.mean(errors[-10:]) <= 1.1 * np.mean(errors[:10])
    assert memory[-1] - memory[len(memory) // 10] < 1024


@pytest.mark.slow
def test_a_session_of_c_does_not_leak(tmp_path: Path) -> None:
    _, _, samples = fixed("every step", tmp_path / "m.keras")
    edgernn.convert(
        tmp_path / "m.keras", tmp_path / "c", quantize="int8", calibration=samples, format="c", name="model"
    )
    memory = []
    with edgernn.StreamingSession(tmp_path / "c") as session:
        for _ in range(10):
            for frame in np.random.default_rng(11).standard_normal((2_000, 3)).astype("f4"):
                session.step(frame)
            memory.append(resident_kib())
    assert memory[-1] - memory[2] < 1024


def in_process(folder: Path) -> Callable[[Array], Array]:
    """The stream of a folder of our own C, without a child process: the way there and back takes most of a step."""
    project = read_c_project(folder)
    compile_library(project, find_compiler(), folder / "model.so")
    library = ctypes.CDLL(str(folder / "model.so"))
    state, scratch = (ctypes.create_string_buffer(project.own[key] + 64) for key in ("state_bytes", "scratch_bytes"))
    (given,), (found,) = project.inputs, project.outputs
    x, y = (np.zeros(info.shape[2:], info.dtype) for info in (given, found))
    arguments = (state, *(ctypes.c_void_p(array.ctypes.data) for array in (x, y)), scratch)
    library.model_reset(state)

    def step(frame: Array) -> Array:
        x[...] = given.quantize(frame)
        library.model_step(*arguments)
        return found.dequantize(y)

    return step


def resident_kib() -> int:
    """Memory of this process, in KiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


def test_a_mean_of_integers_is_refused_and_what_is_exact_instead_is_named(tmp_path: Path) -> None:
    _, _, samples = fixed("mean", tmp_path / "m.keras")
    with pytest.raises(InputError, match="computed in float numbers") as caught:
        edgernn.convert(tmp_path / "m.keras", tmp_path / "s", streaming=True, quantize="int8", calibration=samples)
    assert "GlobalMaxPooling1D" in str(caught.value.hint)
    assert not (tmp_path / "s").exists()
