"""Who computes what is right: the Keras that wrote the file; else our own arithmetic, and that is said aloud."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_models import randomize
from saved_models import FEATURES, STEPS, folder, signal

import edgernn
from edgernn.cli.main import run
from edgernn.converters.keras import read_model
from edgernn.errors import InputError
from edgernn.oracle import first_line, own_rounding
from edgernn.reference import evaluate

Captured = pytest.CaptureFixture[str]
KERAS_2 = """
import sys, numpy as np, tf_keras as k
path, = sys.argv[1:]
L = k.layers
model = k.Sequential([k.Input((9, 5)), L.GRU(7, recurrent_activation="hard_sigmoid", return_sequences=True),
                      L.LSTM(6), L.Dense(3)])
random = np.random.default_rng(1)
model.set_weights([random.normal(0, 0.5, w.shape) for w in model.get_weights()])
model.save(path)
x = np.load(path + ".x.npy")
np.save(path + ".y.npy", model.predict(x, verbose=0))
"""


@pytest.fixture(scope="module", params=["h5", "keras"])
def keras_2_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that Keras 2 saved, and what it answers there."""
    pytest.importorskip("tf_keras")
    path = tmp_path_factory.mktemp("keras2") / f"old.{request.param}"
    np.save(f"{path}.x.npy", signal(30, 3))
    command = [sys.executable, "-W", "ignore", "-c", KERAS_2, str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def test_a_file_of_keras_2_is_compared_with_keras_2(keras_2_file: Path) -> None:
    """Whose hard_sigmoid is another one than that of Keras 3, which would load the file without a word."""
    x, answers = np.load(f"{keras_2_file}.x.npy"), np.load(f"{keras_2_file}.y.npy")
    content = edgernn.convert(keras_2_file).content
    environment = dict(os.environ)
    result = edgernn.verify(keras_2_file, content, {"x": x, "y": answers.astype("f8")})
    assert (result.oracle, result.passed) == ("tf_keras", True)
    assert result.metric is not None
    assert result.metric.keras < 1e-6  # these are the answers of the Keras that saved it
    assert not any("edgernn's float reference" in note for note in result.notes)
    assert {name for name in os.environ if name not in environment} <= {"TF2_BEHAVIOR", "TF_CPP_MIN_LOG_LEVEL"}


def test_both_generations_of_keras_run_in_one_process(keras_2_file: Path) -> None:
    import keras

    edgernn.verify(keras_2_file, edgernn.convert(keras_2_file).content, signal(3, 1))
    new = keras.saving.load_model(folder() / "gru.keras")
    result = edgernn.verify(new, edgernn.convert(folder() / "gru.keras").content, signal(30, 1))
    assert (result.oracle, result.passed) == ("keras", True)


def test_what_no_keras_loads_is_compared_with_our_reader_and_that_is_said(
    keras_2_file: Path, tmp_path: Path, capsys: Captured
) -> None:
    if keras_2_file.suffix != ".h5":
        pytest.skip("only an .h5 can be changed by hand in one line")
    path = tmp_path / "odd.h5"
    path.write_bytes(keras_2_file.read_bytes())
    with h5py.File(path, "r+") as file:  # an option that neither Keras knows, and edgernn passes over
        config = file.attrs["model_config"]
        config = config.decode() if isinstance(config, bytes) else config
        assert '"implementation": 2' in config
        file.attrs["model_config"] = config.replace('"implementation": 2', '"implementation": 2, "fused": false')
    edgernn.convert(path, tmp_path / "a.tflite")
    arguments = ["verify", str(path), str(tmp_path / "a.tflite"), "--data", f"{keras_2_file}.x.npy"]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert "against edgernn's float reference, not Keras" in shown.out
    assert "passed, as far as edgernn reads the model rightly" in shown.out
    assert "note: compared with edgernn's float reference, not with Keras, so a model that edgernn reads" in shown.err
    assert run([*arguments, "--oracle", "keras"]) == 2
    assert "must be loadable by the Keras that is installed" in capsys.readouterr().err


def test_a_model_that_keras_cannot_run_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.GRU(3)])

    def broken(x: Any) -> Any:
        raise RuntimeError("\nGraph execution error:\n\nDetected at node ...")

    model.predict_on_batch = broken
    with pytest.raises(InputError, match=r"must run in Keras on these samples. Found: Graph execution error: Hint"):
        edgernn.verify(model, edgernn.convert(model).content, signal(3, 1))
    assert first_line(ValueError()) == "ValueError"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cell", ["GRU", "LSTM"])
def test_models_in_half_precision_pass_as_float32_artifacts(policy: str, cell: str) -> None:
    import keras

    layers = keras.layers
    inside = [getattr(layers, cell)(24, return_sequences=True, dtype=policy), getattr(layers, cell)(17, dtype=policy)]
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), *inside, layers.Dense(3, dtype=policy)])
    randomize(model, 4)
    result = edgernn.verify(model, edgernn.convert(model).content, signal(30, 2))
    assert result.passed, result.verdict
    assert result.verdict.found > 1e-4  # what fails where Keras computes in 32 bits
    assert any("widens the tolerance" in note for note in result.notes)
    randomize(model, 5)
    content = edgernn.convert(model).content
    randomize(model, 4)
    assert not edgernn.verify(model, content, signal(30, 2)).passed


def test_what_float32_rounds_in_a_model_is_measured() -> None:
    import keras

    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.GRU(5), keras.layers.Dense(1)])
    randomize(model, 4)
    read, x = read_model(model), signal(20, 1)
    (usual,) = own_rounding(read, {read.inputs[0]: x})
    kernel, bias = model.layers[-1].weights
    kernel.assign(1e4 * np.asarray(kernel))  # and as much taken away again by the bias, to another answer of size 1
    bias.assign(-1e4 * np.asarray(bias))
    (large,) = own_rounding(read_model(model), {read.inputs[0]: x})
    assert 0 < usual < 1e-5
    assert large > 100 * usual


@pytest.mark.parametrize("scheme", ["float32", "float16"])
def test_sure_answers_of_a_sigmoid_are_right_to_the_last_place(scheme: str) -> None:
    """Answers from 1e-9 to 1e-4; the old sigmoid of the reference knew them to 6e-8."""
    import keras

    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.GRU(10), keras.layers.Dense(1, "sigmoid")])
    randomize(model, 3)
    kernel, bias = model.layers[-1].weights
    kernel.assign(8 * np.asarray(kernel))
    bias.assign([-18.0])
    x = signal(60, 1)
    answers = model.predict(x, verbose=0)
    assert answers.max() < 1e-5
    assert answers.min() < 1e-7
    content = edgernn.convert(model, quantize=scheme).content
    for oracle in ("keras", "reference"):
        assert edgernn.verify(model, content, x, oracle=oracle).passed
    read = read_model(model)
    assert evaluate(read.graph, {read.inputs[0]: x})[read.outputs[0]] == pytest.approx(answers, rel=1e-4)
