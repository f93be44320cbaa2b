"""Model files in the shape of Keras 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from keras_by_hand import (
    Array,
    Draw,
    Generation,
    calls,
    cell,
    functional,
    gru,
    hard_sigmoid,
    joined,
    layer,
    lstm,
    sigmoid,
    write,
)


def recurrent_2(class_name: str, name: str, units: int, nodes: object = None, **options: Any) -> dict[str, Any]:
    """The entry of a recurrent layer of Keras 2.0."""
    start = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "seed": None}}
    common = {
        "units": units, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": True,
        "return_sequences": False, "go_backwards": False, "stateful": False, "unroll": False, "implementation": 0,
        "kernel_initializer": start, "kernel_regularizer": None, "dropout": 0.0, "recurrent_dropout": 0.0,
    }  # fmt: skip
    return layer(class_name, name, nodes, **{**common, **options})


def dense_2(name: str, units: int, nodes: object = None, **options: Any) -> dict[str, Any]:
    return layer("Dense", name, nodes, **{"units": units, "activation": "linear", "use_bias": True, **options})


def stacked(path: str, *arrays: Array) -> dict[str, Array]:
    return dict(zip((f"{path}/{role}:0" for role in ("kernel", "recurrent_kernel", "bias")), arrays, strict=False))


def keras_2_0(path: Path) -> Generation:
    """A Sequential as a list, a GRU that knows no `reset_after`, and an option that was a NumPy array."""
    draw = Draw(20)
    parts = cell(draw, "zrh", 4, 3)
    middle, middle_bias, out, out_bias = draw(3, 5), draw(5), draw(5, 2), draw(2)
    array = {"type": "ndarray", "value": 0.3}
    config = [
        recurrent_2("GRU", "gru_1", 3, batch_input_shape=[None, 9, 4], dtype="float32"),
        dense_2("dense_1", 5),
        layer("LeakyReLU", "leaky", alpha=array),
        layer("ELU", "elu", alpha={"type": "ndarray", "value": [0.7]}),
        dense_2("dense_2", 2),
    ]
    weights = {
        "gru_1": stacked("gru_1", *(joined(part, "zrh") for part in parts)),
        "dense_1": stacked("dense_1", middle) | {"dense_1/bias:0": middle_bias},
        "leaky": {},
        "elu": {},
        "dense_2": stacked("dense_2", out) | {"dense_2/bias:0": out_bias},
    }
    write(path, {"class_name": "Sequential", "config": config}, weights, "2.0.8")

    def model(x: Array) -> Array:
        y = gru(x, parts, hard_sigmoid)[-1] @ middle + middle_bias
        y = np.where(y > 0, y, 0.3 * y)
        y = np.where(y > 0, y, 0.7 * (np.exp(np.minimum(y, 0)) - 1))
        return np.asarray(y @ out + out_bias)

    return Generation(path, (9, 4), model)


def cudnn(draw: Draw, gates: str, features: int, units: int) -> tuple[list[Array], tuple[dict[str, Array], ...]]:
    """The weights of a CuDNN layer as its file has them, and as the equations use them.

    The file's kernel of one gate has the shape [features, units] and cuDNN's rows [units, features] in its memory.
    """
    rows = {gate: draw(units, features) for gate in gates}
    states = {gate: draw(units, units) for gate in gates}
    first, second = ({gate: draw(units) for gate in gates} for _ in range(2))
    kernel = np.concatenate([rows[gate].reshape(features, units) for gate in gates], axis=1)
    recurrent = np.concatenate([states[gate] for gate in gates], axis=1)
    bias = np.concatenate([biases[gate] for biases in (first, second) for gate in gates])
    own = {gate: rows[gate].T for gate in gates}, {gate: states[gate].T for gate in gates}, first, second
    return [kernel, recurrent, bias], own


def keras_2_1(path: Path) -> Generation:
    """A functional Model of CuDNN layers, alone and in a Bidirectional."""
    draw = Draw(21)
    (a, lstm_parts), (b, forward), (c, backward) = (
        cudnn(draw, *size) for size in (("ifco", 4, 3), ("zrh", 3, 5), ("zrh", 3, 5))
    )
    out, out_bias = draw(10, 2), draw(2)
    plain = {"return_state": False, "go_backwards": False, "stateful": False, "kernel_initializer": None}
    inside = layer("CuDNNGRU", "gru", units=5, return_sequences=False, **plain)
    layers = [
        layer("InputLayer", "x", [], batch_input_shape=[None, 9, 4], dtype="float32", sparse=False),
        layer("CuDNNLSTM", "lstm", calls("x"), units=3, return_sequences=True, **plain),
        layer("Bidirectional", "both", calls("lstm"), merge_mode="concat", layer=inside),
        dense_2("out", 2, calls("both")),
    ]
    weights = {
        "x": {},
        "lstm": stacked("lstm", *a),
        "both": stacked("both/forward_gru", *b) | stacked("both/backward_gru", *c),
        "out": {"out/kernel:0": out, "out/bias:0": out_bias},
    }
    write(path, functional(layers, ["x"], "out"), weights, "2.1.6")

    def model(x: Array) -> Array:
        w, u, first, second = lstm_parts
        y = lstm(x, (w, u, {gate: first[gate] + second[gate] for gate in first}), sigmoid)
        ends = [
            gru(rows, parts[:3], sigmoid, after=parts[3])[-1] for rows, parts in ((y, forward), (y[::-1], backward))
        ]
        return np.concatenate(ends) @ out + out_bias

    return Generation(path, (9, 4), model)


def keras_2_2(path: Path) -> Generation:
    """A Sequential with a name, in which a Sequential is nested; a GRU that says `reset_after`."""
    draw = Draw(22)
    w, u, b = cell(draw, "zrh", 4, 3)
    after = {gate: draw(3) for gate in "zrh"}
    out, out_bias = draw(3, 2), draw(2)
    inner = {"class_name": "Sequential", "config": {"name": "head", "layers": [dense_2("out", 2)]}}
    first = recurrent_2("GRU", "gru_1", 3, reset_after=True, recurrent_activation="sigmoid")
    config = {
        "name": "sequential_1",
        "layers": [
            {**first, "config": {**first["config"], "batch_input_shape": [None, 9, 4]}},
            {**inner, "config": {**inner["config"], "build_input_shape": [None, 3]}},  # type: ignore[dict-item]
        ],
    }  # fmt: skip
    bias = np.stack([joined(b, "zrh"), joined(after, "zrh")])
    weights = {
        "gru_1": stacked("gru_1", joined(w, "zrh"), joined(u, "zrh"), bias),
        "head": {"out/kernel:0": out, "out/bias:0": out_bias},
    }
    write(path, {"class_name": "Sequential", "config": config}, weights, "2.2.4")
    return Generation(path, (9, 4), lambda x: gru(x, (w, u, b), sigmoid, after=after)[-1] @ out + out_bias)


def keras_2_5(path: Path) -> Generation:
    """A Functional of TensorFlow 2.5: cells in the paths, keyword arguments in the nodes, `time_major`."""
    draw = Draw(25)
    parts = cell(draw, "ifco", 4, 3)
    out, out_bias = draw(3, 2), draw(2)

    def nodes(name: str) -> list[Any]:
        return [[[name, 0, 0, {}]]]

    config = functional(
        [
            layer("InputLayer", "x", [], batch_input_shape=[None, 9, 4], dtype="float32", sparse=False, ragged=False),
            recurrent_2("LSTM", "lstm", 3, nodes("x"), recurrent_activation="sigmoid", time_major=False,
                        unit_forget_bias=True, return_state=False, implementation=2, dtype="float32"),
            dense_2("out", 2, nodes("lstm"), activation="tanh", dtype="float32"),
        ],
        ["x"],
        "out",
    )  # fmt: skip
    weights = {
        "x": {},
        "lstm": stacked("lstm/lstm_cell", *(joined(part, "ifco") for part in parts)),
        "out": {"out/kernel:0": out, "out/bias:0": out_bias},
    }
    write(path, {**config, "class_name": "Functional"}, weights, "2.5.0")
    return Generation(path, (9, 4), lambda x: np.tanh(lstm(x, parts, sigmoid)[-1] @ out + out_bias))
