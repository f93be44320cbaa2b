"""A recurrence in a stream: the steps of one hop, from the states that the last one left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgernn.graph import Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.passes.stream.edges import Edge, renamed
from edgernn.passes.stream.memory import Memory

Results = tuple[list[Value], list[Value]]  # the states after the hop, and its sequences


def recur(memory: Memory, node: Node, scan: Scan, sequences: Sequence[Edge]) -> Results:
    """Append the steps of one hop; while an element is not valid yet, the states stay what they are.

    Args:
        memory: where to.
        node: the loop over the window.
        scan: its operator.
        sequences: what it reads, of equal rate and wait.
    """
    edge = sequences[0]
    inputs = [sequence.value for sequence in sequences]
    if edge.wait > 0:
        scan = _holding(scan)
        inputs.append(memory.begun(edge))
    for value in scan.body.inputs[: scan.carries]:
        memory.names(value.name)
    if edge.per_hop == 1:
        return _step(memory, scan, inputs)
    if edge.wait > 0:
        inputs[-1] = memory.reshaped(inputs[-1], (edge.per_hop, 1), node.layer)
    return _loop(memory, node, scan, inputs, edge.per_hop)


def _holding(scan: Scan) -> Scan:
    """The loop with one more sequence: flags of the steps that do not leave the states alone."""
    begun = Value(f"{scan.body.name}/begun", (1,), "bool")
    outputs, nodes = list(scan.body.outputs), list(scan.body.nodes)
    for k, old in enumerate(scan.body.inputs[: scan.carries]):
        held = renamed(outputs[k], "_held", old.shape)
        nodes.append(Node(ops.Select(), (begun, outputs[k], old), (held,)))
        outputs[k] = held
    body = replace(scan.body, inputs=(*scan.body.inputs, begun), outputs=tuple(outputs), nodes=tuple(nodes))
    return replace(scan, body=body, weights=None)


def _step(memory: Memory, scan: Scan, inputs: Sequence[Value]) -> Results:
    """A single step, without a loop."""
    now = dict(zip(scan.body.inputs, [*scan.body.inputs[: scan.carries], *inputs], strict=True))
    for inner in scan.body.nodes:
        memory.nodes.append(replace(inner, inputs=tuple(now.get(v, v) for v in inner.inputs)))
    results = [now.get(value, value) for value in scan.body.outputs]
    return results[: scan.carries], results[scan.carries :]


def _loop(memory: Memory, node: Node, scan: Scan, inputs: Sequence[Value], count: int) -> Results:
    """Many steps in one go, as a loop."""
    states = scan.body.inputs[: scan.carries]
    body = replace(scan.body, inputs=tuple(replace(value, name=f"{value.name}@") for value in scan.body.inputs))
    now = dict(zip(scan.body.inputs, body.inputs, strict=True))
    nodes = tuple(replace(n, inputs=tuple(now.get(v, v) for v in n.inputs)) for n in body.nodes)
    body = replace(body, nodes=nodes, outputs=tuple(now.get(value, value) for value in body.outputs))
    outputs = [replace(value, shape=value.shape) for value in node.outputs[: scan.carries]]
    outputs += [replace(v, shape=(count, *v.shape[1:])) for v in node.outputs[scan.carries :]]
    operator = replace(scan, body=body, steps=count)
    memory.nodes.append(replace(node, operator=operator, inputs=(*states, *inputs), outputs=tuple(outputs)))
    return outputs[: scan.carries], outputs[scan.carries :]
