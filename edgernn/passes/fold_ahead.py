"""Fold constant scales and shifts (batch normalization behind a loop, normalization of an input) into what reads them.

Beside `fold_scales`, which folds into the product before; both save a rounding for each of the two operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.readers import exchanged, readers

LARGEST = (
    16.0  # that an input may reach: a product of it and a state of +-1 shares a 16-bit scale with that, up to here
)
ALIKE = 4.0  # of the factors' largest to their smallest: beyond, columns of weights with one scale would suffer


def fold_ahead(graph: Graph, samples: Mapping[str, np.ndarray]) -> Graph:
    """Replace mul by constant -> product and add constant -> product by the product alone, as often as it applies.

    Args:
        graph: float; what it computes stays the same.
        samples: `[samples, *shape]` per input.
    """
    far = {value for value in graph.inputs if np.abs(samples[value.name]).max(initial=0) > LARGEST}
    for node in graph.nodes:  # what inputs that reach far go through is needed to bring them near
        if _form(node) is not None and not far.isdisjoint(node.inputs):
            far.update(node.outputs)
    while True:
        folded = (_fold(graph, node) for node in reversed(graph.nodes) if far.isdisjoint(node.inputs))
        step = next((step for step in folded if step is not None), None)
        if step is None:
            return graph
        graph = step


def _fold(graph: Graph, node: Node) -> Graph | None:
    """The graph without the node, if all that reads it can do its work."""
    form = _form(node)
    if form is None:
        return None
    x, times, plus = form
    found = readers(graph, node.output)
    if not found or (plus.any() and any(reader.padded for reader in found)):
        return None
    changed = exchanged(graph, {reader.node: reader.taking_over(times, plus) for reader in found})
    nodes = []
    for each in changed.nodes:
        if each is not node:
            nodes.append(replace(each, inputs=tuple(x if value is node.output else value for value in each.inputs)))
    return replace(changed, nodes=tuple(nodes))


def _form(node: Node) -> tuple[Value, np.ndarray, np.ndarray] | None:
    """Of a node that computes times x + plus along the last axis: x, times and plus."""
    if not isinstance(node.operator, ops.Binary) or node.operator.function not in ("mul", "div", "add", "sub"):
        return None
    x, constant = node.inputs
    turned = x.data is not None
    if turned:
        x, constant = constant, x
    function = node.operator.function
    if x.data is not None or constant.data is None or (turned and function in ("div", "sub")) or not x.shape:
        return None
    if x.shape != node.output.shape or constant.data.size not in (1, x.shape[-1]):
        return None
    if constant.shape[-1:] not in ((), (1,), (x.shape[-1],)):
        return None
    vector = np.broadcast_to(constant.data.astype("f8").reshape(-1), x.shape[-1:])
    ones, zeros = np.ones_like(vector), np.zeros_like(vector)
    if function in ("add", "sub"):
        return x, ones, vector if function == "add" else -vector
    magnitude = np.abs(vector)
    if not magnitude.min() > 0 or magnitude.max() > ALIKE * magnitude.min():
        return None
    return x, vector if function == "mul" else 1 / vector, zeros
