"""How a gate's two products, W x_t and U h, are computed: hoisted out of the loop, or joined into one inside it.

Hoisting computes W x of all steps at once before the loop: faster on a phone, and the only way to one product per step
in 8 bits, where x and h cannot share a scale. Joining multiplies [x_t, h] by [W, U] inside: less memory on a micro.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Rewrite, Scan, Value
from edgernn.graph import operators as ops

JOINED_RANGES = 16  # a 16-bit [x, h] still leaves h 11 bits when x is this many times larger


def hoist_projections(graph: Graph) -> Graph:
    """Move every product with a sequence out of the scans of `graph` (not of nested scans)."""
    rewrite = Rewrite()
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            before, node = _hoist(node, node.operator)
            for outer in before:
                rewrite.keep(outer)
        rewrite.keep(node)
    return rewrite.graph(graph)


def _hoist(node: Node, scan: Scan) -> tuple[list[Node], Node]:
    body = scan.body
    slices = dict(zip(body.inputs[scan.carries :], node.inputs[scan.carries :], strict=True))
    before: list[Node] = []
    new_slices: list[Value] = []
    inner = Rewrite()
    for step in body.nodes:
        if not isinstance(step.operator, ops.Affine):
            inner.keep(step)
            continue
        count = step.operator.operands
        outside = [k for k in range(count) if step.inputs[k] in slices]
        if not outside:
            inner.keep(step)
            continue
        inside = [k for k in range(count) if k not in outside]
        bias = step.inputs[2 * count :]
        rows = step.output.shape
        piece = step.output if not inside else Value(f"{step.output.name}_x", rows)
        sequence = Value(f"{piece.name}_all", (scan.steps, *rows))
        pick = [slices[step.inputs[k]] for k in outside], [step.inputs[count + k] for k in outside]
        before.append(Node(ops.Affine(len(outside), bool(bias)), (*pick[0], *pick[1], *bias), (sequence,), step.layer))
        new_slices.append(piece)
        slices[piece] = sequence
        if inside:
            past = Value(f"{step.output.name}_h", rows)
            operands = (*(step.inputs[k] for k in inside), *(step.inputs[count + k] for k in inside))
            inner.keep(Node(ops.Affine(len(inside), bias=False), operands, (past,), step.layer))
            inner.keep(Node(ops.Binary("add"), (past, piece), (step.output,), step.layer))
    if not before:
        return [], node
    new_body = inner.graph(body)
    read = {value for step in new_body.nodes for value in step.inputs} | set(new_body.outputs)
    kept = [value for value in body.inputs[scan.carries :] if value in read] + new_slices
    new_body = replace(new_body, inputs=(*body.inputs[: scan.carries], *kept))
    inputs = (*node.inputs[: scan.carries], *(slices[value] for value in kept))
    return before, replace(node, operator=replace(scan, body=new_body), inputs=inputs)


def join_operands(graph: Graph, accept: Callable[[Node], bool] = lambda _: True) -> Graph:
    """Replace W x + U h by [W U] [x, h] in every Affine of several operands that `accept` agrees to."""
    rewrite = Rewrite()
    for node in graph.nodes:
        count = node.operator.operands if isinstance(node.operator, ops.Affine) else 0
        if count < 2 or not accept(node):
            rewrite.keep(node)
            continue
        operands, kernels = node.inputs[:count], node.inputs[count : 2 * count]
        width = sum(value.shape[-1] for value in operands)
        together = Value(f"{node.output.name}_xh", (*operands[0].shape[:-1], width))
        data = np.concatenate([kernel.constant for kernel in kernels], axis=1)
        kernel = Value(f"{kernels[0].name}_joined", data.shape, "float32", data)
        rewrite.keep(Node(ops.Concat(-1), operands, (together,), node.layer))
        inputs = (together, kernel, *node.inputs[2 * count :])
        rewrite.keep(replace(node, operator=ops.Affine(1, len(inputs) > 2), inputs=inputs))
    return rewrite.graph(graph)


def separate_operands(graph: Graph) -> Graph:
    """Replace what is left of several operands by a product each and a sum, for back ends that have only those."""
    rewrite = Rewrite()
    for node in graph.nodes:
        count = node.operator.operands if isinstance(node.operator, ops.Affine) else 0
        if count < 2:
            rewrite.keep(node)
            continue
        bias = node.inputs[2 * count :]
        total: Value | None = None
        for k in range(count):
            last = k == count - 1
            part = Value(f"{node.output.name}_{k}", node.output.shape)
            extra = bias if k == 0 else ()
            operator = ops.Affine(1, bool(extra))
            rewrite.keep(Node(operator, (node.inputs[k], node.inputs[count + k], *extra), (part,), node.layer))
            if total is not None:
                result = node.output if last else Value(f"{node.output.name}_sum{k}", node.output.shape)
                rewrite.keep(Node(ops.Binary("add"), (total, part), (result,), node.layer))
                total = result
            else:
                total = part
    return rewrite.graph(graph)


def alike(node: Node, seen: Mapping[Value, float]) -> bool:
    """Whether the operands of an Affine can share one 16-bit scale, and their kernels one 8-bit scale.

    Args:
        node: an Affine.
        seen: the largest absolute number of every value.
    """
    assert isinstance(node.operator, ops.Affine)  # established by the caller
    count = node.operator.operands
    largest = [seen[value] for value in node.inputs[:count]]
    kernels = [float(np.abs(value.constant).max()) for value in node.inputs[count : 2 * count]]
    return max(largest) <= JOINED_RANGES * max(min(largest), 1e-9) and max(kernels) <= 4 * max(min(kernels), 1e-9)
