"""Drop what nobody reads: stacked outputs of scans, sequences, and the nodes that feed only those."""

from __future__ import annotations

from dataclasses import replace

from edgernn.graph import Graph, Node, Rewrite, Scan, Value


def prune(graph: Graph) -> Graph:
    """The graph without unread scan outputs and sequences, and without nodes whose results are not needed."""
    used = set(graph.outputs)
    rewrite = Rewrite()
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not used.intersection(node.outputs):
            continue
        if isinstance(node.operator, Scan):
            node = _prune_scan(node, node.operator, used)
        used.update(node.inputs)
        kept.append(node)
    rewrite.nodes = kept[::-1]
    return rewrite.graph(graph)


def _prune_scan(node: Node, scan: Scan, used: set[Value]) -> Node:
    count = scan.carries
    stacked = [k for k in range(count, len(node.outputs)) if node.outputs[k] in used]
    outputs = (*scan.body.outputs[:count], *(scan.body.outputs[k] for k in stacked))
    body = prune(replace(scan.body, outputs=outputs))
    read = {value for inner in body.nodes for value in inner.inputs} | set(outputs)
    sequences = [k for k in range(count, len(node.inputs)) if body.inputs[k] in read]
    body = replace(body, inputs=(*body.inputs[:count], *(body.inputs[k] for k in sequences)))
    return replace(
        node,
        operator=replace(scan, body=body),
        inputs=(*node.inputs[:count], *(node.inputs[k] for k in sequences)),
        outputs=(*node.outputs[:count], *(node.outputs[k] for k in stacked)),
    )
