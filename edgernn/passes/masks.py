"""Masks of integer models: taken from the float samples by the caller, never guessed from quantized rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgernn.graph import Graph, Rewrite, Scan, Value
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


def without_masked_steps(graph: Graph, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The samples, with ordinary numbers in the steps that masks leave out, whose own no scale has to hold.

    A padded step may hold -999, or, once it was normalized, zeros that are far from any real step.

    Args:
        graph: float; its masks are inputs.
        samples: `[samples, *shape]` per input.
    """
    found = dict(samples)
    for mask in [value for value in graph.inputs if value.dtype == "bool"]:
        left_out = ~samples[mask.name].astype(bool)
        if left_out.ndim == 3 and left_out.shape[2] == 1:
            left_out = left_out[..., 0]
        same = _reshaped(graph, mask)
        for value in graph.inputs:
            fits = value.dtype == "float32" and len(value.shape) > 1 and value not in graph.outputs
            if not fits or left_out.shape != samples[value.name].shape[:2] or not left_out.any() or left_out.all():
                continue
            if _is_masked(graph, value, same):
                found[value.name] = found[value.name].copy()
                found[value.name][left_out] = np.median(samples[value.name][~left_out], axis=0)
    return found


def _reshaped(graph: Graph, mask: Value) -> set[Value]:
    found = {mask}
    for node in graph.nodes:
        if isinstance(node.operator, ops.Reshape) and node.inputs[0] in found:
            found.update(node.outputs)
    return found


def _is_masked(graph: Graph, value: Value, masks: set[Value]) -> bool:
    """Whether nothing reads the steps of a value that a mask leaves out, but loops and selections by that mask."""
    if value in graph.outputs:
        return False
    for node in graph.nodes:
        if value not in node.inputs or (isinstance(node.operator, (Scan, ops.Select)) and masks & set(node.inputs)):
            continue
        constant = isinstance(node.operator, ops.Binary) and any(each.data is not None for each in node.inputs)
        if not constant or not _is_masked(graph, node.output, masks):
            return False
    return True
