"""Proofs that numbers fit: C is written only where no integer can leave 32 bits, and no constant is infinite."""

from __future__ import annotations

import numpy as np

from edgernn.errors import InputError, UnsupportedError
from edgernn.graph import Graph

LEAST, MOST = -(2**31), 2**31 - 1
LONGEST_SOFTMAX = 32768  # terms of a sum of exponentials, each below 2^15, that is doubled
LONGEST_MEAN = 32767  # steps of a window whose sum is doubled


def prove(layer: str, low: int, high: int) -> None:
    """Every integer must fit 32 bits at every step of a calculation.

    Raises:
        InputError: it does not.
    """
    if low < LEAST or high > MOST:
        raise InputError(
            f"layer '{layer}': every integer must fit 32 bits at every step of a calculation. "
            f"Found: numbers from {low} to {high}.",
            hint="calibrate with samples of the range that the model will meet, or use --quantize float32.",
        )


def prove_count(layer: str, count: int, most: int) -> None:
    """A sum must have no more terms than fit 32 bits together.

    Raises:
        InputError: it has.
    """
    if count > most:
        raise InputError(
            f"layer '{layer}': a sum in 32 bits must have at most {most} terms. Found: {count}.",
            hint="use --quantize float32.",
        )


def refuse_infinite(graph: Graph) -> None:
    """Constants must be finite in float32.

    Raises:
        UnsupportedError: some are not; all layers that have such are named.
    """
    broken = []
    for node in graph.walk():
        for value in node.inputs:
            if value.data is not None and value.data.dtype.kind == "f" and not np.isfinite(value.data).all():
                found = float(value.data[~np.isfinite(value.data)][0])
                broken.append(
                    (
                        f"layer '{node.layer}': constants must be finite in float32, those that layers folded into one "
                        f"another make too. Found: {found} in '{value.name}'.",
                        "look for a variance near zero and for huge weights.",
                    )
                )
    if broken:
        raise UnsupportedError(dict.fromkeys(broken))
