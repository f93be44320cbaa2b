"""From a cell to a loop over a sequence: stacking, masks, direction, and which states come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgernn.cells.cell import Cell
from edgernn.graph import Builder, Scan, Value
from edgernn.graph import operators as ops


@dataclass(frozen=True)
class Unrolled:
    """What a loop gives back.

    Attributes:
        sequence: outputs `[steps, units]`, each at the index of its input, also when the loop runs in reverse.
        last: the output of the last step that was run, `[units]`; a masked step's output is the one before it.
        states: the final states, in Keras's order.
    """

    sequence: Value
    last: Value
    states: tuple[Value, ...]


def run(
    b: Builder,
    cells: Sequence[Cell],
    x: Value,
    *,
    initial_state: Sequence[Value] | None = None,
    mask: Value | None = None,
    reverse: bool = False,
    zero_output_for_mask: bool = False,
) -> Unrolled:
    """A scan of `cells`, one on top of the other, over `x` `[steps, features]`.

    Args:
        b: where the loop is added.
        cells: from the lowest to the highest; one for an ordinary layer.
        x: the sequence.
        initial_state: one value per state of every cell, lowest first; zeros by default.
        mask: bool `[steps]`; a step that is masked out keeps the state and repeats the previous output.
        reverse: run from the last step to the first.
        zero_output_for_mask: a masked step's output is zero instead (Keras's Bidirectional asks for it).
    """
    names = [(name, cell.units) for cell in cells for name in cell.state_names]
    # A masked step repeats the previous output, which is the top cell's state, except before the first output: Keras
    # then gives zeros, not the initial state. Only a given initial state makes the two differ.
    repeats = mask is not None and initial_state is not None and not zero_output_for_mask
    if initial_state is None:
        initial_state = [b.constant(f"{name}_0", np.zeros(units, "f4")) for name, units in names]
    first_of_top = len(names) - len(cells[-1].state_names)

    body = b.body("step")
    carries = tuple(body.input(f"{b.layer}/{name}", (units,)) for name, units in names)
    initial = list(initial_state)
    if repeats:
        previous = body.input(f"{b.layer}/previous", (cells[-1].units,))
        initial.append(b.constant("previous_0", np.zeros(cells[-1].units, "f4")))
    x_t = body.input(f"{b.layer}/x", x.shape[1:])
    sequences = [x]
    if mask is not None:
        sequences.append(b.apply(ops.Reshape((*mask.shape, 1)), mask, name="mask"))
        keep = body.input(f"{b.layer}/mask", (1,), "bool")

    states, output = list(carries), x_t
    position = 0
    for cell in cells:
        width = len(cell.state_names)
        states[position : position + width] = cell.step(body, output, tuple(states[position : position + width]))
        output = states[position]
        position += width
    if mask is not None:
        fresh = output
        states = [body.apply(ops.Select(), keep, new, old) for new, old in zip(states, carries, strict=True)]
        output = states[first_of_top]
        if zero_output_for_mask:
            zeros = body.constant("masked_output", np.zeros(fresh.shape, "f4"))
            output = body.apply(ops.Select(), keep, fresh, zeros)
        elif repeats:
            output = body.apply(ops.Select(), keep, fresh, previous)
            states.append(output)
    gates = cells[0].gates if len(cells) == 1 and mask is None else None
    scan = Scan(body.finish(*states, output), len(initial), x.shape[0], reverse, gates)
    *finals, sequence = b.apply_many(scan, *initial, *sequences, name="loop")
    if mask is not None and zero_output_for_mask:
        final = 0 if reverse else x.shape[0] - 1
        piece = b.apply(ops.Slice(final, final + 1), sequence)
        last = b.apply(ops.Reshape(sequence.shape[1:]), piece, name="last")
    else:
        last = finals[-1] if repeats else finals[first_of_top]
    return Unrolled(sequence, last, tuple(finals[: len(names)]))
