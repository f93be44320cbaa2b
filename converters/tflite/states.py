"""States of a stream: inputs and outputs of the file, or resource variables that the runtime keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgernn.converters.tflite.subgraph import Subgraph, reshape
from edgernn.graph import Value
from edgernn.passes.stream import State, Streamed

RESET = "reset"


def next_name(state: State) -> str:
    """The name of the output that is fed back into the state's input."""
    return f"{state.value.name}_next"


def own_tensors(main: Subgraph, values: Sequence[Value], taken: set[int]) -> list[int]:
    """A tensor for every value, none of them a constant or among those that are taken."""
    found = []
    for value in values:
        index = main.batched(value)
        if index in taken or value.data is not None:
            copy = main.scratch((1, *value.shape), value)
            reshape(main, index, copy, (1, *value.shape))
            index = copy
        taken.add(index)
        found.append(index)
    return found


def keep_states(main: Subgraph, states: Sequence[State]) -> int:
    """Read the states from variables, which are set once before; the subgraph that sets them."""
    begin = main.program.subgraph()
    for state in states:
        _assign(begin, state, begin.batched(state.initial))
    attributes: dict[str, Any] = {"initSubgraphIndex": begin.index}
    main.emit("CALL_ONCE", [], [], "", options="CallOnceOptions", **attributes)
    for state in states:
        index = main.tensor(state.value)
        main.emit("READ_VARIABLE", [_handle(main, state)], [index], "", options="ReadVariableOptions")
    return begin.index


def store_states(main: Subgraph, states: Sequence[State]) -> None:
    """Write the states' next values, after all that reads the old ones."""
    for state in states:
        _assign(main, state, main.batched(state.next))


def _assign(where: Subgraph, state: State, value: int) -> None:
    where.emit("ASSIGN_VARIABLE", [_handle(where, state), value], [], "", options="AssignVariableOptions")


def _handle(where: Subgraph, state: State) -> int:
    key = ("handle", state.value)
    if key not in where.known:
        result = where.scratch((1,), dtype="resource")
        name = state.value.name
        where.emit("VAR_HANDLE", [], [result], "", options="VarHandleOptions", container="", sharedName=name)
        where.known[key] = result
    return where.known[key]


def stream_metadata(streamed: Streamed, *, kept: bool) -> dict[str, Any]:
    """What a program that streams must know; what can be guessed is left out, since a file pays for every byte.

    Guessed are: a hop of 1, all inputs timed, an answer for every hop that has no time axis, states of zeros.
    """
    found: dict[str, Any] = {"hop": streamed.hop}
    if not all(streamed.timed):
        found["timed"] = list(streamed.timed)
    for key in ("skip", "per_hop", "first"):
        numbers = [getattr(output, key) for output in streamed.outputs]
        if any(numbers):
            found[key] = numbers
    found["states"] = "kept" if kept else [_initial(state.initial) for state in streamed.states]
    return found


def _initial(value: Value) -> Any:
    """0 for zeros, one number for many that are equal, else all of them."""
    data = value.constant
    zero = value.quantization.zero_point if value.quantization is not None else 0
    first = data.reshape(-1)[0].item()
    if (data == first).all():
        return 0 if first == zero else [first]
    return np.asarray(data).reshape(-1).tolist()
