"""Rows of a matrix brought to one size, for kernels that have a single scale for all of its weights.

In one scale for the whole matrix, a row of small weights, a gate that learns slowly, keeps only its largest ones. Here
each row is divided by its own factor before the product, and what comes out is multiplied by it: W x + b =
s * ((W / s) x + b / s), s per row. No kernel library has to know of scales per row, which in a 16-bit FULLY_CONNECTED
CMSIS-NN refuses and others compute wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Rewrite, Value
from edgernn.graph import operators as ops

_LEAST = 1 / 256  # of the largest row: the factors have 16 bits, and a row that is so small hardly counts


def even_rows(graph: Graph, accept: Callable[[Node], bool]) -> Graph:
    """Even the rows of every Affine of one operand that `accept` agrees to."""
    rewrite = Rewrite()
    for node in graph.nodes:
        if not isinstance(node.operator, ops.Affine) or node.operator.operands != 1 or not accept(node):
            rewrite.keep(node)
            continue
        x, kernel, *bias = node.inputs
        largest = np.abs(kernel.constant).max(axis=1)
        factors = np.maximum(largest / max(float(largest.max()), 1e-30), _LEAST).astype("f4")
        even = _constant(f"{kernel.name}_even", kernel.constant / factors[:, None])
        biases = [_constant(f"{value.name}_even", value.constant / factors) for value in bias]
        product = Value(f"{node.output.name}_even", node.output.shape)
        rewrite.keep(replace(node, inputs=(x, even, *biases), outputs=(product,)))
        row = _constant(f"{node.output.name}_rows", factors)
        rewrite.keep(Node(ops.Binary("mul"), (product, row), node.outputs, node.layer))
    return rewrite.graph(graph)


def _constant(name: str, data: np.ndarray) -> Value:
    return Value(name, data.shape, "float32", np.asarray(data, "f4"))
