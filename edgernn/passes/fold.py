"""Fold constant scales and shifts (batch normalization, rescaling) into the matrix product before them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Rewrite, Value
from edgernn.graph import operators as ops

_PRODUCTS = (ops.Affine, ops.Conv, ops.DepthwiseConv)


def fold_scales(graph: Graph) -> Graph:
    """Replace product -> mul by constant and product -> add constant by the product alone, as often as it applies."""
    rewrite = Rewrite()
    made: dict[Value, Node] = {}
    consumers = graph.consumers()
    for node in graph.nodes:
        folded = _fold(node, rewrite, made, consumers, graph.outputs)
        if folded is None:
            rewrite.keep(node)
            node = rewrite.nodes[-1]
        else:
            producer, node = folded
            rewrite.nodes[rewrite.nodes.index(producer)] = node
        for value in node.outputs:
            made[value] = node
    return rewrite.graph(graph)


def _fold(
    node: Node,
    rewrite: Rewrite,
    made: dict[Value, Node],
    consumers: dict[Value, list[Node]],
    outputs: tuple[Value, ...],
) -> tuple[Node, Node] | None:
    if not isinstance(node.operator, ops.Binary) or node.operator.function not in ("mul", "add", "sub"):
        return None
    x, constant = node.inputs
    if constant.data is None and x.data is not None and node.operator.function != "sub":
        x, constant = constant, x
    if x.data is not None or constant.data is None or len(consumers[x]) > 1 or x in outputs:
        return None
    producer = made.get(rewrite(x))
    if producer is None or not isinstance(producer.operator, _PRODUCTS):
        return None
    channels = producer.output.shape[-1]
    if constant.data.size not in (1, channels) or constant.shape[-1:] not in ((), (1,), (channels,)):
        return None
    return producer, _folded(producer, node, np.broadcast_to(constant.data.reshape(-1), (channels,)))


def _folded(producer: Node, node: Node, vector: np.ndarray) -> Node:
    operator = producer.operator
    assert isinstance(operator, _PRODUCTS)  # established by the caller
    count = operator.operands if isinstance(operator, ops.Affine) else 1
    kernels = list(producer.inputs[count : 2 * count])
    bias = producer.inputs[-1].constant if operator.bias else np.zeros(len(vector), "f4")
    assert isinstance(node.operator, ops.Binary)  # established by the caller
    if node.operator.function == "mul":
        axis_last = isinstance(operator, ops.DepthwiseConv)
        for k, kernel in enumerate(kernels):
            scale = vector if axis_last else vector.reshape(-1, *[1] * (len(kernel.shape) - 1))
            kernels[k] = replace(kernel, name=f"{kernel.name}_scaled", data=kernel.constant * scale)
        bias = bias * vector
    else:
        bias = bias + vector if node.operator.function == "add" else bias - vector
    inputs = (*producer.inputs[:count], *kernels, Value(f"{node.output.name}_bias", bias.shape, "float32", bias))
    return replace(producer, operator=replace(operator, bias=True), inputs=inputs, outputs=node.outputs)
