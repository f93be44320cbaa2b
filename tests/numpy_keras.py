"""What Keras's layers compute, in plain NumPy: an oracle that shares nothing with the compiler but the model's record.

Written from Keras's documentation and compared with Keras itself in `test_c_fuzz.py`. Arrays are `[samples, ...]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgernn.converters.keras.source_model import KerasLayer

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -80, 80))))


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "elu": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "softplus": lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0),
    "softmax": lambda x: (
        np.exp(x - x.max(-1, keepdims=True)) / np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True)
    ),
}


def apply(
    layer: KerasLayer, x: Array, mask: Array | None, states: Sequence[Array] = ()
) -> tuple[list[Array], Array | None]:
    """The outputs of a layer, and the mask behind it."""
    c, w = layer.config, layer.weights
    function = FUNCTIONS[str(c.get("activation") or "linear")]
    match layer.class_name:
        case "Dense":
            return [function(x @ w["kernel"] + w.get("bias", 0))], mask
        case "LSTM" | "GRU" | "SimpleRNN":
            sequence, last, final = recur(layer, x, mask, states)
            output = sequence if c["return_sequences"] else last
            return [output, *(final if c.get("return_state") else [])], mask if c["return_sequences"] else None
        case "Bidirectional":
            first, second = layer.children["forward"], layer.children["backward"]
            ahead, ahead_last, _ = recur(first, x, mask, states)
            back, back_last, _ = recur(second, x, mask, states)
            if first.config["return_sequences"]:
                return [np.concatenate([ahead, back[:, ::-1]], -1)], mask
            return [np.concatenate([ahead_last, back_last], -1)], None
        case "TimeDistributed":
            rows = x.reshape(-1, *x.shape[2:])
            (y,), _ = apply(layer.children["layer"], rows, None)
            return [y.reshape(*x.shape[:2], *y.shape[1:])], mask
        case "Conv1D":
            taps = windows(x, layer)
            return [function(np.einsum("nski,kio->nso", taps, w["kernel"]) + w.get("bias", 0))], None
        case "DepthwiseConv1D" | "SeparableConv1D":
            taps, kernel = windows(x, layer), w["depthwise_kernel"]
            y = np.einsum("nski,kim->nsim", taps, kernel).reshape(*taps.shape[:2], -1)
            if layer.class_name == "SeparableConv1D":
                y = y @ w["pointwise_kernel"][0]
            return [function(y + w.get("bias", 0))], None
        case "MaxPooling1D":
            return [np.fmax.reduce(windows(x, layer, np.nan), axis=2)], None
        case "AveragePooling1D":
            return [np.nanmean(windows(x, layer, np.nan), axis=2)], None
        case "GlobalMaxPooling1D":
            return [x.max(1)], None
        case "GlobalAveragePooling1D":
            if mask is None:
                return [x.mean(1)], None
            return [(x * mask[..., None]).sum(1) / mask.sum(1)[:, None]], None
        case "LayerNormalization":
            mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
            return [(x - mean) / np.sqrt(variance + c["epsilon"]) * w["gamma"] + w["beta"]], mask
        case "BatchNormalization":
            scale = w["gamma"] / np.sqrt(w["moving_variance"] + c["epsilon"])
            return [(x - w["moving_mean"]) * scale + w["beta"]], mask
        case "Activation":
            return [function(x)], mask
        case "Flatten":
            return [x.reshape(len(x), -1)], None
        case "ZeroPadding1D":
            return [np.pad(x, [(0, 0), tuple(c["padding"]), (0, 0)])], None
        case "Masking":
            keep = (x != c["mask_value"]).any(-1)
            return [x * keep[..., None]], keep
        case "Embedding":
            return [w["embeddings"][x.astype(int)]], x != 0 if c.get("mask_zero") else None
        case other:
            raise AssertionError(f"the oracle has no {other}")


def windows(x: Array, layer: KerasLayer, fill: float = 0.0) -> Array:
    """Windows `[samples, windows, size, channels]`."""
    c = layer.config
    size = int(c["pool_size"] if "pool_size" in c else c["kernel_size"])
    stride, dilation = int(c["strides"]), int(c.get("dilation_rate", 1))
    span, steps = dilation * (size - 1) + 1, x.shape[1]
    before = after = 0
    if c["padding"] == "same":
        total = max(0, (-(-steps // stride) - 1) * stride + span - steps)
        before, after = total // 2, total - total // 2
    elif c["padding"] == "causal":
        before = span - 1
    padded = np.pad(x, [(0, 0), (before, after), (0, 0)], constant_values=fill)
    starts = range(0, padded.shape[1] - span + 1, stride)
    return np.stack([padded[:, start : start + span : dilation] for start in starts], axis=1)


def recur(layer: KerasLayer, x: Array, mask: Array | None, states: Sequence[Array]) -> tuple[Array, Array, list[Array]]:
    """Outputs in the order in which they are computed, the last one, and the final states."""
    c, units = layer.config, int(layer.config["units"])
    count = 2 if layer.class_name == "LSTM" else 1
    state = list(states) or [np.zeros((len(x), units))] * count
    output = np.zeros((len(x), units))
    if c.get("go_backwards"):
        x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
    outputs = []
    for t in range(x.shape[1]):
        new = step(layer, x[:, t], state)
        if mask is None:
            state, output = new, new[0]
        else:
            keep = mask[:, t, None]
            state = [np.where(keep, a, b) for a, b in zip(new, state, strict=True)]
            output = np.where(keep, new[0], output)
        outputs.append(output)
    return np.stack(outputs, 1), output, state


def step(layer: KerasLayer, x: Array, state: Sequence[Array]) -> list[Array]:
    """One step of a cell: Keras's gates i f c o of an LSTM, z r h of a GRU."""
    c, w = layer.config, layer.weights
    f = FUNCTIONS[str(c["activation"])]
    g = FUNCTIONS[str(c.get("recurrent_activation", "sigmoid"))]
    kernel, recurrent, bias = w["kernel"], w["recurrent_kernel"], w.get("bias", np.zeros(w["kernel"].shape[1]))
    h = state[0]
    if layer.class_name == "SimpleRNN":
        return [f(x @ kernel + h @ recurrent + bias)]
    if layer.class_name == "LSTM":
        i, forget, candidate, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
        cell = g(forget) * state[1] + g(i) * f(candidate)
        return [g(o) * f(cell), cell]
    after = bool(c["reset_after"])
    b_x, b_h = bias if after and bias.ndim == 2 else (bias, np.zeros(kernel.shape[1]))
    x_z, x_r, x_h = np.split(x @ kernel + b_x, 3, axis=-1)
    u_z, u_r, u_h = np.split(recurrent, 3, axis=-1)
    b_z, b_r, b_c = np.split(b_h, 3)
    z, r = g(x_z + h @ u_z + b_z), g(x_r + h @ u_r + b_r)
    candidate = f(x_h + r * (h @ u_h + b_c)) if after else f(x_h + (r * h) @ u_h)
    return [z * h + (1 - z) * candidate]
