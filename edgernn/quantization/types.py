"""Which integer type each tensor gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from edgernn.graph import DType, Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.quantization.arithmetic import Plan
from edgernn.ranges import Range

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


def choose_types(
    graph: Graph, plan: Plan, ranges: Mapping[Value, Range], kept: Collection[Value] = ()
) -> dict[Value, DType]:
    """The integer type of every float value that is no constant.

    Sequences are long, so they get the plan's `sequence` type; what is computed inside a scan, its `body` type; single
    vectors, its `vector` type; data movement keeps its input's type; an operator without such a kernel falls back to
    the type that it has.

    Args:
        graph: float.
        plan: the choices.
        ranges: that values were seen to take.
        kept: states that the caller keeps from call to call; they have 16 bits.
    """
    types: dict[Value, DType] = {}
    for value in graph.inputs:
        if value.dtype == "float32":
            types[value] = "int16" if value in kept or value.name in plan.wide else plan.inputs
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            _choose_in_scan(node, node.operator, plan, ranges, types, kept)
        else:
            _choose(node, plan, ranges, types, inside=False)
    return types


def _choose(node: Node, plan: Plan, ranges: Mapping[Value, Range], types: dict[Value, DType], *, inside: bool) -> None:
    if isinstance(node.operator, Scan):
        _choose_in_scan(node, node.operator, plan, ranges, types, ())
        return
    available = plan.arithmetic.types(node.operator)
    for value in node.outputs:
        if value.dtype != "float32":
            continue
        moved = [types[source] for source in node.inputs if source in types]
        if isinstance(node.operator, _MOVES) and moved:
            wanted = moved[0] if len(set(moved)) == 1 else max(moved, key=["int8", "int16"].index)
        elif value.name in plan.wide:
            wanted = "int16"
        elif inside:
            wanted = plan.body
        else:
            wanted = plan.sequence if len(value.shape) > 1 else plan.vector
        types[value] = wanted if wanted in available else available[0]


def _choose_in_scan(
    node: Node,
    scan: Scan,
    plan: Plan,
    ranges: Mapping[Value, Range],
    types: dict[Value, DType],
    kept: Collection[Value],
) -> None:
    """Types in a body; a state that nothing squashes gets 16 bits, and so does the sum that updates it.

    The cell state of an LSTM is such a state: it grows by small steps to several units, and 8 bits over its range
    would swallow the steps. A hidden state lies within +-1.
    """
    body, count = scan.body, scan.carries
    free = {
        value
        for given, *pair in zip(node.inputs, body.inputs[:count], body.outputs[:count], strict=False)
        for value in pair
        if given in kept
        or any(side.name in plan.wide or (side in ranges and ranges[side].largest > plan.free_state) for side in pair)
    }
    for k, (outside, inside) in enumerate(zip(node.inputs, body.inputs, strict=True)):
        if inside.dtype == "float32":
            state: DType = "int16" if inside in free else plan.body
            types[inside] = state if k < count else types.get(outside, plan.sequence)
    for step in body.nodes:
        _choose(step, plan, ranges, types, inside=True)
        if isinstance(step.operator, ops.Binary) and free.intersection((*step.inputs, *step.outputs)):
            types[step.output] = "int16"
    for k, value in enumerate(node.outputs):
        if value.dtype == "float32":
            types[value] = types[body.inputs[k]] if k < count else "int16" if value.name in plan.wide else plan.sequence
