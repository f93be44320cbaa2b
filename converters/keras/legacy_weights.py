"""Weights of older Kerases in the order and shape of today's.

The rules are those by which Keras 2 loads them (`preprocess_weights_for_loading` in its legacy HDF5 format).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from edgernn.converters.keras.source_model import Array
from edgernn.converters.keras.tree import Dataset, Group, Node, member, numbers, text_list

_GATE = re.compile(r"(.*)_([WUb])_([ifcozrh])")
_CELLS_1 = ("ifco", "zrh")  # the gates of an LSTM and of a GRU, in today's order
_ROLES_1 = {
    "W": "kernel",
    "U": "recurrent_kernel",
    "b": "bias",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",  # its name only: it holds the variance
    "alphas": "alpha",
}


def of_keras_1(group: Group) -> Group:
    """The weights of a file of Keras 1, by layer name: a cell's gates stacked, and every role by its present name."""
    return Group(
        group.attrs,
        {name: _layer_of_keras_1(node) if isinstance(node, Group) else node for name, node in group.members.items()},
    )


def _layer_of_keras_1(group: Group) -> Group:
    gates: dict[tuple[str, str], dict[str, Array]] = {}  # by the cell's name and the role of the matrix
    found: list[tuple[str, Node | None]] = []
    for path in text_list(group, "weight_names"):
        name = path.split("/")[-1].partition(":")[0]
        node = member(group, path)
        if match := _GATE.fullmatch(name):
            owner, role, gate = match.groups()
            if (owner, role) not in gates:
                found.append((_ROLES_1[role], None))
            gates.setdefault((owner, role), {})[gate] = numbers(node, path)
        else:
            role = next((role for role in _ROLES_1 if name.endswith(f"_{role}")), name.rpartition("_")[2])
            found.append((_ROLES_1.get(role, role), node))
    stacked = iter([_stacked(parts) for parts in gates.values()])
    weights = [(role, next(stacked) if node is None else node) for role, node in found]
    return Group(
        {"weight_names": [f"{number}/{role}" for number, (role, _) in enumerate(weights)]},
        {str(number): Group({}, {role: node}) for number, (role, node) in enumerate(weights)},
    )


def _stacked(parts: Mapping[str, Array]) -> Dataset:
    """The gates of one matrix or bias side by side; a set of gates that no cell has gives a shape that none has."""
    order = next((order for order in _CELLS_1 if set(order) == set(parts)), "")
    fits = order and len({values.shape[:-1] for values in parts.values()}) == 1
    values = np.concatenate([parts[gate] for gate in order], axis=-1) if fits else np.zeros(0, np.float32)
    return Dataset(values.shape, values)


def conv_of_keras_1(values: Array, size: int, filters: int) -> Array:
    """A kernel `[size, 1, in, out]`, or in the form of 1.1 `[out, in, size, 1]`, as `[size, in, out]`."""
    if values.shape[:2] != (size, 1) or values.shape[3] != filters:
        values = np.transpose(values, (2, 3, 1, 0))
    return np.ascontiguousarray(values[:, 0])


def of_cudnn(weights: Mapping[str, Array], gates: int) -> dict[str, Array]:
    """The weights of a CuDNNLSTM (4 gates) or a CuDNNGRU (3) as those of an LSTM or of a GRU with `reset_after`.

    Every gate's matrices are transposed, the input's also laid out anew; an LSTM has one bias for both products.
    """

    def kernel(values: Array) -> Array:
        return values.T.reshape(values.shape, order="F")

    def recurrent(values: Array) -> Array:
        return values.T

    bias = weights["bias"].reshape(2, -1)
    return {
        "kernel": np.hstack([kernel(part) for part in np.hsplit(weights["kernel"], gates)]),
        "recurrent_kernel": np.hstack([recurrent(part) for part in np.hsplit(weights["recurrent_kernel"], gates)]),
        "bias": bias.sum(0) if gates == 4 else bias,
    }
