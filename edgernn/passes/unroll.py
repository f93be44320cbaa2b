"""Replace a loop by its steps; constants stay shared."""

from __future__ import annotations

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
        now = dict(zip(body.inputs, [*carries, *(column[step] for column in columns)], strict=True))
        for inner in body.nodes:
            outputs = tuple(replace(value, name=f"{value.name}@{step}") for value in inner.outputs)
            rewrite.keep(replace(inner, inputs=tuple(now.get(v, v) for v in inner.inputs), outputs=outputs))
            now.update(zip(inner.outputs, outputs, strict=True))
        results = [now.get(value, value) for value in body.outputs]
        carries = tuple(results[:count])
        for column, value in zip(stacked, results[count:], strict=True):
            column.append(value)
    rewrite.replaced.update(zip(node.outputs, carries, strict=False))
    for output, column in zip(node.outputs[count:], stacked, strict=True):
        order = column[::-1] if scan.reverse else column
        rewrite.keep(Node(ops.Stack(), tuple(order), (output,), node.layer))
