"""Model files in the shape of every Keras, written by hand with h5py, and what their layers compute, in plain NumPy.

Each writer draws weights, writes them and the configuration as that Keras does, and gives the function that the file
stands for. The equations are those of the Keras of that time, float64, one sample at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Model = Callable[[Array], Array]  # one sample
Parts = Sequence[Mapping[str, Array]]


@dataclass(frozen=True)
class Generation:
    """A file, the shape of its input, and what it computes; `ids` where the input is one of integers below 7."""

    path: Path
    shape: tuple[int, ...]
    model: Model
    ids: bool = False


class Draw:
    """Random weights, the same in every run."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, *shape: int) -> Array:
        return (self.random.normal(size=shape) * 0.5).astype("f4")


def hard_sigmoid(x: Array) -> Array:
    return np.clip(0.2 * x + 0.5, 0, 1)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, parts: Parts, gate: Model) -> Array:
    """All hidden states, from matrices W and U and biases per gate i, f, c, o."""
    w, u, b = parts
    h = c = np.zeros(u["i"].shape[0])
    rows = []
    for row in x:
        i, f, o = (gate(row @ w[k] + h @ u[k] + b[k]) for k in "ifo")
        c = f * c + i * np.tanh(row @ w["c"] + h @ u["c"] + b["c"])
        h = o * np.tanh(c)
        rows.append(h)
    return np.stack(rows)


def gru(x: Array, parts: Parts, gate: Model, after: Mapping[str, Array] | None = None) -> Array:
    """All hidden states, from those per gate z, r, h; `after`: the state's biases of the form that resets last."""
    w, u, b = parts
    h = np.zeros(u["z"].shape[0])
    extra = after or dict.fromkeys("zrh", np.zeros_like(h))
    rows = []
    for row in x:
        z, r = (gate(row @ w[k] + h @ u[k] + b[k] + extra[k]) for k in "zr")
        past = (r * h) @ u["h"] if after is None else r * (h @ u["h"] + extra["h"])
        h = z * h + (1 - z) * np.tanh(row @ w["h"] + b["h"] + past)
        rows.append(h)
    return np.stack(rows)


def split(array: Array, gates: str) -> dict[str, Array]:
    return dict(zip(gates, np.split(array, len(gates), axis=-1), strict=True))


def joined(parts: Mapping[str, Array], gates: str) -> Array:
    return np.concatenate([parts[gate] for gate in gates], axis=-1)


def conv(x: Array, kernel: Array, bias: Array) -> Array:
    """A valid convolution with `[size, in, out]`."""
    size = len(kernel)
    return np.stack([np.einsum("kc,kco->o", x[k : k + size], kernel) for k in range(len(x) - size + 1)]) + bias


def layer(class_name: str, name: str, nodes: object = None, **options: Any) -> dict[str, Any]:
    entry = {"class_name": class_name, "config": {"name": name, "trainable": True, **options}}
    return entry if nodes is None else {**entry, "name": name, "inbound_nodes": nodes}


def calls(*names: str) -> list[Any]:
    """The inbound nodes of a layer that is called once; of Keras 1 and 2.0, without keyword arguments."""
    return [[[name, 0, 0] for name in names]]


def functional(layers: Sequence[Mapping[str, Any]], inputs: Sequence[str], output: str) -> dict[str, Any]:
    ends = {"input_layers": [[name, 0, 0] for name in inputs], "output_layers": [[output, 0, 0]]}
    return {"class_name": "Model", "config": {"name": "model_1", "layers": list(layers), **ends}}


def write(path: Path, config: object, weights: Mapping[str, Mapping[str, Array]], version: str | None) -> None:
    with h5py.File(path, "w") as file:
        if version is not None:
            file.attrs["keras_version"] = version.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        write_weights(file.create_group("model_weights"), weights)


def write_weights(root: Any, weights: Mapping[str, Mapping[str, Array]]) -> None:
    root.attrs["layer_names"] = [name.encode() for name in weights]
    for name, arrays in weights.items():
        group = root.create_group(name)
        group.attrs["weight_names"] = [key.encode() for key in arrays]
        for key, array in arrays.items():
            group[key] = array


def recurrent_1(class_name: str, name: str, units: int, **options: Any) -> dict[str, Any]:
    """The entry of a recurrent layer of Keras 1."""
    common = {
        "output_dim": units, "init": "glorot_uniform", "inner_init": "orthogonal", "activation": "tanh",
        "inner_activation": "hard_sigmoid", "return_sequences": False, "go_backwards": False, "stateful": False,
        "unroll": False, "consume_less": "cpu", "W_regularizer": None, "U_regularizer": None, "b_regularizer": None,
        "dropout_W": 0.0, "dropout_U": 0.0, "input_dim": 4, "input_length": None,
    }  # fmt: skip
    return layer(class_name, name, **{**common, **options})


def dense_1(name: str, units: int, nodes: object = None, **options: Any) -> dict[str, Any]:
    none = dict.fromkeys(("W_regularizer", "b_regularizer", "activity_regularizer", "W_constraint", "b_constraint"))
    common = {"output_dim": units, "init": "glorot_uniform", "activation": "linear", "bias": True, "input_dim": None}
    return layer("Dense", name, nodes, **{**common, **none, **options})


def per_gate(name: str, gates: str, *parts: Mapping[str, Array]) -> dict[str, Array]:
    """The weights of a cell of Keras 1: W, U and b of each gate."""
    return {f"{name}_{kind}_{gate}": part[gate] for gate in gates for kind, part in zip("WUb", parts, strict=True)}


def cell(draw: Draw, gates: str, features: int, units: int) -> tuple[dict[str, Array], ...]:
    w, u, b = ({gate: draw(*shape) for gate in gates} for shape in ((features, units), (units, units), (units,)))
    return w, u, b


def keras_1_1(path: Path) -> Generation:
    """A Sequential as a list, no version in the file, kernels as Theano laid them out, gates one by one."""
    draw = Draw(11)
    kernel, bias = draw(3, 4, 5), draw(5)
    gamma, beta, mean, variance = draw(5), draw(5), draw(5), np.abs(draw(5)) + 0.5
    first, second = cell(draw, "ifco", 5, 3), cell(draw, "zrh", 3, 4)
    hidden, hidden_bias, out, out_bias = draw(3, 3), draw(3), draw(4 * 2, 2), draw(2)
    window = {"border_mode": "valid", "subsample_length": 1, "bias": True, "init": "glorot_uniform"}
    none = dict.fromkeys(("W_regularizer", "b_regularizer", "W_constraint", "b_constraint", "activity_regularizer"))
    config = [
        layer("Convolution1D", "conv", nb_filter=5, filter_length=3, activation="relu", **window, **none,
              batch_input_shape=[None, 8, 4], input_dtype="float32", input_dim=4, input_length=8),
        layer("BatchNormalization", "norm", epsilon=1e-3, mode=0, axis=-1, momentum=0.99, gamma_regularizer=None),
        layer("Dropout", "drop", p=0.5),
        layer("MaxPooling1D", "pool", pool_length=3, stride=2, border_mode="valid"),
        recurrent_1("LSTM", "lstm", 3, return_sequences=True, forget_bias_init="one"),
        layer("TimeDistributed", "each", layer=dense_1("inside", 3, activation="tanh")),
        recurrent_1("GRU", "gru", 4, return_sequences=True),
        layer("Flatten", "flat"),
        dense_1("out", 2),
        layer("Activation", "soft", activation="softmax"),
    ]  # fmt: skip
    theano = np.transpose(kernel, (2, 1, 0))[..., None]
    weights = {
        "conv": {"conv_W": theano, "conv_b": bias},
        "norm": {"norm_gamma": gamma, "norm_beta": beta, "norm_running_mean": mean, "norm_running_std": variance},
        "drop": {},
        "pool": {},
        "lstm": per_gate("lstm", "icfo", *first),
        "each": {"inside_W": hidden, "inside_b": hidden_bias},
        "gru": per_gate("gru", "zrh", *second),
        "flat": {},
        "out": {"out_W": out, "out_b": out_bias},
    }
    write(path, {"class_name": "Sequential", "config": config}, weights, None)

    def model(x: Array) -> Array:
        y = np.maximum(conv(x, kernel, bias), 0)
        y = gamma * (y - mean) / np.sqrt(variance + 1e-3) + beta
        y = np.stack([y[k : k + 3].max(0) for k in range(0, len(y) - 2, 2)])
        y = np.tanh(lstm(y, first, hard_sigmoid) @ hidden + hidden_bias)
        y = gru(y, second, hard_sigmoid).reshape(-1) @ out + out_bias
        return np.asarray(np.exp(y - y.max()) / np.exp(y - y.max()).sum())

    return Generation(path, (8, 4), model)


def keras_1_2(path: Path) -> Generation:
    """A functional Model with an Embedding, a Bidirectional, Merge layers and weights stacked for a GPU."""
    draw = Draw(12)
    table, (forward, backward) = draw(7, 4), (cell(draw, "zrh", 4, 3) for _ in range(2))
    simple = draw(4, 3), draw(3, 3), draw(3)
    out, out_bias = draw(9, 2), draw(2)
    both = recurrent_1("GRU", "gru", 3)
    merge: dict[str, Any] = {
        "mode_type": "raw",
        "output_shape": None,
        "output_mask": None,
        "arguments": {},
        "dot_axes": -1,
    }
    plain = recurrent_1("SimpleRNN", "plain", 3, inner_activation=None)
    layers = [
        layer("InputLayer", "ids", [], batch_input_shape=[None, 6], input_dtype="int32", sparse=False),
        layer("Embedding", "table", calls("ids"), input_dim=7, output_dim=4, input_length=6, init="uniform",
              mask_zero=False, dropout=0.0, W_regularizer=None, W_constraint=None, activity_regularizer=None),
        layer("Bidirectional", "both", calls("table"), merge_mode="concat", layer=both),
        {**plain, "name": "plain", "inbound_nodes": calls("table")},
        layer("Merge", "merged", calls("both", "plain"), mode="concat", concat_axis=-1, **merge),
        dense_1("out", 2, calls("merged")),
        dense_1("gate", 2, calls("merged"), activation="sigmoid", bias=False),
        layer("Merge", "product", calls("out", "gate"), mode="mul", concat_axis=-1, **merge),
    ]  # fmt: skip
    gate = draw(9, 2)
    weights = {
        "ids": {},
        "table": {"table_W": table},
        "both": {
            **dict(
                zip(("forward_W:0", "forward_U:0", "forward_b:0"), (joined(p, "zrh") for p in forward), strict=True)
            ),
            **per_gate("backward_gru", "zrh", *backward),
        },
        "plain": dict(zip(("plain_W", "plain_U", "plain_b"), simple, strict=True)),
        "out": {"out_W": out, "out_b": out_bias},
        "gate": {"gate_W": gate},
    }
    write(path, functional(layers, ["ids"], "product"), weights, "1.2.2")

    def model(x: Array) -> Array:
        rows = table[x]
        h = np.zeros(3)
        for row in rows:
            h = np.tanh(row @ simple[0] + h @ simple[1] + simple[2])
        ends = gru(rows, forward, hard_sigmoid)[-1], gru(rows[::-1], backward, hard_sigmoid)[-1], h
        merged = np.concatenate(ends)
        return np.asarray((merged @ out + out_bias) * sigmoid(merged @ gate))

    return Generation(path, (6,), model, ids=True)


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


BY_HAND: dict[str, Callable[[Path], Generation]] = {
    "1.1": keras_1_1,
    "1.2": keras_1_2,
    "2.0": keras_2_0,
    "2.1": keras_2_1,
    "2.2": keras_2_2,
    "2.5": keras_2_5,
}
