"""Schemes that store weights small and compute in float: `dynamic` (int8 weights) and `float16`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgernn.graph import Graph, Node, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.quantization.weights import quantize_kernel

_PRODUCTS = (ops.Affine, ops.Conv, ops.DepthwiseConv)


def dynamic_weights(graph: Graph, *, per_channel: bool) -> Graph:
    """Kernels of matrix products as int8; the runtime quantizes their inputs on the fly."""

    def small(value: Value, operator: ops.Operator) -> Value:
        return quantize_kernel(value, operator, per_channel=per_channel)

    return _map_kernels(graph, small)


def half_weights(graph: Graph) -> Graph:
    """Kernels of matrix products in half precision."""

    def small(value: Value, _: ops.Operator) -> Value:
        return replace(value, dtype="float16", data=value.constant.astype("float16"))

    return _map_kernels(graph, small)


def _map_kernels(graph: Graph, small: Callable[[Value, ops.Operator], Value]) -> Graph:
    done: dict[Value, Value] = {}

    def convert(value: Value, operator: ops.Operator) -> Value:
        if value not in done:
            done[value] = small(value, operator)
        return done[value]

    def one(inner: Graph) -> Graph:
        nodes = []
        for node in inner.nodes:
            if isinstance(node.operator, _PRODUCTS):
                node = _with_kernels(node, convert)
            nodes.append(node)
        return replace(inner, nodes=tuple(nodes))

    return one(map_bodies(graph, one))


def _with_kernels(node: Node, convert: Callable[[Value, ops.Operator], Value]) -> Node:
    count = node.operator.operands if isinstance(node.operator, ops.Affine) else 1
    kernels = tuple(convert(value, node.operator) for value in node.inputs[count : 2 * count])
    return replace(node, inputs=(*node.inputs[:count], *kernels, *node.inputs[2 * count :]))
