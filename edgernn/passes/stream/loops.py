"""A recurrence in a stream: the steps of one hop, from the states that the last one left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgernn.graph import Node, Rewrite, Scan, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream.edges import Edge, renamed
from edgernn.passes.stream.memory import Memory
from edgernn.passes.unroll import copy_step

Results = tuple[list[Value], list[Value]]  # the states after the hop, and its sequences


def recur(memory: Memory, node: Node, scan: Scan, sequences: Sequence[Edge]) -> Results:
    """Append the steps of one hop.

    Args:
        memory: where to.
        node: the loop over the window.
        scan: its operator.
        sequences: what it reads, of equal rate and wait.
    """
    edge = sequences[0]
    if edge.per_hop > 1 and not edge.hops(0):
        return _loop(memory, node, scan, sequences)
    return _steps(memory, node, scan, sequences)


def _loop(memory: Memory, node: Node, scan: Scan, sequences: Sequence[Edge]) -> Results:
    """Many steps in one go, as a loop."""
    count = sequences[0].per_hop
    inputs = (*scan.body.inputs[: scan.carries], *(edge.value for edge in sequences))
    body = replace(scan.body, inputs=tuple(replace(value, name=f"{value.name}@") for value in scan.body.inputs))
    now = dict(zip(scan.body.inputs, body.inputs, strict=True))
    nodes = tuple(replace(n, inputs=tuple(now.get(v, v) for v in n.inputs)) for n in body.nodes)
    body = replace(body, nodes=nodes, outputs=tuple(now.get(value, value) for value in body.outputs))
    outputs = [replace(value, shape=value.shape) for value in node.outputs[: scan.carries]]
    outputs += [replace(v, shape=(count, *v.shape[1:])) for v in node.outputs[scan.carries :]]
    operator = replace(scan, body=body, steps=count)
    memory.nodes.append(replace(node, operator=operator, inputs=inputs, outputs=tuple(outputs)))
    return outputs[: scan.carries], outputs[scan.carries :]


def _steps(memory: Memory, node: Node, scan: Scan, sequences: Sequence[Edge]) -> Results:
    """Step after step; while an element is not valid yet, the states stay what they are."""
    edge = sequences[0]
    state = scan.body.inputs[: scan.carries]
    columns: list[list[Value]] = [[] for _ in scan.body.outputs[scan.carries :]]
    for slot, hops in enumerate(edge.hops(slot) for slot in range(edge.per_hop)):
        frames = [_slot(memory, sequence, slot, node.layer) for sequence in sequences]
        if edge.per_hop == 1:
            now = dict(zip(scan.body.inputs, [*state, *frames], strict=True))
            for inner in scan.body.nodes:
                memory.nodes.append(replace(inner, inputs=tuple(now.get(v, v) for v in inner.inputs)))
            results = tuple(now.get(value, value) for value in scan.body.outputs)
            new, answers = results[: scan.carries], results[scan.carries :]
        else:
            rewrite = Rewrite()
            new, answers = copy_step(scan.body, scan.carries, [*state, *frames], slot, rewrite)
            memory.nodes += rewrite.nodes
        if hops:
            kept = []
            for old, value in zip(state, new, strict=True):
                held = renamed(value, "_held", value.shape)
                kept.append(memory.emit(ops.Select(), (memory.waits(hops), old, value), held, node.layer))
            new = tuple(kept)
        state = new
        for column, value in zip(columns, answers, strict=True):
            column.append(value)
    if edge.per_hop == 1:
        return list(state), [column[0] for column in columns]
    stacked = []
    for column, value in zip(columns, node.outputs[scan.carries :], strict=True):
        parts = tuple(memory.reshaped(part, (1, *part.shape), node.layer) for part in column)
        joined = renamed(value, "", (edge.per_hop, *value.shape[1:]))
        stacked.append(memory.emit(ops.Concat(0), parts, joined, node.layer))
    return list(state), stacked


def _slot(memory: Memory, edge: Edge, slot: int, layer: str) -> Value:
    """One element of a hop."""
    if edge.per_hop == 1:
        return edge.value
    part = renamed(edge.value, f"_at{slot}", (1, *edge.element))
    memory.emit(ops.Slice(slot, slot + 1), (edge.value,), part, layer)
    return memory.reshaped(part, edge.element, layer)
