"""Model files in the shape of Keras 1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from keras_by_hand import (
    Array,
    Draw,
    Generation,
    calls,
    cell,
    conv,
    functional,
    gru,
    hard_sigmoid,
    joined,
    layer,
    lstm,
    sigmoid,
    write,
)


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
