"""What a model does to its float inputs before anything else: normalization in the units of the sensor.

A tensor of integers has one scale. Features of unequal ranges, such as pressure in Pa beside humidity in %, leave the
small ones no steps. Where the artifact's inputs are float, these operators stay float, and what they make is quantized.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgernn.graph import Graph, Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.equalize import equalize
from edgernn.passes.masks import without_masked_steps
from edgernn.reference import run

_AFFINE = ("add", "sub", "mul", "div")
_MOVES = (ops.Reshape, ops.Broadcast, ops.Or)


@dataclass(frozen=True)
class Front:
    """The float beginning of a graph.

    Attributes:
        inputs: of the whole graph.
        nodes: in order.
    """

    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]

    def evaluate(self, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The samples, and what the nodes make of them, by name."""
        arrays = {value: np.asarray(samples[value.name]) for value in self.inputs}
        run(Graph("front", self.inputs, (), self.nodes), arrays)
        return {**samples, **{value.name: array for value, array in arrays.items()}}

    def before(self, graph: Graph) -> Graph:
        """The whole graph again, once the rest was quantized; the rest's float inputs are the same values still."""
        return replace(graph, inputs=self.inputs, nodes=(*self.nodes, *graph.nodes))


def float_front(graph: Graph, samples: Mapping[str, np.ndarray]) -> tuple[Front, Graph, dict[str, np.ndarray]]:
    """What stays float where a model's inputs are float, the rest, and the samples as the rest gets them.

    Args:
        graph: float.
        samples: `[samples, *shape]` per input.
    """
    given, rest = split_front(graph)
    added, rest = split_front(equalize(rest, without_masked_steps(rest, given.evaluate(samples))))
    front = Front(graph.inputs, (*given.nodes, *added.nodes))
    arrays = front.evaluate(samples)
    return front, rest, without_masked_steps(rest, {value.name: arrays[value.name] for value in rest.inputs})


def split_front(graph: Graph) -> tuple[Front, Graph]:
    """The sums and products with constants that inputs go through first, with the masks beside them, and the rest.

    Args:
        graph: float.
    """
    reached = {value for value in graph.inputs if value.dtype == "float32"}
    made: dict[Value, Node] = {}
    front: set[Node] = set()
    for node in graph.nodes:
        given = [value for value in node.inputs if value.data is None]
        if not given or not reached.issuperset(given) or _ends(graph, node):
            continue
        affine = _is_affine(node) or _fills_in(node)
        if affine or isinstance(node.operator, (ops.Differs, *_MOVES)):
            reached.update(node.outputs)
            made |= dict.fromkeys(node.outputs, node)
        if affine or isinstance(node.operator, ops.Differs):
            front |= _with_makers(node, made)
    nodes = tuple(node for node in graph.nodes if node in front)
    rest = tuple(node for node in graph.nodes if node not in front)
    read = {value for node in rest for value in node.inputs} | set(graph.outputs)
    inputs = (*graph.inputs, *(value for node in nodes for value in node.outputs))
    return Front(graph.inputs, nodes), replace(graph, inputs=tuple(v for v in inputs if v in read), nodes=rest)


def _ends(graph: Graph, node: Node) -> bool:
    """Whether the graph gives what the node makes."""
    return not set(node.outputs).isdisjoint(graph.outputs)


def _is_affine(node: Node) -> bool:
    """A sum or product with a constant that makes no more numbers than it takes."""
    if not isinstance(node.operator, ops.Binary) or node.operator.function not in _AFFINE:
        return False
    variable = [value for value in node.inputs if value.data is None]
    return len(variable) == 1 and variable[0].size == node.output.size


def _fills_in(node: Node) -> bool:
    """A choice between numbers and a constant, as of zeros where a mask is."""
    return isinstance(node.operator, ops.Select) and any(value.data is not None for value in node.inputs[1:])


def _with_makers(node: Node, made: Mapping[Value, Node]) -> set[Node]:
    found, waiting = {node}, [node]
    while waiting:
        makers = {made[value] for value in waiting.pop().inputs if value in made} - found
        found |= makers
        waiting += makers
    return found
