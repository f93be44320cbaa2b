"""Inputs of unequal ranges, brought to like ones before they are quantized: x' = s (x - m), and W' = W / s behind it.

A feature's scale weighs what it reaches, r, against the largest of its weights, w: with s = sqrt(w / r) both s r and
w / s are sqrt(r w), so that 8 bits lose equally little on either side (Nagel et al., "Data-Free Quantization Through
Weight Equalization and Bias Correction", 2019, equation 11, for the ends of a model instead of its channels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.readers import exchanged, readers

LIKE = 8.0  # ranges that differ less are left: they have 32 of 255 steps
_FAR = 0.5  # of a feature's largest magnitude: where it varies by less, its middle is taken off


def equalize(graph: Graph, samples: Mapping[str, np.ndarray]) -> Graph:
    """The graph with a sum and a product before each input whose features need it, made good in the weights behind.

    Args:
        graph: float; what it computes stays the same.
        samples: `[samples, *shape]` per input.
    """
    for value in graph.inputs:
        if value.dtype == "float32" and value.shape:
            graph = _equalized(graph, value, samples[value.name])
    return graph


def _equalized(graph: Graph, value: Value, array: np.ndarray) -> Graph:
    found = readers(graph, value, masked=True)
    if not found:
        return graph
    heaviest = np.max([np.abs(r.weights).reshape(-1, value.shape[-1]).max(axis=0) for r in found], axis=0)
    form = _form(array.reshape(-1, value.shape[-1]), heaviest, centred=not any(r.padded for r in found))
    if form is None:
        return graph
    middle, scale = form
    nodes, now = [], value
    for function, by in (("sub", middle), ("mul", scale)):
        if by.any():
            constant = Value(f"{value.name}/{function}_by", by.shape, "float32", by)
            result = Value(f"{value.name}/{function}", value.shape)
            nodes.append(Node(ops.Binary("sub" if function == "sub" else "mul"), (now, constant), (result,)))
            now = result
    exact, shift = 1 / scale.astype("f8"), middle.astype("f8")
    changed = exchanged(graph, {reader.node: reader.taking_over(exact, shift) for reader in found})
    rest = []
    for node in changed.nodes:
        if not isinstance(node.operator, ops.Differs):  # masks are of the numbers that were given
            node = replace(node, inputs=tuple(now if each is value else each for each in node.inputs))
        rest.append(node)
    return replace(changed, nodes=(*nodes, *rest))


def _form(features: np.ndarray, heaviest: np.ndarray, *, centred: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """What is taken off of each feature, and by what it is multiplied then; None for features of like ranges."""
    low, high = features.min(axis=0).astype("f8"), features.max(axis=0).astype("f8")
    far = (high - low) / 2 < _FAR * np.maximum(-low, high)
    middle = np.where(far & centred, (high + low) / 2, 0.0)
    reach = np.maximum(high - middle, middle - low)
    counts = (reach > 0) & (heaviest > 0)
    if not counts.any() or (not middle.any() and reach[counts].max() <= LIKE * reach[counts].min()):
        return None
    reach = np.where(reach > 0, reach, reach.max())  # never seen to change: it may yet, as far as the others
    wanted = np.sqrt(reach * heaviest)
    scale = np.where(heaviest > 0, wanted, wanted[counts].min()) / reach
    return middle.astype("f4"), scale.astype("f4")
