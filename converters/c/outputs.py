"""Where a graph's outputs are stored, and when: each once, with what shares its calculation, states where they lie.

Elementwise operators are computed in the loop that needs them. A state, and the hidden state that a product reads, come
out of the same gates: so whichever loop computes one of them stores the other, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from edgernn.converters.c.index import Index, flat
from edgernn.converters.c.program import Slot
from edgernn.graph import Value
from edgernn.graph import operators as ops

if TYPE_CHECKING:
    from edgernn.converters.c.body import Body

# What is computed element by element, wherever somebody asks for it.
CALCULATED = (ops.Binary, ops.Unary, ops.Requantize, ops.Select, ops.Or)
MOVED = (ops.Split, ops.Slice, ops.Reverse, ops.Transpose, ops.Broadcast)


def companions(body: Body, value: Value, *, kept: bool = True) -> dict[Value, Slot]:
    """The outputs that the loop which computes `value` shall store as well, and where.

    They are of its shape, share its calculation, and what they are computed from is there. `value` is among them if it
    is an output whose memory in the end is ours and free by now.

    Args:
        body: that the loop is written into.
        value: that the next node of those that wait reads.
        kept: whether the loop stores it in any case, so that nobody computes it again.
    """
    work = _work(body, value)
    if not work:
        return {}
    group = [value]
    for each in body.targets:
        if each is not value and each not in body.slots and each.shape == value.shape and work & _work(body, each):
            group.append(each)
    states = {each: _state(body.targets.get(each, ())) for each in group}
    free = _replaceable(body, group, [slot for slot in states.values() if slot is not None], kept)
    places = {each: slot for each, slot in states.items() if slot is not None and slot in free}
    return {each: places.get(each) or body.take(each) for each in group if each in places or each is not value}


def settle(body: Body, places: Mapping[Value, Slot]) -> None:
    """Take note of what was stored, and that what lay there is gone."""
    replaced = {slot.root for slot in places.values()}
    for value in [value for value, slot in body.slots.items() if slot.root in replaced and slot.root]:
        del body.slots[value]
    body.slots.update(places)


def write_outputs(body: Body) -> None:
    """Store the outputs that are not where they go yet; a state may be what they are computed from.

    Outputs of one shape share a loop. A state is overwritten in it at once if nothing else of it is read later.
    """
    by_shape: dict[tuple[int, ...], list[tuple[Value, Slot]]] = {}
    for value, slots in body.targets.items():
        for slot in slots:
            if body.slots.get(value) != slot:
                by_shape.setdefault(value.shape, []).append((value, slot))
    groups = list(by_shape.values())
    states = [slot for slots in body.targets.values() for slot in slots]
    late: list[tuple[Slot, Slot, int]] = []
    for number, group in enumerate(groups):
        if number == len(groups) - 1 and all(_at_own_elements(body, [value for value, _ in group], states).values()):
            body.store(group)
            continue
        copies = []
        for value, slot in group:
            place = body.take(value) if slot.owned else slot
            copies.append((value, place))
            if place != slot:
                late.append((slot, place, math.prod(value.shape)))
        body.store(copies)
    for slot, place, count in late:
        with body.lines.loop("i", count) as i:
            body.lines.add(f"{slot.at(i)} = {place.at(i)};")


def _state(slots: Sequence[Slot]) -> Slot | None:
    return next((slot for slot in slots if slot.pool is not None and slot.owned), None)


def _replaceable(body: Body, group: Sequence[Value], slots: Sequence[Slot], kept: bool) -> list[Slot]:
    """Those of the states' slots that a loop over the group's elements may overwrite."""
    if not slots:
        return []
    later = [value for node in body.waiting for value in node.inputs]
    later.remove(group[0])  # this time it is read here
    read = _arrays(body, [*later, *body.targets], set(group if kept else group[1:]))
    own = _at_own_elements(body, group, slots)
    return [slot for slot in slots if slot.root not in read and own[slot]]


def _at_own_elements(body: Body, group: Sequence[Value], slots: Sequence[Slot]) -> dict[Slot, bool]:
    """Whether a loop reads each array only at the element that it then replaces; found out by writing it on trial."""
    kept, body.lines = body.lines, body.lines.trial()
    loads: set[tuple[Slot, str]] = set()
    own = ""

    def trial(index: Index) -> None:
        nonlocal own
        own = flat(index, group[0].shape)
        for value in group:
            body.element(value, index)
        loads.update(body.loads)

    body.loops(group[0].shape, trial)
    body.lines = kept
    return {slot: all(s == slot and at == own for s, at in loads if s.root and s.root == slot.root) for slot in slots}


def _work(body: Body, value: Value) -> set[Value]:
    """What is calculated, not only moved, to compute a value; nothing if it is there, or cannot be computed yet."""
    found: set[Value] = set()
    seen: set[Value] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if each in seen or each.data is not None or each in body.slots or each in body.steps:
            continue
        seen.add(each)
        if each in body.totals:
            found.add(each)
        elif each in body.nodes and isinstance(body.nodes[each].operator, (*CALCULATED, *MOVED)):
            node = body.nodes[each]
            waiting += node.inputs
            if isinstance(node.operator, CALCULATED):
                found.add(each)
        else:
            return set()
    return found


def _arrays(body: Body, values: Iterable[Value], without: set[Value]) -> set[str]:
    """The memory that some values lie in, or are computed from, once those of `without` are stored."""
    found: set[str] = set()
    seen = set(without)
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        if value in body.slots:
            found.add(body.slots[value].root)
        elif value in body.totals:
            found.add(body.totals[value].root)
        elif value in body.nodes:
            waiting += body.nodes[value].inputs
    return found
