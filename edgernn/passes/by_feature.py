"""Inputs of integers and unequal features: what a model does to them first is left to whoever rounds them.

The sums and products with constants that a model begins with, and those that bring its features to like ranges, are one
sum and one product for each feature. Done on real numbers before they are rounded, they leave each feature its steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgernn.feature_units import FeatureUnits
from edgernn.graph import Graph, Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.front import Front, float_front


def split_units(
    graph: Graph, samples: Mapping[str, np.ndarray]
) -> tuple[dict[str, FeatureUnits], Graph, dict[str, np.ndarray]]:
    """The units of the features by input, the graph behind them, and the samples as that gets them.

    Where what stands first is more than a sum and a product for each feature, all is as it was.

    Args:
        graph: float, without masks that are taken from floats.
        samples: `[samples, *shape]` per input.
    """
    front, rest, arrays = float_front(graph, samples)
    found = _units(front, rest)
    if not found:
        return {}, graph, dict(samples)
    names = {value: source for source, (value, _) in found.items()}
    values = {value: Value(source.name, value.shape, value.dtype) for value, source in names.items()}
    nodes = [replace(node, inputs=tuple(values.get(v, v) for v in node.inputs)) for node in rest.nodes]
    inputs = {values[value].name if value in values else value.name: value for value in rest.inputs}
    ordered = tuple(values.get(inputs[value.name], inputs[value.name]) for value in graph.inputs)
    given = {name: arrays[value.name] for name, value in inputs.items()}
    return (
        {source.name: units for source, (_, units) in found.items()},
        replace(rest, inputs=ordered, nodes=tuple(nodes)),
        given,
    )


def _units(front: Front, rest: Graph) -> dict[Value, tuple[Value, FeatureUnits]]:
    """Of each input with something before it, the value that takes its place; empty if that is not all there is."""
    forms: dict[Value, tuple[Value, np.ndarray, np.ndarray]] = {}
    for value in front.inputs:
        if value.dtype == "float32" and value.shape:
            width = value.shape[-1]
            forms[value] = value, np.ones(width), np.zeros(width)
    for node in front.nodes:
        form = _form(node, forms)
        if form is None:
            return {}
        forms[node.output] = form
    read = {value for value in rest.inputs if value in forms}
    found: dict[Value, tuple[Value, FeatureUnits]] = {}
    for value in read:
        source, factor, added = forms[value]
        if sum(forms[other][0] is source for other in read) > 1 or not factor.all():
            return {}  # it is read in two forms, or a feature is nothing
        if value is not source:
            found[source] = value, FeatureUnits(tuple(factor.tolist()), tuple((-added / factor).tolist()))
    return found


def _form(
    node: Node, forms: Mapping[Value, tuple[Value, np.ndarray, np.ndarray]]
) -> tuple[Value, np.ndarray, np.ndarray] | None:
    """Input, factor and what is added of what a node makes: each its own for every feature."""
    if not isinstance(node.operator, ops.Binary):
        return None
    constants = [value for value in node.inputs if value.data is not None]
    variables = [value for value in node.inputs if value in forms]
    if len(constants) != 1 or len(variables) != 1 or constants[0].data is None:
        return None
    source, factor, added = forms[variables[0]]
    data = constants[0].data.astype(np.float64)
    if data.size != 1 and data.size != data.shape[-1]:
        return None
    by, first = np.broadcast_to(data.reshape(-1), factor.shape), node.inputs[0] is variables[0]
    match node.operator.function:
        case "add":
            return source, factor, added + by
        case "sub":
            return (source, factor, added - by) if first else (source, -factor, by - added)
        case "mul":
            return source, factor * by, added * by
        case "div" if first and by.all():
            return source, factor / by, added / by
        case _:
            return None
