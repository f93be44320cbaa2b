"""Masks of integer models: taken from the float samples by the caller, never guessed from quantized rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgernn.graph import Graph, Rewrite, Value
from edgernn.graph import operators as ops


@dataclass(frozen=True)
class MaskInput:
    """An input that a model got because its own input is quantized before the mask could be taken.

    Attributes:
        name: of the new input, bool `[steps]`.
        source: the float input that it is taken from.
        value: a step counts where any feature of the source differs from this.
    """

    name: str
    source: str
    value: float


def lift_masks(graph: Graph) -> tuple[Graph, tuple[MaskInput, ...]]:
    """Replace every mask that is taken from a graph input by an input of its own."""
    rewrite = Rewrite()
    lifted: dict[tuple[Value, float], Value] = {}
    masks = []
    for node in graph.nodes:
        source = node.inputs[0]
        if not isinstance(node.operator, ops.Differs) or source not in graph.inputs or source.dtype != "float32":
            rewrite.keep(node)
            continue
        key = source, node.operator.value
        if key not in lifted:
            suffix = f"_{len(lifted) + 1}" if lifted else ""
            lifted[key] = Value(f"{source.name}_mask{suffix}", node.output.shape, "bool")
            masks.append(MaskInput(lifted[key].name, source.name, node.operator.value))
        rewrite.replaced[node.output] = lifted[key]
    return rewrite.graph(replace(graph, inputs=(*graph.inputs, *lifted.values()))), tuple(masks)
