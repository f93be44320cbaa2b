"""Multiply-accumulates of a graph: matrix products and convolutions only, as the field counts them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from edgernn.graph import Graph, Node, Scan
from edgernn.graph import operators as ops


@dataclass(frozen=True)
class Cost:
    """Multiply-accumulates of one node.

    Attributes:
        layer: the path of the Keras layer that the node came from.
        macs: for one inference of the whole window.
        per_step: of that, what one time step costs; 0 for work that is done once per window.
    """

    layer: str
    macs: int
    per_step: int


def costs(graph: Graph) -> Iterator[Cost]:
    """The cost of every node that has one, at the top level and inside scans.

    A node works on a sequence if it is inside a scan, or if its output has a time axis; one of its time steps is then
    one turn of the outermost scan, or one position of that axis.
    """
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            turn = list(costs(node.operator.body))
            for inner in turn:
                yield Cost(inner.layer, inner.macs * node.operator.steps, inner.macs)
        elif macs := _macs(node):
            shape = node.output.shape
            yield Cost(node.layer, macs, macs // shape[0] if len(shape) > 1 else 0)


def _macs(node: Node) -> int:
    positions = math.prod(node.output.shape[:-1])
    match node.operator:
        case ops.Affine(operands=count):
            return positions * sum(kernel.size for kernel in node.inputs[count : 2 * count])
        case ops.Conv() | ops.DepthwiseConv():
            return positions * node.inputs[1].size
        case _:
            return 0
