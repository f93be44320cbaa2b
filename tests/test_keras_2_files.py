"""Files as Keras 2 wrote them, built here by hand: older names, lists as nodes, nested models that count from one."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_models import build
from test_keras_safety import refused, save

from edgernn.converters.keras.source import KerasLayer, TensorRef, read_source

Weights = dict[str, list[tuple[str, tuple[int, ...]]]]


def write(path: Path, config: dict[str, Any], weights: Weights, version: str = "2.11.0") -> dict[str, Any]:
    """Write a legacy file; the random weights that it holds, by name."""
    rng = np.random.default_rng(1)
    arrays: dict[str, Any] = {}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [name.encode() for name in weights]
        for layer, items in weights.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name, _ in items]
            for name, shape in items:
                arrays[name] = rng.normal(size=shape).astype(np.float32)
                group[name] = arrays[name]
    return arrays


def layer(class_name: str, name: str, nodes: object = None, **options: Any) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "dtype": "float32", **options}
    entry = {"class_name": class_name, "config": config, "name": name}
    return entry if nodes is None else {**entry, "inbound_nodes": nodes}


def node(name: str, call: int = 0, index: int = 0, **keywords: Any) -> list[Any]:
    return [name, call, index, keywords]


def recurrent(class_name: str, name: str, units: int, nodes: object = None, **options: Any) -> dict[str, Any]:
    common = {"units": units, "activation": "tanh", "use_bias": True, "return_state": False, "return_sequences": False}
    if class_name != "SimpleRNN":
        common["recurrent_activation"] = "sigmoid"
    older = {"time_major": False, "implementation": 2, "unroll": False}
    return layer(class_name, name, nodes, **{**common, **older, **options})


def cell_weights(path: str, gates: int, features: int, units: int) -> list[tuple[str, tuple[int, ...]]]:
    width = gates * units
    names = {"kernel": (features, width), "recurrent_kernel": (units, width), "bias": (width,)}
    return [(f"{path}/{name}:0", shape) for name, shape in names.items()]


def test_sequential_without_an_input_layer(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    first = recurrent(
        "GRU", "gru/1", 4, return_sequences=True, recurrent_activation="hard_sigmoid", batch_input_shape=[None, 9, 3]
    )
    batch_norm = layer("BatchNormalization", "norm", axis=[2], momentum=0.99, epsilon=1e-3, center=True, scale=False)
    config = {
        "class_name": "Sequential",
        "config": {"name": "old", "layers": [first, batch_norm, layer("LeakyReLU", "leaky", alpha=0.25)]},
    }
    statistics: list[tuple[str, tuple[int, ...]]] = [
        (f"norm/{role}:0", (4,)) for role in ("beta", "moving_mean", "moving_variance")
    ]
    arrays = write(path, config, {"gru/1": cell_weights("gru/1/gru_cell", 3, 3, 4), "norm": statistics, "leaky": []})

    model, _ = read_source(path)

    assert [(item.name, item.shape, item.dtype) for item in model.inputs] == [("gru/1_input", (9, 3), "float32")]
    gru, norm, leaky = model.layers
    for role in ("kernel", "recurrent_kernel", "bias"):  # reset_after is not in the file: one bias
        np.testing.assert_array_equal(gru.weights[role], arrays[f"gru/1/gru_cell/{role}:0"])
    for role in ("beta", "moving_mean", "moving_variance"):
        np.testing.assert_array_equal(norm.weights[role], arrays[f"norm/{role}:0"])
    assert "gamma" not in norm.weights
    assert leaky.config == {"negative_slope": 0.25}
    assert gru.config["recurrent_activation"] == "keras_2_hard_sigmoid"  # x/5 + 1/2; in Keras 3 x/6 + 1/2
    assert "time_major" not in gru.config

    config["config"] = config["config"]["layers"]  # type: ignore[index]
    write(path, config, {"gru/1": cell_weights("gru/1/gru_cell", 3, 3, 4), "norm": statistics, "leaky": []})
    older, _ = read_source(path)  # Keras before 2.2.3 wrote the layers alone
    assert [item.name for item in older.layers] == ["gru/1", "norm", "leaky"]
    first["config"]["time_major"] = True
    write(path, config, {})
    assert "'time_major' must be off" in refused(path).message


def test_nested_models_and_states(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    inner = {
        "name": "block",
        "layers": [
            layer("InputLayer", "inside", [], batch_input_shape=[None, 9, 3]),
            layer("Dense", "dense", [[node("inside")]], units=3, activation="relu", use_bias=False),
        ],
        "input_layers": [["inside", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    }
    block: dict[str, Any] = {"class_name": "Model", "config": inner, "name": "block"}
    block["inbound_nodes"] = [[node("x")], [node("block", 1)]]  # its own call from inside to dense is number 0
    states = [[node("block", 2), node("encoder", 0, 1), node("encoder", 0, 2)]]
    outer = {
        "name": "outer",
        "layers": [
            layer("InputLayer", "x", [], batch_input_shape=[None, 9, 3]),
            layer("InputLayer", "valid", [], batch_input_shape=[None, 9], dtype="bool"),
            recurrent("LSTM", "decoder", 2, states),
            block,
            recurrent("LSTM", "encoder", 2, [[node("x", mask=["valid", 0, 0])]], return_state=True),
        ],
        "input_layers": {"signal": ["x", 0, 0], "mask": ["valid", 0, 0]},
        "output_layers": [["decoder", 0, 0], ["block", 1, 0]],
    }
    weights: Weights = {
        "block": [("dense/kernel:0", (3, 3))],
        "decoder": cell_weights("decoder/lstm_cell_1", 4, 3, 2),
        "encoder": cell_weights("encoder/lstm_cell", 4, 3, 2),
    }
    arrays = write(path, {"class_name": "Model", "config": outer}, weights)

    model, _ = read_source(path)

    assert [(call.layer, call.call_index) for call in model.calls] == [
        ("block", 0), ("block", 1), ("encoder", 0), ("decoder", 0),
    ]  # fmt: skip
    first, second, encoder, decoder = model.calls
    assert first.arguments == (TensorRef("x", 0, 0),)
    assert second.arguments == (TensorRef("block", 0, 0),)
    assert encoder.keywords == {"mask": (TensorRef("valid", 0, 0),)}
    assert decoder.arguments == (TensorRef("block", 1, 0),)
    assert decoder.keywords == {"initial_state": (TensorRef("encoder", 0, 1), TensorRef("encoder", 0, 2))}
    assert model.outputs == (TensorRef("decoder", 0, 0), TensorRef("block", 0, 0))
    assert [item.name for item in model.inputs] == ["valid", "x"]  # by the keys mask, signal
    block_model = model.layer("block").model
    assert block_model is not None
    np.testing.assert_array_equal(block_model.layers[0].weights["kernel"], arrays["dense/kernel:0"])


def test_backward_layer_that_the_file_does_not_describe(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    cells = {"class_name": "StackedRNNCells", "config": {"name": "cells", "cells": []}}
    for name in ("cell_0", "cell_1"):
        cells["config"]["cells"].append(recurrent("SimpleRNNCell", name, 2))  # type: ignore[index]
    inner = layer("RNN", "rnn", cell=cells, return_sequences=True, go_backwards=True)
    both = layer("Bidirectional", "both", layer=inner, merge_mode="sum", batch_input_shape=[None, None, 2])
    names = [f"{way}_rnn/cell_{number}" for way in ("forward", "backward") for number in range(2)]
    weights = [item for name in names for item in cell_weights(name, 1, 2, 2)]
    arrays = write(path, {"class_name": "Sequential", "config": {"name": "s", "layers": [both]}}, {"both": weights})

    read = read_source(path)[0].layers[0]

    assert list(read.children) == ["forward", "backward"]
    for way in ("forward", "backward"):
        assert read.children[way].name == f"{way}_rnn"
        assert read.children[way].config["go_backwards"] == (way == "forward")
        for number, read_cell in read.children[way].children["cell"].children.items():
            for role, values in read_cell.weights.items():
                np.testing.assert_array_equal(values, arrays[f"{way}_rnn/cell_{number}/{role}:0"])
            assert len(read_cell.weights) == 3


def find(item: KerasLayer, name: str) -> KerasLayer:
    assert item.model is not None
    return item.model.layer(name)


@pytest.mark.parametrize("frozen", [False, True])
def test_order_of_a_frozen_model(frozen: bool, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    thawed = layer("Dense", "thawed", units=3, activation="linear", use_bias=False)
    fixed = layer("Dense", "fixed", units=3, activation="linear", use_bias=False)
    fixed["config"]["trainable"] = False
    inner = {"name": "part", "trainable": not frozen, "layers": [fixed, thawed], "build_input_shape": [None, 3]}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "whole",
            "layers": [
                layer("InputLayer", "x", batch_input_shape=[None, 3]),
                {"class_name": "Sequential", "config": inner, "name": "part"},
            ],
        },
    }
    # Keras 2 puts the thawed layer first even when its model is frozen; Keras 3 then keeps the plain order.
    names = ["thawed/kernel:0", "fixed/kernel:0"]
    arrays = write(path, config, {"part": [(name, (3, 3)) for name in names]})
    part = read_source(path)[0].layers[0]
    for name in ("thawed", "fixed"):
        np.testing.assert_array_equal(find(part, name).weights["kernel"], arrays[f"{name}/kernel:0"])


def test_long_lists_of_names_are_split(tmp_path: Path) -> None:
    path = save(build("lstm"), tmp_path / "model.h5")
    before = read_source(path)[1]
    with h5py.File(path, "a") as file:
        attributes = file["model_weights/lstm"].attrs
        names = attributes["weight_names"]
        del attributes["weight_names"]
        attributes["weight_names0"], attributes["weight_names1"] = names[:2], names[2:]
    assert read_source(path)[1] == before


def test_places_of_keras_2_13(tmp_path: Path) -> None:
    path = save(build("nested"), tmp_path / "model.keras")
    with zipfile.ZipFile(path) as archive:
        config, content = archive.read("config.json"), archive.read("model.weights.h5")
    renamed = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(renamed, "w") as target:

        def copy(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                target[name.replace("layers", "_layer_checkpoint_dependencies")] = item[()]

        source.visititems(copy)
    other = tmp_path / "renamed.keras"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", renamed.getvalue())
    assert read_source(other)[1] == read_source(path)[1]
