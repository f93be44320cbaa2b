"""A window model whose loops begin where they ended: the states become inputs and outputs."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from edgernn.graph import Graph, Scan, Value


@dataclass(frozen=True)
class Carried:
    """A state of a loop.

    Attributes:
        value: the input that it comes in by.
        next: the output with what the loop leaves.
        initial: the constant that a recording begins with.
    """

    value: Value
    next: Value
    initial: Value


def carry_states(graph: Graph, layers: Container[str] | None = None) -> tuple[Graph, tuple[Carried, ...]]:
    """The graph with the states of its outermost loops as further inputs and outputs; its other values are the same.

    Args:
        graph: float, over one window.
        layers: the Keras layers whose states are carried; None for all whose first states are constants.
    """
    states: list[Carried] = []
    nodes = []
    for node in graph.nodes:
        if isinstance(node.operator, Scan) and (layers is None or node.layer in layers):
            inputs = list(node.inputs)
            for k in range(node.operator.carries):
                if inputs[k].data is not None:
                    value = Value(f"{node.outputs[k].name}/carried", inputs[k].shape, inputs[k].dtype)
                    states.append(Carried(value, node.outputs[k], inputs[k]))
                    inputs[k] = value
            node = replace(node, inputs=tuple(inputs))
        nodes.append(node)
    known = set(graph.outputs)
    more = (state.next for state in states if state.next not in known)
    changed = replace(
        graph,
        inputs=(*graph.inputs, *(state.value for state in states)),
        outputs=(*graph.outputs, *more),
        nodes=tuple(nodes),
    )
    return changed, tuple(states)
