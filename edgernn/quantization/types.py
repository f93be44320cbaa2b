"""Which integer type each tensor gets."""

from __future__ import annotations

from edgernn.graph import DType, Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.quantization.arithmetic import Plan

# Their output holds integers copied from the input, so a type of its own would cost a conversion.
_MOVES = (
    ops.Reshape,
    ops.Transpose,
    ops.Split,
    ops.Slice,
    ops.Pad,
    ops.Reverse,
    ops.Broadcast,
    ops.Pool,
    ops.Concat,
    ops.Select,
)


def choose_types(graph: Graph, plan: Plan) -> dict[Value, DType]:
    """The integer type of every float value that is no constant.

    Sequences are long, so they get the plan's `sequence` type; what is computed inside a scan, its `body` type; single
    vectors, its `vector` type; data movement keeps its input's type; an operator without such a kernel falls back to
    the type that it has.
    """
    types: dict[Value, DType] = {}
    for value in graph.inputs:
        if value.dtype == "float32":
            types[value] = plan.inputs
    for node in graph.nodes:
        _choose(node, plan, types, inside=False)
    return types


def _choose(node: Node, plan: Plan, types: dict[Value, DType], *, inside: bool) -> None:
    if isinstance(node.operator, Scan):
        _choose_in_scan(node, node.operator, plan, types)
        return
    available = plan.arithmetic.types(node.operator)
    for value in node.outputs:
        if value.dtype != "float32":
            continue
        moved = [types[source] for source in node.inputs if source in types]
        if isinstance(node.operator, _MOVES) and moved:
            wanted = moved[0] if len(set(moved)) == 1 else max(moved, key=["int8", "int16"].index)
        elif inside:
            wanted = plan.body
        else:
            wanted = plan.sequence if len(value.shape) > 1 else plan.vector
        types[value] = wanted if wanted in available else available[0]


def _choose_in_scan(node: Node, scan: Scan, plan: Plan, types: dict[Value, DType]) -> None:
    for k, (outside, inside) in enumerate(zip(node.inputs, scan.body.inputs, strict=True)):
        if inside.dtype == "float32":
            types[inside] = plan.body if k < scan.carries else types.get(outside, plan.sequence)
    for step in scan.body.nodes:
        _choose(step, plan, types, inside=True)
    for k, value in enumerate(node.outputs):
        if value.dtype == "float32":
            types[value] = plan.body if k < scan.carries else plan.sequence
