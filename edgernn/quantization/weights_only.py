"""Schemes that store weights small and compute in float: `dynamic` (int8 weights) and `float16`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.quantization.weights import quantize_kernel, quantize_to_data, symmetric, zero_bias

# Products over whole sequences that together hold at most this share of the weights stay in half precision: their
# rounding would be half of the model's error (0.31 of 0.67 % for 64 units on 16 features), their second byte is a fifth
# of the file.
SMALL_PROJECTIONS = 0.25
# Steps of white noise to round by: with 8,000 instead of 1,000, 64 units of an LSTM err 0.48 instead of 0.60 %.
_NOISY_STEPS = 8192
_FEWEST_STEPS = 256  # of a model so large that the time would be felt
_MOST_PRODUCTS = 1 << 32
_FEWEST_SAMPLES = 16
_PRODUCTS = (ops.Affine, ops.Conv, ops.DepthwiseConv)


def dynamic_weights(graph: Graph, moments: Mapping[Value, np.ndarray], *, per_channel: bool) -> Graph:
    """Kernels of matrix products and embeddings as int8; the runtime quantizes the products' inputs on the fly.

    A product over a whole sequence runs once, so its kernel is widened instead: that costs nothing and spares the
    inputs' rounding. A stream does the same frame by frame, and so gives the same.

    Args:
        graph: float.
        moments: of the inputs of products, where known, to round by.
        per_channel: one scale per row instead of one per matrix.
    """
    products = [node for node in graph.walk() if isinstance(node.operator, _PRODUCTS)]
    projections = [node for node in products if _is_projection(node)]
    halve = _size(projections) <= SMALL_PROJECTIONS * _size(products)

    def small(node: Node) -> Node:
        if isinstance(node.operator, ops.FusedLstm):
            kernels = tuple(
                quantize_kernel(value, ops.Affine(1, bias=True), per_channel=False) for value in node.inputs[1:9]
            )
            return replace(node, inputs=(node.inputs[0], *kernels, *node.inputs[9:]))
        count = _operands(node)
        kernel = node.inputs[count]
        if halve and _is_projection(node):
            return _halved(node)
        if count == 1 and node.inputs[0] in moments and isinstance(node.operator, ops.Affine):
            rows = node.output.shape[-1]
            bias = node.inputs[2] if node.operator.bias else zero_bias(f"{node.output.name}_bias", rows)
            rounded, shifted = quantize_to_data(kernel, bias, moments[node.inputs[0]], per_channel=per_channel)
            operator = ops.Affine(1, bias=True, widen=_is_projection(node))
            return replace(node, operator=operator, inputs=(node.inputs[0], rounded, shifted))
        kernels = tuple(quantize_kernel(value, node.operator, per_channel=per_channel) for value in _kernels(node))
        inputs = (*node.inputs[:count], *kernels, *node.inputs[2 * count :])
        if isinstance(node.operator, ops.Affine):
            return replace(node, operator=replace(node.operator, widen=_is_projection(node)), inputs=inputs)
        return replace(node, inputs=inputs)

    return _map_tables(_map_products(graph, small), _rows_of_bytes)


def half_weights(graph: Graph) -> Graph:
    """Kernels of matrix products and embeddings in half precision."""
    return _map_tables(_map_products(graph, _halved), _halved_table)


def white_noise(graph: Graph) -> tuple[dict[str, np.ndarray], int]:
    """Inputs for a graph that nobody gave samples for: standard normal, any id, no step masked.

    Returns:
        Arrays by input, and how many steps of a loop are enough to look at.
    """
    rng = np.random.default_rng(0)
    weights = sum(
        {value: value.size for node in graph.walk() for value in node.inputs if value.data is not None}.values()
    )
    wanted = min(_NOISY_STEPS, max(_FEWEST_STEPS, _MOST_PRODUCTS // max(weights, 1)))
    steps = max((value.shape[0] for value in graph.inputs if value.shape), default=1)
    samples = max(_FEWEST_SAMPLES if steps <= wanted else 1, wanted // steps)
    rows = [node.inputs[0].shape[0] for node in graph.walk() if isinstance(node.operator, ops.Gather)]
    made: dict[str, np.ndarray] = {}
    for value in graph.inputs:
        shape = (samples, *value.shape)
        if value.dtype == "int32":
            made[value.name] = rng.integers(0, min(rows, default=1), shape).astype("int32")
        elif value.dtype == "bool":
            made[value.name] = np.ones(shape, bool)
        else:
            made[value.name] = rng.standard_normal(shape).astype("f4")
    return made, max(1, wanted // samples)


def _is_projection(node: Node) -> bool:
    return isinstance(node.operator, ops.Affine) and len(node.inputs[0].shape) > 1


def _size(nodes: list[Node]) -> int:
    return sum(value.size for node in nodes for value in _kernels(node))


def _halved(node: Node) -> Node:
    count = _operands(node)
    kernels = (replace(value, dtype="float16", data=value.constant.astype("float16")) for value in _kernels(node))
    return replace(node, inputs=(*node.inputs[:count], *kernels, *node.inputs[2 * count :]))


def _rows_of_bytes(node: Node, table: Value) -> list[Node]:
    """The rows as int8, and as float32: only what was looked up is ever widened."""
    scale = symmetric(table.constant)
    small = replace(table, dtype="int8", data=scale.quantize(table.constant, "int8"), quantization=scale)
    rows = Value(f"{node.output.name}_int8", node.output.shape, "int8", None, scale)
    looked_up = replace(node, inputs=(small, *node.inputs[1:]), outputs=(rows,))
    return [looked_up, Node(ops.Requantize(), (rows,), node.outputs, node.layer)]


def _halved_table(node: Node, table: Value) -> list[Node]:
    """The table is widened before it is looked up in, as TensorFlow's converter does: old runtimes take no other."""
    small = replace(table, dtype="float16", data=table.constant.astype("float16"))
    return [replace(node, inputs=(small, *node.inputs[1:]))]


def _operands(node: Node) -> int:
    return node.operator.operands if isinstance(node.operator, ops.Affine) else 1


def _kernels(node: Node) -> tuple[Value, ...]:
    count = _operands(node)
    return node.inputs[count : 2 * count]


def _map_products(graph: Graph, small: Callable[[Node], Node]) -> Graph:
    def one(inner: Graph) -> Graph:
        nodes = tuple(
            small(node) if isinstance(node.operator, (*_PRODUCTS, ops.FusedLstm)) else node for node in inner.nodes
        )
        return replace(inner, nodes=nodes)

    return one(map_bodies(graph, one))


def _map_tables(graph: Graph, small: Callable[[Node, Value], list[Node]]) -> Graph:
    def one(inner: Graph) -> Graph:
        nodes: list[Node] = []
        for node in inner.nodes:
            table = node.inputs[0]
            lookup = isinstance(node.operator, ops.Gather) and table.data is not None
            nodes += small(node, table) if lookup else [node]
        return replace(inner, nodes=tuple(nodes))

    return one(map_bodies(graph, one))
