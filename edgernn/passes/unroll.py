"""Replace a loop by its steps; constants stay shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgernn.graph import Graph, Node, Rewrite, Scan, Value
from edgernn.graph import operators as ops


def unroll(graph: Graph) -> Graph:
    """The graph without scans: every step's operators one after the other, on values of their own."""
    rewrite = Rewrite()
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            _unroll(node, node.operator, rewrite)
        else:
            rewrite.keep(node)
    return rewrite.graph(graph)


def _unroll(node: Node, scan: Scan, rewrite: Rewrite) -> None:
    body = unroll(scan.body)
    count = scan.carries
    columns = []
    for sequence in node.inputs[count:]:
        pieces = tuple(
            replace(sequence, name=f"{sequence.name}@{step}", shape=sequence.shape[1:], data=None)
            for step in range(scan.steps)
        )
        rewrite.keep(Node(ops.Unstack(), (sequence,), pieces, node.layer))
        columns.append(pieces)
    carries = node.inputs[:count]
    stacked: list[list[Value]] = [[] for _ in body.outputs[count:]]
    for step in reversed(range(scan.steps)) if scan.reverse else range(scan.steps):
        carries, outputs = copy_step(body, count, [*carries, *(column[step] for column in columns)], step, rewrite)
        for column, value in zip(stacked, outputs, strict=True):
            column.append(value)
    rewrite.replaced.update(zip(node.outputs, carries, strict=False))
    for output, column in zip(node.outputs[count:], stacked, strict=True):
        order = column[::-1] if scan.reverse else column
        rewrite.keep(Node(ops.Stack(), tuple(order), (output,), node.layer))


def copy_step(
    body: Graph, carries: int, inputs: Sequence[Value], step: int, rewrite: Rewrite
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Append one copy of a scan's body on values of its own; returns its new carries and its outputs."""
    now = dict(zip(body.inputs, inputs, strict=True))
    for node in body.nodes:
        outputs = tuple(replace(value, name=f"{value.name}@{step}") for value in node.outputs)
        rewrite.keep(replace(node, inputs=tuple(now.get(v, v) for v in node.inputs), outputs=outputs))
        now.update(zip(node.outputs, outputs, strict=True))
    results = tuple(now.get(value, value) for value in body.outputs)
    return results[:carries], results[carries:]
