"""Recordings for a stateful model: long sequences cut into the model's windows, whose states are carried on.

A Keras model with `stateful=True` sees a short window at a time and remembers. It is calibrated and verified over
consecutive windows of a recording, from zero states at the recording's beginning.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgernn.carry import carry_states
from edgernn.graph import Graph, Value
from edgernn.reference import Observer, evaluate

Array = NDArray[Any]


def cut(array: Array, window: int) -> Array:
    """Windows `[recordings * windows, window, ...]` of recordings `[recordings, steps, ...]`, without the remainder."""
    count = array.shape[1] // window
    return array[:, : count * window].reshape(array.shape[0] * count, window, *array.shape[2:])


def in_order(array: Array, batch: int) -> Array:
    """Windows as Keras takes them, row k of each batch continuing row k of the last, as whole recordings in turn."""
    count = len(array) // batch
    rows = array[: count * batch].reshape(count, batch, *array.shape[1:])
    return rows.swapaxes(0, 1).reshape(count * batch, *array.shape[1:])


def is_timed(value: Value, graph: Graph) -> bool:
    """Whether a value of the model's ends has a time axis, as long as that of its inputs."""
    wide = any(len(each.shape) > 1 for each in graph.inputs)
    steps = max((each.shape[0] for each in graph.inputs if len(each.shape) > wide), default=0)
    return value.shape[:1] == (steps,) and len(value.shape) > wide


@dataclass(frozen=True)
class Windows:
    """Arrays of windows, each recording's in their order, one recording behind the other.

    Attributes:
        inputs: by name, `[recordings * windows, ...]`.
        targets: likewise.
        recordings: how many.
        notes: what was left out.
    """

    inputs: dict[str, Array]
    targets: dict[str, Array]
    recordings: int
    notes: tuple[str, ...]


def as_windows(
    inputs: Mapping[str, Array], targets: Mapping[str, Array], outputs: Mapping[str, Value], graph: Graph, batch: int
) -> Windows:
    """What was given for a stateful model, as windows of recordings; what does not fit is left as it is.

    Recordings `[recordings, steps, ...]` of any length are cut. Windows `[windows, window, ...]` belong, as in
    Keras, to as many recordings as the model's batches have rows: with batches of one, all to one.

    Args:
        inputs: arrays by the model's inputs.
        targets: by name of their array.
        outputs: which output each of them is for.
        graph: of one window.
        batch: the size of the model's batches.
    """
    timed = [value for value in graph.inputs if is_timed(value, graph)]
    if not timed or inputs[timed[0].name].ndim != len(timed[0].shape) + 1:
        return Windows(dict(inputs), dict(targets), 0, ())
    first, window = inputs[timed[0].name], timed[0].shape[0]
    count, steps = first.shape[:2]
    if steps == window:
        rows = min(batch, count)
        kept = count // rows * rows if rows else 0
        left = (f"{count - kept} windows are left out: they fill no batch of {batch}.",) if count > kept else ()

        def arranged(array: Array) -> Array:
            return in_order(array, rows) if len(array) == count and rows else array

        return Windows(
            {name: arranged(array) for name, array in inputs.items()},
            {name: arranged(array) for name, array in targets.items()},
            rows,
            left,
        )
    windows = steps // window
    if not windows:
        return Windows(dict(inputs), dict(targets), 0, ())
    names = {value.name for value in timed}
    spread = {
        name: cut(array, window) if name in names else np.repeat(array, windows, axis=0)
        for name, array in inputs.items()
    }
    answers = {}
    for name, array in targets.items():
        if array.shape[:2] == (count, steps):
            parts = cut(array, window)
            array = parts if is_timed(outputs[name], graph) else parts[:, -1]
        elif array.shape[:2] == (count, windows):
            array = array.reshape(count * windows, *array.shape[2:])
        answers[name] = array
    rest = steps - windows * window
    left = (f"the last {rest} steps of each recording are left out: they fill no window of {window}.",) if rest else ()
    return Windows(spread, answers, count, left)


def evaluate_recordings(
    graph: Graph,
    inputs: Mapping[str, Array],
    recordings: int,
    observe: Observer | None = None,
    layers: Container[str] | None = None,
) -> dict[str, Array]:
    """Run the float reference window by window with the states carried.

    Args:
        graph: of one window.
        inputs: `[recordings * windows, *shape]` per input, each recording's windows in their order.
        recordings: how many; all begin from the initial states.
        observe: called with every value and its array.
        layers: whose states are carried; None for all.

    Returns:
        Per output `[recordings * windows, *shape]`, in the inputs' order.
    """
    carried, states = carry_states(graph, layers)
    rows = {name: array.reshape(recordings, -1, *array.shape[1:]) for name, array in inputs.items()}
    now = {
        state.value.name: np.broadcast_to(state.initial.constant, (recordings, *state.value.shape)) for state in states
    }
    pieces: list[dict[str, Array]] = []
    for k in range(next(iter(rows.values())).shape[1]):
        found = evaluate(carried, {**{name: array[:, k] for name, array in rows.items()}, **now}, observe)
        now = {state.value.name: found[state.next.name] for state in states}
        pieces.append(found)
    return {
        value.name: np.stack([piece[value.name] for piece in pieces], axis=1).reshape(-1, *value.shape)
        for value in graph.outputs
    }
