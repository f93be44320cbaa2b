"""A scan as a C loop."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgernn.converters.c.program import Slot
from edgernn.graph import Node, Scan, Value

if TYPE_CHECKING:
    from edgernn.converters.c.body import Body


def write_scan(outer: Body, node: Node, scan: Scan) -> None:
    """States in memory, a loop over the steps, and in it the body."""
    from edgernn.converters.c.body import Body

    states = []
    for initial, inside in zip(node.inputs[: scan.carries], scan.body.inputs[: scan.carries], strict=True):
        slot = outer.take(inside)
        write_initial(outer, initial, slot)
        states.append(slot)
    sequences = [outer.take(value) for value in node.outputs[scan.carries :]]
    with outer.lines.loop("t", scan.steps, reverse=scan.reverse) as step:
        inner = Body(outer.lines, outer.constants, outer.arithmetic, outer.pool)
        for inside, slot in zip(scan.body.inputs[: scan.carries], states, strict=True):
            inner.slots[inside] = slot
        for inside, value in zip(scan.body.inputs[scan.carries :], node.inputs[scan.carries :], strict=True):
            inner.steps[inside] = (outer, value, step)
        targets: dict[Value, list[Slot]] = {}
        for value, slot in zip(scan.body.outputs[: scan.carries], states, strict=True):
            targets.setdefault(value, []).append(slot)
        for value, slot in zip(scan.body.outputs[scan.carries :], sequences, strict=True):
            width = math.prod(value.shape)
            targets.setdefault(value, []).append(slot.part(f"{step} * {width}"))
        inner.graph(scan.body.nodes, targets)
        inner.release()
    for value, slot in zip(node.outputs, [*states, *sequences], strict=True):
        outer.slots[value] = slot


def write_initial(body: Body, initial: Value, slot: Slot) -> None:
    """The first state; zeros need no constant."""
    count = math.prod(initial.shape)
    if initial.data is not None and not initial.data.any():
        with body.lines.loop("i", count) as i:
            body.lines.add(f"{slot.at(i)} = 0;")
    else:
        body.store([(initial, slot)])
