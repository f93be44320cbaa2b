"""Every weight and every call of a Keras file, compared with the Keras model that wrote it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import MODELS, build

from edgernn.converters.keras.source import KerasLayer, KerasModel, TensorRef, fingerprint, read_source, walk

# What Keras calls a weight, where it differs from the role.
ATTRIBUTES = {
    ("DepthwiseConv1D", "depthwise_kernel"): "kernel",
    ("Normalization", "mean"): "adapt_mean",
    ("Normalization", "variance"): "adapt_variance",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], tuple[Any, Path]]:
    """A function that builds a model of the table once and saves it in both formats."""
    folder = tmp_path_factory.mktemp("keras")
    models: dict[str, Any] = {}

    def get(name: str, kind: str) -> tuple[Any, Path]:
        if name not in models:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what Keras says about its own legacy format
                models[name] = build(name)
                for ending in ("keras", "h5"):
                    models[name].save(folder / f"{name}.{ending}")
        return models[name], folder / f"{name}.{kind}"

    return get


def as_float32(value: Any) -> np.ndarray[Any, Any]:
    return np.asarray(keras.ops.convert_to_numpy(value)).astype(np.float32)


def expected_weight(layer: Any, role: str, class_name: str) -> np.ndarray[Any, Any]:
    if class_name == "Normalization" and layer.input_mean is not None:
        return np.asarray(layer.input_mean if role == "mean" else layer.input_variance, np.float32)
    return as_float32(getattr(layer, ATTRIBUTES.get((class_name, role), role)))


def compare(read: KerasLayer, layer: Any) -> int:
    """Compare a layer and all inside it with Keras's; the number of weights compared."""
    owner = layer.cell if read.class_name in ("SimpleRNN", "LSTM", "GRU") else layer
    for role, values in read.weights.items():
        wanted = expected_weight(owner, role, read.class_name)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, wanted, err_msg=f"{read.name} {role}")
    count = len(read.weights)
    for role, child in read.children.items():
        attribute = {"forward": "forward_layer", "backward": "backward_layer"}.get(role, role)
        count += compare(child, layer.cells[int(role)] if role.isdecimal() else getattr(layer, attribute))
    if read.model is not None:
        count += compare_model(read.model, layer)
    return count


def compare_model(read: KerasModel, model: Any) -> int:
    return sum(compare(layer, model.get_layer(layer.name)) for layer in read.layers)


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize("name", MODELS)
def test_weights_are_those_of_the_model(name: str, kind: str, saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    model, path = saved(name, kind)
    read, _ = read_source(path)

    compared = compare_model(read, model)

    own = [weight for weight in model.weights if weight.name != "count"]
    given = (
        sum(2 for layer in walk(read) if layer.class_name == "Normalization") if name == "normalization_given" else 0
    )
    twice = 2 if name == "layer_in_two_models" else 0  # the shared layer is in two models
    assert compared == len(own) + given + twice
    assert [item.shape for item in read.inputs] == [tuple(tensor.shape[1:]) for tensor in model.inputs]
    assert [item.dtype for item in read.inputs] == [tensor.dtype for tensor in model.inputs]
    assert [item.name for item in read.inputs] == [tensor._keras_history.operation.name for tensor in model.inputs]
    assert len(read.outputs) == len(model.outputs)


@pytest.mark.parametrize("name", MODELS)
def test_file_and_object_have_the_same_hash(name: str, saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    model, path = saved(name, "keras")
    hashes = {read_source(path)[1], read_source(path.with_suffix(".h5"))[1], read_source(model)[1]}
    assert len(hashes) == 1


def test_hash_changes_with_a_weight_and_with_an_option(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    before = read_source(saved("gru", "keras")[1])[1]
    model = build("gru")
    assert read_source(model)[1] == before
    kernel = model.layers[0].cell.kernel
    kernel.assign(kernel + 1e-6)
    assert read_source(model)[1] != before
    assert read_source(build("gru_before"))[1] != read_source(build("gru"))[1]


def test_reading_twice_gives_the_same_and_weights_cannot_be_written(
    saved: Callable[[str, str], tuple[Any, Path]],
) -> None:
    read, first = read_source(str(saved("lstm", "h5")[1]))
    assert fingerprint(read) == first
    with pytest.raises(ValueError, match="read-only"):
        read.layers[0].weights["kernel"][0, 0] = 1.0


def calls_of(
    name: str, saved: Callable[[str, str], tuple[Any, Path]]
) -> list[tuple[str, int, list[str], dict[str, Any]]]:
    read, _ = read_source(saved(name, "keras")[1])

    def short(refs: tuple[TensorRef, ...]) -> list[str]:
        return [f"{ref.layer}:{ref.call}:{ref.index}" for ref in refs]

    return [
        (call.layer, call.call_index, short(call.arguments), {key: short(refs) for key, refs in call.keywords.items()})
        for call in read.calls
    ]


def test_states_are_a_keyword(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    assert calls_of("initial_state_keyword", saved) == [
        ("encoder", 0, ["source:0:0"], {}),
        ("decoder", 0, ["target:0:0"], {"initial_state": ["encoder:0:1", "encoder:0:2"]}),
        ("dense", 0, ["decoder:0:0"], {}),
    ]


def test_shared_layer_is_called_twice(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    assert calls_of("called_many_times", saved) == [
        ("again", 0, ["input_layer:0:0"], {}),
        ("again", 1, ["again:0:0"], {}),
        ("again", 2, ["again:1:0"], {}),
        ("add", 0, ["again:0:0", "input_layer:0:0"], {}),
    ]


def test_nested_models_are_called_from_zero(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    assert calls_of("nested", saved) == [
        ("block", 0, ["input_layer:0:0"], {}),
        ("block", 1, ["block:0:0"], {}),
        ("head", 0, ["block:1:0"], {}),
        ("head", 1, ["input_layer:0:0"], {}),
    ]
    read, _ = read_source(saved("nested_two_inputs", "keras")[1])
    assert read.calls[0].arguments == (TensorRef("x", 0, 0), TensorRef("y", 0, 0))  # in the order of a, b
    assert read.outputs == (TensorRef("multiply", 0, 0), TensorRef("pair", 0, 1))


def test_only_a_given_mask_is_a_keyword(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    assert calls_of("explicit_mask", saved) == [("lstm", 0, ["input_layer:0:0"], {"mask": ["valid:0:0"]})]
    for kind in ("keras", "h5"):
        read, _ = read_source(saved("implicit_mask", kind)[1])
        assert all(not call.keywords for call in read.calls)
        assert [layer.class_name for layer in read.layers] == [
            "Embedding", "Masking", "Concatenate", "Bidirectional", "GRU", "TimeDistributed",
        ]  # fmt: skip


def test_dictionaries_are_in_the_order_of_their_keys(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    read, _ = read_source(saved("dict_inputs_outputs", "keras")[1])
    assert [item.name for item in read.inputs] == ["age", "speech"]
    assert read.output_names == ("accent", "word")
    assert [ref.layer for ref in read.outputs] == ["d2", "d1"]


def test_every_output_has_a_name(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    read, _ = read_source(saved("return_state_last", "keras")[1])
    assert read.output_names == ("lstm", "lstm_1", "lstm_2")
    assert read.outputs == tuple(TensorRef("lstm", 0, index) for index in range(3))
    assert read.inputs[0].shape == (None, 5)


def test_backward_layer_runs_backwards(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    for name in ("bidirectional", "own_backward_layer"):
        layer = read_source(saved(name, "keras")[1])[0].layers[0]
        assert not layer.children["forward"].config["go_backwards"]
        assert layer.children["backward"].config["go_backwards"]
        assert layer.children["backward"].config["zero_output_for_mask"]
    assert layer.children["backward"].config["activation"] == "relu"
    assert "layer" not in layer.config


def test_options_are_only_those_of_inference(saved: Callable[[str, str], tuple[Any, Path]]) -> None:
    read, _ = read_source(saved("dropouts", "keras")[1])
    assert read.layers[-1].config == {
        "activation": "tanh", "dropout": 0.2, "go_backwards": False, "recurrent_activation": "sigmoid",
        "recurrent_dropout": 0.3, "return_sequences": False, "return_state": False, "stateful": False, "units": 3,
        "unroll": False, "use_bias": True, "zero_output_for_mask": False,
    }  # fmt: skip


def test_compiled_and_trained_model_reads_the_same() -> None:
    def loss(truth: Any, guess: Any) -> Any:
        return keras.ops.mean((truth - guess) ** 2)

    model = build("lstm")
    before = read_source(model)[1]
    model.compile(keras.optimizers.Adam(0.0), loss=loss)  # the optimizer's moments and the loss are in the file too
    model.fit(np.zeros((2, 7, 5)), np.zeros((2, 2)), verbose=0)
    assert read_source(model)[1] == before
