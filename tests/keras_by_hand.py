"""What model files written by hand with h5py are made of, and what their layers compute, in plain NumPy.

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


def cell(draw: Draw, gates: str, features: int, units: int) -> tuple[dict[str, Array], ...]:
    w, u, b = ({gate: draw(*shape) for gate in gates} for shape in ((features, units), (units, units), (units,)))
    return w, u, b
