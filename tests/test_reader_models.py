"""Whole models: inputs, outputs, names, steps, nesting, sharing, parameters and multiply-accumulates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import MODELS, build, randomize
from reader_harness import check, functional

from edgernn.converters.keras import LayerInfo, read_model
from edgernn.errors import InputError

# Those with Keras 2's arguments, with options that a rule refuses, or with low precision have tests of their own.
LEFT_OUT = {"convolutions", "initial_state_list", "low_precision", "bfloat16", "normalization_adapted", "stateful"}
OPEN = {"unknown_steps", "return_state_last"}


@pytest.mark.parametrize("name", sorted(set(MODELS) - LEFT_OUT - {"dict_inputs_outputs"}))
def test_model(name: str) -> None:
    check(build(name), steps=6 if name in OPEN else None)


@pytest.mark.parametrize(("name", "tolerance"), [("low_precision", 1e-3), ("bfloat16", 1e-2)])
def test_weights_of_low_precision(name: str, tolerance: float) -> None:
    check(build(name), tolerance=tolerance)


def test_adapted_normalization(tmp_path: Path) -> None:
    import keras

    build("normalization_adapted").save(tmp_path / "model.keras")
    check(keras.models.load_model(tmp_path / "model.keras"))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_files(suffix: str, tmp_path: Path) -> None:
    from edgernn.reference import evaluate

    model = build("two_inputs_two_outputs")
    path = tmp_path / f"model.{suffix}"
    model.save(path)
    read, same = read_model(path), read_model(model)
    x = {value.name: np.ones((1, *value.shape), "float32") for value in read.graph.inputs}
    assert read.source_hash == same.source_hash != ""
    assert read.layers == same.layers
    for name, output in evaluate(read.graph, x).items():
        np.testing.assert_array_equal(output, evaluate(same.graph, x)[name])


def test_inputs_and_outputs_are_in_keras_order() -> None:
    read = read_model(build("two_inputs_two_outputs"))
    assert read.inputs == ("right", "left")
    assert read.outputs == ("first", "second")
    assert [value.shape for value in read.graph.inputs] == [(7, 3), (7, 5)]


def test_dictionaries() -> None:
    model = build("dict_inputs_outputs")
    read = read_model(model)
    assert read.inputs == ("age", "speech")
    assert read.outputs == ("accent", "word")
    x = {"age": np.ones((2, 3), "float32"), "speech": np.ones((2, 7, 5), "float32")}
    from edgernn.reference import evaluate

    outputs, expected = evaluate(read.graph, x), model(x)
    for name, output in outputs.items():
        np.testing.assert_allclose(output, expected[name], atol=1e-6)


def test_outputs_that_repeat_or_pass_through() -> None:
    import keras

    x = keras.Input((4, 3), name="x")
    y = keras.layers.GRU(2, return_state=True, name="gru")(x)
    read = check(functional(x, [x, y[0], y[1], keras.layers.Dropout(0.5, name="late")(x)]))
    assert len(set(read.outputs)) == 4
    assert read.inputs == ("x",)
    assert not set(read.inputs) & set(read.outputs)


def test_odd_characters_in_names_are_replaced() -> None:
    import keras

    x = keras.Input((4, 3), name="left ear (dB)")
    read = check(functional(x, keras.layers.Dense(2, name="größe")(x)))
    assert read.inputs == ("left_ear__dB_",)
    assert read.outputs == ("gr__e",)


def test_steps() -> None:
    import keras

    a, b = keras.Input((None, 3), name="signal"), keras.Input((2,))
    joined = keras.layers.Concatenate()([keras.layers.LSTM(3)(a), b])
    model = functional([a, b], joined)
    read = check(model, steps=13)
    assert read.graph.inputs[0].shape == (13, 3)
    with pytest.raises(InputError, match="input 'signal': the number of time steps must be known") as caught:
        read_model(model)
    assert "--steps N" in caught.value.hint


@pytest.mark.parametrize("steps", [0, -3, 8])
def test_wrong_steps(steps: int) -> None:
    with pytest.raises(InputError, match=f"steps: .* Found: {steps}"):
        read_model(build("lstm"), steps=steps)


def test_unknown_features() -> None:
    import keras

    x = keras.Input((4, None))
    model = keras.Model(x, keras.layers.GlobalMaxPooling1D()(x))
    with pytest.raises(InputError, match="only the number of time steps may be unknown"):
        read_model(model, steps=3)


def test_layer_table() -> None:
    import keras

    model = keras.Sequential(
        [
            keras.Input((20, 3)),
            keras.layers.Conv1D(8, 5, padding="causal", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Bidirectional(keras.layers.GRU(6, return_sequences=True), name="both"),
            keras.layers.LSTM(4, name="lstm"),
            keras.layers.Dense(7, name="dense"),
        ]
    )
    randomize(model)
    read = check(model)
    gru, lstm = 2 * 3 * 6 * (8 + 6), 4 * 4 * (12 + 4)
    assert read.layers == (
        LayerInfo("conv", "Conv1D", (20, 8), 5 * 3 * 8 + 8, 20 * 5 * 3 * 8, 5 * 3 * 8),
        LayerInfo("norm", "BatchNormalization", (20, 8), 4 * 8, 0, 0),
        LayerInfo("both", "Bidirectional", (20, 12), 2 * 3 * 6 * (8 + 6 + 2), 20 * gru, gru),
        LayerInfo("lstm", "LSTM", (4,), 4 * 4 * (12 + 4 + 1), 20 * lstm, lstm),
        LayerInfo("dense", "Dense", (7,), 4 * 7 + 7, 4 * 7, 0),
    )
    assert read.macs_per_step == 5 * 3 * 8 + gru + lstm
    assert read.macs == 20 * read.macs_per_step + 4 * 7


def test_a_shared_layer_counts_its_weights_once_and_its_work_twice() -> None:
    import keras

    a, b = keras.Input((5, 3)), keras.Input((5, 3))
    twin = keras.layers.GRU(4, name="twin")
    read = check(functional([a, b], keras.layers.Subtract()([twin(a), twin(b)])))
    assert read.layers[0] == LayerInfo("twin", "GRU", (4,), 3 * 4 * (3 + 4 + 2), 2 * 5 * 3 * 4 * 7, 2 * 3 * 4 * 7)


def test_names_of_nested_layers() -> None:
    import keras

    x = keras.Input((5, 3))
    inner = keras.Model(x, keras.layers.GRU(3, return_sequences=True, name="gru")(x), name="inner")
    middle = keras.Sequential([inner, keras.layers.Dense(3, name="dense")], name="middle")
    read = check(functional(x, keras.layers.Add(name="add")([middle(x), inner(x)])))
    assert [layer.name for layer in read.layers] == ["middle/inner/gru", "middle/dense", "inner/gru", "add"]
    assert [layer.parameters for layer in read.layers] == [3 * 3 * 8, 12, 0, 0]


def test_names_in_the_graph_are_unique() -> None:
    for name in ("called_many_times", "nested", "recurrent_cells"):
        graph = read_model(build(name)).graph
        names = [value.name for node in graph.walk() for value in node.outputs]
        assert len(names) == len(set(names))


@pytest.mark.filterwarnings("ignore:.*stateful.*")
def test_stateful_model() -> None:
    model = build("stateful")
    x = np.random.default_rng(0).normal(size=(1, 7, 5)).astype("float32")
    read = check(model, [x])  # the harness calls the model once, from fresh states
    assert len(read.notes) == 1


def test_sequential_of_sequentials_and_functionals() -> None:
    import keras

    def block(units: int) -> Any:
        return keras.Sequential([keras.layers.Dense(units), keras.layers.GRU(units, return_sequences=True)])

    model = keras.Sequential([keras.Input((5, 3)), block(4), keras.Sequential([block(2)]), keras.layers.Flatten()])
    randomize(model)
    check(model)
