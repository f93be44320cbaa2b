"""The functions that a model's float answers end with: softmax, sigmoid and what is computed from them.

Integer kernels give probabilities in steps of 1/256: most of forty probabilities become zero, and so do those of rare
events. Where the artifact's outputs are float, these operators stay float: what they take is dequantized, not what they
make.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from edgernn.graph import Graph, Node, Value
from edgernn.graph import operators as ops
from edgernn.passes.decompose import decompose_functions
from edgernn.passes.prune import prune

_PIECEWISE_LINEAR = ("relu", "relu6", "leaky_relu", "abs")  # integers lose nothing by these
_POINTWISE = (ops.Unary, ops.Softmax, ops.Binary, ops.Select)
_MOVES = (ops.Reshape, ops.Transpose, ops.Concat, ops.Split, ops.Slice, ops.Reverse, ops.Broadcast)


@dataclass(frozen=True)
class Back:
    """The float end of a graph.

    Attributes:
        graph: its inputs are the rest's outputs, in that order; its outputs those of the whole.
    """

    graph: Graph

    def behind(self, rest: Graph) -> Graph:
        """The whole graph again, where the rest may have been rewritten or quantized, but gives floats."""
        back = _exchanged(self.graph, dict(zip(self.graph.inputs, rest.outputs, strict=True)))
        return replace(rest, outputs=back.outputs, nodes=(*rest.nodes, *back.nodes))


def split_back(graph: Graph, kernels: Container[str]) -> tuple[Back, Graph]:
    """The functions that answers end with, and the rest.

    What the rest reads of them too, it computes itself once more.

    Args:
        graph: float.
        kernels: float functions that need no formula.
    """
    nodes = _last_functions(graph)
    made = {value for node in nodes for value in node.outputs}
    read = [value for node in nodes for value in node.inputs if value.data is None]
    apart = made.union(graph.inputs)  # which are there in floats
    ends = tuple(dict.fromkeys(value for value in (*graph.outputs, *read) if value not in apart))
    back = decompose_functions(Graph("back", ends, graph.outputs, nodes), kernels)
    return Back(back), _under_other_names(prune(replace(graph, outputs=ends)), made)


def _last_functions(graph: Graph) -> tuple[Node, ...]:
    """Those from the first function on, of all that lies behind products and loops and changes each number alone."""
    ending, wanted = set[Node](), set(graph.outputs)
    for node in reversed(graph.nodes):
        if isinstance(node.operator, (*_POINTWISE, *_MOVES)) and not wanted.isdisjoint(node.outputs):
            ending.add(node)
            wanted.update(node.inputs)
    found, made = list[Node](), set[Value]()
    for node in graph.nodes:
        if node in ending and (_is_function(node) or not made.isdisjoint(node.inputs)):
            found.append(node)
            made.update(node.outputs)
    return tuple(found)


def _is_function(node: Node) -> bool:
    match node.operator:
        case ops.Softmax():
            return True
        case ops.Unary(function=function):
            return function not in _PIECEWISE_LINEAR
        case _:
            return False


def _under_other_names(graph: Graph, taken: set[Value]) -> Graph:
    """The graph in which values that are computed elsewhere too have names of their own."""
    made = (value for node in graph.nodes for value in node.outputs)
    return _exchanged(graph, {value: replace(value, name=f"{value.name}_inside") for value in made if value in taken})


def _exchanged(graph: Graph, values: Mapping[Value, Value]) -> Graph:
    def now(old: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(values.get(value, value) for value in old)

    nodes = tuple(replace(node, inputs=now(node.inputs), outputs=now(node.outputs)) for node in graph.nodes)
    return replace(graph, nodes=nodes, outputs=now(graph.outputs))
