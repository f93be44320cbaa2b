"""Models as C: bit for bit what the definition in NumPy says, near Keras, without a warning, and step by step."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from keras_models import randomize
from numpy.typing import NDArray
from saved_models import artifact, folder

import edgernn
from edgernn.cli.main import run
from edgernn.converters.c.compile import lower
from edgernn.converters.c.reference import evaluate_integers
from edgernn.converters.keras.reader import read_model
from edgernn.devices.host.c import CSession, compile_library, find_compiler, read_c_project
from edgernn.devices.host.session import open_session
from edgernn.errors import EnvironmentProblem, InputError

Array = NDArray[Any]
SAMPLES = 20


def models() -> dict[str, tuple[tuple[int, int], Callable[[Any], list[Any]]]]:
    """Input shape and layers by name."""
    return {
        "gru": ((7, 5), lambda k: [k.GRU(9), k.Dense(3)]),
        "textbook gru": ((7, 5), lambda k: [k.GRU(9, reset_after=False), k.Dense(3)]),
        "lstm": ((6, 17), lambda k: [k.LSTM(8), k.Dense(2, activation="softmax")]),
        "one unit": ((5, 1), lambda k: [k.SimpleRNN(1), k.Dense(1)]),
        "stacked": ((6, 3), lambda k: [k.GRU(5, return_sequences=True), k.LSTM(7), k.Dense(4, activation="tanh")]),
        "both ways": ((8, 3), lambda k: [k.Bidirectional(k.LSTM(4, return_sequences=True)), k.GlobalMaxPooling1D()]),
        "convolutions": (
            (16, 3),
            lambda k: [
                k.Conv1D(6, 5, padding="same", activation="relu"),
                k.MaxPooling1D(2),
                k.Conv1D(5, 3, dilation_rate=2, padding="causal"),
                k.BatchNormalization(),
                k.GRU(6),
            ],
        ),
        "pooled": ((12, 4), lambda k: [k.SeparableConv1D(6, 3), k.AveragePooling1D(3, padding="same"), k.Flatten()]),
        "normalized": ((6, 8), lambda k: [k.LSTM(8, return_sequences=True), k.LayerNormalization()]),
        "every step": (
            (6, 5),
            lambda k: [k.SimpleRNN(4, return_sequences=True), k.TimeDistributed(k.Dense(3, activation="sigmoid"))],
        ),
        "functions": (
            (6, 5),
            lambda k: [
                k.Dense(7, activation="gelu"),
                k.Dense(5, activation="elu"),
                k.GRU(3, activation="relu", recurrent_activation="hard_sigmoid"),
            ],
        ),
        "last state": ((12, 5), lambda k: [k.SimpleRNN(9)]),
        "windows of windows": (
            (5, 24),
            lambda k: [
                k.Reshape((5, 8, 3)),
                k.TimeDistributed(k.MaxPooling1D(2)),
                k.TimeDistributed(k.DepthwiseConv1D(2)),
                k.TimeDistributed(k.Flatten()),
                k.GRU(6),
            ],
        ),
        "masked": ((6, 4), lambda k: [k.Masking(), k.LSTM(5), k.Dense(2)]),
    }


@cache
def built(name: str) -> tuple[Path, Array, Array]:
    """The file of a model, samples for it, and what Keras answers."""
    import keras

    shape, layers = models()[name]
    model = keras.Sequential([keras.Input(shape), *layers(keras.layers)])
    randomize(model, 3)
    path = folder() / f"c-{name}.keras"
    model.save(path)
    samples = np.random.default_rng(4).standard_normal((SAMPLES, *shape)).astype("f4")
    return path, samples, model.predict(samples, verbose=0)


def answers(project: Path, inputs: dict[str, Array]) -> Array:
    session = CSession(read_c_project(project))
    rows = [session.run({info.name: inputs[info.name][k : k + 1] for info in session.inputs}) for k in range(SAMPLES)]
    return np.concatenate([row[session.outputs[0].name] for row in rows])


@pytest.mark.parametrize("name", models())
def test_float_c_is_keras(name: str, tmp_path: Path) -> None:
    path, samples, expected = built(name)
    edgernn.convert(path, tmp_path / "model", format="c")
    (value,) = read_model(path).graph.inputs
    found = answers(tmp_path / "model", {value.name: samples})
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("io", ["int8", "int16", "float32"])
@pytest.mark.parametrize("name", models())
def test_integer_c_is_the_definition_bit_for_bit(name: str, io: Any, tmp_path: Path) -> None:
    path, samples, keras = built(name)
    options: dict[str, Any] = {"format": "c", "quantize": "int8", "calibration": samples, "measure": False}
    edgernn.convert(path, tmp_path / "model", io=io, **options)
    read = read_model(path)
    (value,) = read.graph.inputs
    graph, masks = lower(read.graph, "int8", io, "mse", {value.name: samples})
    quantization = graph.inputs[0].quantization
    inputs = {value.name: samples if quantization is None else quantization.quantize(samples, graph.inputs[0].dtype)}
    for mask in masks:
        inputs[mask.name] = (samples != np.float32(mask.value)).any(-1)
    expected = evaluate_integers(graph, inputs)[graph.outputs[0].name]
    found = answers(tmp_path / "model", inputs)
    np.testing.assert_array_equal(found, expected)
    form = graph.outputs[0].quantization
    real = expected if form is None else form.dequantize(expected)
    assert np.abs(real - keras).mean() <= 0.02 * np.abs(keras).max()


@pytest.mark.parametrize("units", [33, 64])
def test_a_classifier_that_is_hardly_sure_is_right_in_c(units: int, tmp_path: Path) -> None:
    """Its two logits are opposite, so that they differ by twice as much as either is from zero."""
    import keras

    keras.utils.set_random_seed(3)
    core, last = keras.layers.GRU(units), keras.layers.Dense(2, activation="softmax")
    model = keras.Sequential([keras.Input((31, 6), name="x"), core, last])
    x = np.random.default_rng(5).standard_normal((200, 31, 6)).astype("f4")
    column = last.get_weights()[0][:, :1]
    column *= 0.39 / np.abs(core(x).numpy() @ column).max()  # 16 bits of a power of two then reach 0.5
    last.set_weights([np.concatenate([column, -column], axis=1), np.zeros(2)])
    edgernn.convert(model, tmp_path / "c", format="c", quantize="int8", calibration=x)
    session = open_session(tmp_path / "c", "c")
    (given,), (wanted,) = session.inputs, session.outputs
    found = [session.run({given.name: given.quantize(sample[None])})[wanted.name][0] for sample in x]
    error = wanted.dequantize(np.array(found)) - model.predict(x, verbose=0)
    assert np.abs(error).max() < 0.005


@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize("compiler", [("gcc", "-std=c99"), ("clang", "-std=c99"), ("g++", "-x", "c++")])
@pytest.mark.parametrize("name", ["one unit", "convolutions", "normalized", "masked"])
def test_no_compiler_warns(name: str, compiler: tuple[str, ...], scheme: str, tmp_path: Path) -> None:
    require_system(compiler[0])
    path, samples, _ = built(name)
    options: dict[str, Any] = {"format": "c", "quantize": scheme, "calibration": samples, "measure": False}
    edgernn.convert(path, tmp_path / "model", **options)
    warnings = ["-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wvla", "-Werror"]
    source, binary = tmp_path / "model/src/model.c", tmp_path / "model.o"
    command = [*compiler, *warnings, "-O2", "-c", str(source), "-I", str(source.parent), "-o", str(binary)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    symbols = subprocess.run(["nm", str(binary)], capture_output=True, text=True, check=True).stdout
    assert not [line for line in symbols.splitlines() if line.split()[-2] in "bBdDC"], "writable static data"


@pytest.mark.parametrize("scheme", ["float32", "int8"])
@pytest.mark.parametrize("name", ["gru", "lstm", "stacked", "every step"])
def test_steps_are_the_run_and_two_streams_do_not_disturb_each_other(name: str, scheme: str, tmp_path: Path) -> None:
    path, samples, _ = built(name)
    options: dict[str, Any] = {"format": "c", "quantize": scheme, "calibration": samples, "measure": False}
    edgernn.convert(path, tmp_path / "model", **options)
    project = read_c_project(tmp_path / "model")
    session = CSession(project)
    entry, exit_ = project.inputs[0], project.outputs[0]
    fed = np.stack([entry.quantize(sample) for sample in samples[:2]])
    steps = entry.shape[1]
    timed = len(exit_.shape) > 2 and exit_.shape[1] == steps
    compile_library(project, find_compiler(), tmp_path / "model.so")
    library: Any = ctypes.CDLL(str(tmp_path / "model.so"))
    states = [ctypes.create_string_buffer(project.own["state_bytes"] + 16) for _ in range(2)]
    scratch = ctypes.create_string_buffer(project.own["scratch_bytes"] + 64)
    shape = exit_.shape[2:] if timed else exit_.shape[1:]
    heard: list[list[Array]] = [[], []]
    for state in states:
        library.model_reset(state)
    for step in range(steps):
        for stream, state in enumerate(states):
            frame = np.ascontiguousarray(fed[stream, step])
            answer = np.zeros(shape, exit_.dtype)
            pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (frame, answer)]
            library.model_step(state, *pointers, scratch)
            heard[stream].append(answer)
    for stream in range(2):
        whole = session.run({entry.name: fed[stream : stream + 1]})[exit_.name][0]
        np.testing.assert_array_equal(np.stack(heard[stream]) if timed else heard[stream][-1], whole)


def test_the_same_model_gives_the_same_files(tmp_path: Path) -> None:
    options: dict[str, Any] = {"format": "c", "quantize": "int8", "calibration": folder() / "calibration.npz"}
    first, second = (edgernn.convert(folder() / "gru.keras", None, **options).files for _ in range(2))
    assert first == second
    assert all("\t" not in text or path.endswith("Kconfig") for path, text in first.items())


def test_sessions_of_the_same_sources_share_a_library_and_those_of_changed_ones_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []

    def compile_it(*arguments: Any) -> None:
        built.append(arguments)
        compile_library(*arguments)

    monkeypatch.setattr("edgernn.devices.host.c.compile_library", compile_it)
    edgernn.convert(folder() / "gru.keras", tmp_path / "gru", format="c")
    project = read_c_project(tmp_path / "gru")
    x = {project.inputs[0].name: np.ones(project.inputs[0].shape, "f4")}
    first, again = (CSession(project).run(x) for _ in range(2))
    assert len(built) == 1
    source = project.source
    source.write_text(source.read_text().replace("_run(", "_run(/* changed */"))
    changed = CSession(project).run(x)
    assert len(built) == 2
    for name, answer in first.items():
        np.testing.assert_array_equal(again[name], answer)
        np.testing.assert_array_equal(changed[name], answer)


def test_the_command_line_converts_and_verifies_c(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = str(folder() / "gru.keras"), str(folder() / "test.npz")
    output = str(tmp_path / "gru")
    options = ["--format", "c", "--quantize", "int8", "--calibration", str(folder() / "calibration.npz")]
    assert run(["convert", model, "-o", output, *options]) == 0
    assert run(["convert", model, "-o", output, *options]) == 0  # replaces an earlier one
    assert run(["verify", model, output, "--data", data, "--oracle", "reference"]) == 0
    assert "accuracy: 100 %, of Keras 100 %" in capsys.readouterr().out
    assert run(["verify", model, output, "--data", data, "--runtime", "litert"]) == 2
    assert "must be one of c for a folder of C" in capsys.readouterr().err
    assert run(["verify", model, str(artifact()), "--data", data, "--runtime", "c"]) == 2


def test_a_very_wide_layer_keeps_its_sums_within_32_bits(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2, 3000)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.ones((6000, 2), "f4"), np.zeros(2, "f4")])
    model.save(tmp_path / "wide.keras")
    samples = np.random.default_rng(0).uniform(0.5, 1, (8, 2, 3000)).astype("f4")
    edgernn.convert(tmp_path / "wide.keras", tmp_path / "wide", format="c", quantize="int8", calibration=samples)
    result = edgernn.verify(tmp_path / "wide.keras", tmp_path / "wide", samples, oracle="reference")
    assert result.relative_error < 0.01


@pytest.mark.parametrize("name", ["int", "class", "2fast", "edgernn_x", "a-b", "main"])
def test_a_name_that_c_does_not_take_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a C identifier"):
        edgernn.convert(folder() / "gru.keras", tmp_path / "out", format="c", name=name)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="a folder with other files"):
        edgernn.convert(folder() / "gru.keras", tmp_path / "mine", format="c")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_no_compiler_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edgernn.convert(folder() / "gru.keras", tmp_path / "gru", format="c")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(EnvironmentProblem, match="C compiler: must be installed"):
        CSession(read_c_project(tmp_path / "gru"))


def test_a_scheme_that_c_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="scheme: must be one of float32, int8"):
        edgernn.convert(folder() / "gru.keras", None, format="c", quantize="dynamic")
    with pytest.raises(InputError, match="needs calibration samples"):
        edgernn.convert(folder() / "gru.keras", None, format="c", quantize="int8")
