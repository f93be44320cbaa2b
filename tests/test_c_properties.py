"""C against its definition on random models, under sanitizers, on real data, with ids and at odd sizes."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import require_system
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras_models import randomize

import edgernn
from edgernn.converters.c.compile import lower
from edgernn.converters.c.reference import evaluate_integers
from edgernn.converters.keras.reader import read_model
from edgernn.devices.host.c import CSession, read_c_project

LARGEST_ERROR = 0.1  # root mean square; a scale twice too large is 0.5
CELLS = ("GRU", "LSTM", "SimpleRNN")
ACTIVATIONS = ("tanh", "relu", "sigmoid", "softsign", "elu", "linear")
layer = st.one_of(
    st.tuples(st.sampled_from(CELLS), st.integers(1, 9), st.sampled_from(ACTIVATIONS), st.booleans()),
    st.tuples(st.just("Conv1D"), st.integers(1, 6), st.sampled_from(ACTIVATIONS), st.booleans()),
    st.tuples(st.just("Dense"), st.integers(1, 7), st.sampled_from(ACTIVATIONS), st.booleans()),
    st.tuples(
        st.sampled_from(("MaxPooling1D", "AveragePooling1D", "LayerNormalization")),
        st.just(2),
        st.just(""),
        st.booleans(),
    ),
)


def random_layer(keras: Any, kind: str, size: int, activation: str, flag: bool) -> Any:
    match kind:
        case "GRU" | "LSTM" | "SimpleRNN":
            made = getattr(keras.layers, kind)(size, activation=activation, return_sequences=True)
            return keras.layers.Bidirectional(made) if flag else made
        case "Conv1D":
            return keras.layers.Conv1D(size, 3, padding="same" if flag else "causal", activation=activation)
        case "Dense":
            return keras.layers.Dense(size, activation=activation, use_bias=flag)
        case "LayerNormalization":
            return keras.layers.LayerNormalization()
        case _:
            return getattr(keras.layers, kind)(size, padding="same")


def check(model: Any, samples: np.ndarray[Any, Any], io: Any = "int8") -> None:
    """The C of a model gives the definition's bits, and these are near what Keras answers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.save(folder / "m.keras")
        options: dict[str, Any] = {"format": "c", "quantize": "int8", "calibration": samples, "io": io}
        edgernn.convert(folder / "m.keras", folder / "model", **options)
        read = read_model(folder / "m.keras")
        (value,) = read.graph.inputs
        graph, _ = lower(read.graph, "int8", io, "mse", {value.name: samples})
        form = graph.inputs[0].quantization
        fed = samples if form is None else form.quantize(samples, graph.inputs[0].dtype)
        expected = evaluate_integers(graph, {value.name: fed})[graph.outputs[0].name]
        session = CSession(read_c_project(folder / "model"))
        for k in range(len(samples)):
            found = session.run({value.name: fed[k : k + 1]})[session.outputs[0].name]
            np.testing.assert_array_equal(found[0], expected[k])
        answer = graph.outputs[0].quantization
        real = expected if answer is None else answer.dequantize(expected)
        keras = np.asarray(model.predict(samples, verbose=0))
        error = np.sqrt(np.mean((real - keras) ** 2)) / max(float(keras.std()), 1e-2)
        assert error < LARGEST_ERROR, f"{error:.0%} of the spread of Keras's answers"


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(layer, min_size=1, max_size=3), st.integers(4, 9), st.integers(1, 5), st.integers(0, 99))
def test_random_models_are_the_definition_bit_for_bit(
    layers: list[tuple[str, int, str, bool]], steps: int, features: int, seed: int
) -> None:
    import keras

    model = keras.Sequential([keras.Input((steps, features)), *(random_layer(keras, *each) for each in layers)])
    randomize(model, seed)
    check(model, np.random.default_rng(seed).normal(0, 1, (5, steps, features)).astype("f4"))


def test_ids_and_an_embedding() -> None:
    import keras

    layers = [keras.Input((6,), dtype="int32"), keras.layers.Embedding(11, 3), keras.layers.GRU(4)]
    model = keras.Sequential(layers)
    randomize(model, 1)
    check(model, np.random.default_rng(1).integers(0, 11, (7, 6)).astype("i4"))


def test_seventeen_features_and_a_thousand_units() -> None:
    import keras

    model = keras.Sequential([keras.Input((3, 17)), keras.layers.LSTM(1000), keras.layers.Dense(3)])
    randomize(model, 2)
    check(model, np.random.default_rng(2).normal(0, 1, (3, 3, 17)).astype("f4"))


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_no_sanitizer_objects(scheme: str, tmp_path: Path) -> None:
    require_system("gcc")
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 5)),
            layers.Conv1D(7, 3, dilation_rate=2, padding="same", activation="relu"),
            layers.Bidirectional(layers.GRU(5, return_sequences=True)),
            layers.AveragePooling1D(2),
            layers.LSTM(3),
            layers.Dense(4, activation="softmax"),
        ]
    )
    randomize(model, 3)
    model.save(tmp_path / "m.keras")
    samples = np.random.default_rng(3).normal(0, 1, (4, 12, 5)).astype("f4")
    edgernn.convert(tmp_path / "m.keras", tmp_path / "model", format="c", quantize=scheme, calibration=samples)
    project = read_c_project(tmp_path / "model")
    flags = ["-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    example = project.folder / "examples" / "model_example" / "main.c"
    program = tmp_path / "program"
    command = ["gcc", *flags, "-I", str(project.source.parent), str(project.source), str(example), "-o", str(program)]
    subprocess.run([*command, "-lm"], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 4
