"""The intermediate representation: a graph of primitive operators on named values, with one loop, `Scan`.

`operators` lists the operators, `graph` has the values, nodes and graphs, `builder` makes them, `shapes` infers shapes.
"""

from edgernn.graph import operators
from edgernn.graph.builder import Builder, Names
from edgernn.graph.graph import DType, Graph, Node, Quantization, Rewrite, Value, map_bodies
from edgernn.graph.operators import Scan

__all__ = [
    "Builder",
    "DType",
    "Graph",
    "Names",
    "Node",
    "Quantization",
    "Rewrite",
    "Scan",
    "Value",
    "map_bodies",
    "operators",
]
