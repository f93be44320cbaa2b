"""Several steps of a loop in one iteration: the loop's own cost is paid once for all of them."""

from __future__ import annotations

from dataclasses import replace

from edgernn.graph import Graph, Node, Rewrite, Scan, Value
from edgernn.graph import operators as ops
from edgernn.passes.unroll import copy_step


def block_steps(graph: Graph, most: int) -> Graph:
    """Every scan over vectors with as many steps per iteration as divide its length, at most `most`."""
    rewrite = Rewrite()
    for node in graph.nodes:
        scan = node.operator
        if isinstance(scan, Scan):
            count = max(k for k in range(1, most + 1) if scan.steps % k == 0)
            vectors = [*node.inputs[scan.carries :], *node.outputs[scan.carries :]]
            if count > 1 and all(len(value.shape) == 2 for value in vectors):
                _block(node, scan, count, rewrite)
                continue
        rewrite.keep(node)
    return rewrite.graph(graph)


def _block(node: Node, scan: Scan, count: int, rewrite: Rewrite) -> None:
    """Reshape `[steps, width]` to `[steps / count, count * width]` outside; split, repeat and join inside."""
    iterations = scan.steps // count

    def wide(value: Value, suffix: str) -> Value:
        shape = (iterations, count * value.shape[1])
        return replace(value, name=f"{value.name}{suffix}", shape=shape, data=None)

    sequences = []
    for value in node.inputs[scan.carries :]:
        sequences.append(wide(value, "_blocks"))
        rewrite.keep(Node(ops.Reshape(sequences[-1].shape), (value,), (sequences[-1],), node.layer))

    inner = Rewrite()
    slices, columns = [], []
    for value in scan.body.inputs[scan.carries :]:
        slices.append(replace(value, name=f"{value.name}_block", shape=(count * value.shape[0],)))
        pieces = tuple(replace(value, name=f"{value.name}@{k}") for k in range(count))
        inner.keep(Node(ops.Split((value.shape[0],) * count, -1), (slices[-1],), pieces, node.layer))
        columns.append(pieces)
    carries = scan.body.inputs[: scan.carries]
    results: dict[int, tuple[Value, ...]] = {}
    for k in reversed(range(count)) if scan.reverse else range(count):
        carries, results[k] = copy_step(scan.body, scan.carries, [*carries, *(c[k] for c in columns)], k, inner)
    stacked = []
    for j in range(len(scan.body.outputs) - scan.carries):
        parts = tuple(results[k][j] for k in range(count))
        joined = replace(parts[0], name=f"{parts[0].name}_block", shape=(count * parts[0].shape[0],), data=None)
        inner.keep(Node(ops.Concat(-1), parts, (joined,), node.layer))
        stacked.append(joined)
    body = replace(
        scan.body,
        inputs=(*scan.body.inputs[: scan.carries], *slices),
        outputs=(*carries, *stacked),
        nodes=tuple(inner.nodes),
    )
    outputs = [wide(value, "_blocks") for value in node.outputs[scan.carries :]]
    rewrite.keep(
        replace(
            node,
            operator=replace(scan, body=body, steps=iterations),
            inputs=(*node.inputs[: scan.carries], *sequences),
            outputs=(*node.outputs[: scan.carries], *outputs),
        )
    )
    for blocks, value in zip(outputs, node.outputs[scan.carries :], strict=True):
        rewrite.keep(Node(ops.Reshape(value.shape), (blocks,), (value,), node.layer))
