"""What a folder of C says of its stream: sizes of a hop, where states lie, and what a caller must know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgernn.converters.c.compile import Program
from edgernn.passes import Streamed

_BYTES = {"int32_t": 4, "float": 4, "int16_t": 2, "int8_t": 1, "uint8_t": 1}


def frame_sizes(program: Program, roles: Sequence[str]) -> dict[str, int]:
    """Elements of one hop, of the tensors with a time axis; 0 for others.

    Args:
        program: the model.
        roles: names of its inputs, then of its outputs, by which the sizes are given.
    """
    if program.streamed is None:
        return dict.fromkeys(roles, 0)
    count = len(program.graph.outputs)
    values = (*program.streamed.frames, *program.streamed.graph.outputs[:count])
    timed = (*program.streamed.timed, *(output.per_hop > 0 for output in program.streamed.outputs))
    sizes = (math.prod(value.shape) if sequence else 0 for value, sequence in zip(values, timed, strict=True))
    return dict(zip(roles, sizes, strict=True))


def state_layout(program: Program, members: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Where each state lies in the struct, in bytes.

    Args:
        program: the model.
        members: of the struct, in order: name, C type and number of elements.
    """
    if program.streamed is None:
        return []
    starts, position = {}, 0
    for member, ctype, count in members:
        starts[member] = position
        position += count * _BYTES[ctype]
    found = []
    for state, slot in zip(program.streamed.states, program.slots, strict=True):
        member, _, offset = slot.pointer.removeprefix("state->").partition(" + ")
        place = starts[member] + int(offset or 0) * _BYTES[slot.ctype]
        count = math.prod(state.value.shape)
        found.append({"name": state.value.name, "dtype": state.value.dtype, "offset": place, "count": count})
    return found


def stream_description(streamed: Streamed | None) -> dict[str, Any]:
    """What a program that streams must know, as JSON."""
    if streamed is None:
        return {}
    outputs = [{"skip": each.skip, "per_hop": each.per_hop, "first": each.first} for each in streamed.outputs]
    return {"hop": streamed.hop, "delay": streamed.delay, "timed": list(streamed.timed), "outputs": outputs}
