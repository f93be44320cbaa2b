"""What a reader of samples is told, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from edgernn.errors import InputError
from edgernn.graph import Value

Array = NDArray[Any]
TARGETS = "y"  # the name of the targets' array
NAMED = "y_"  # and the name of an output
# What columns and arrays of targets are called as well, where they cannot be samples.
LABELS = ("target", "targets", "label", "labels", "class", "classes", "activity", "output", "outputs")
LARGEST_NAME = 60  # characters of somebody's text that a message repeats


@dataclass(frozen=True)
class Wanted:
    """What samples are read for.

    Attributes:
        where: what messages call the source: ``calibration 'x.csv'``.
        inputs: of the model.
        most: samples that are taken; of more, a part.
        with_targets: whether to look for the right answers too.
        stateful: whether the model carries its state from window to window, so that recordings are kept whole.
    """

    where: str
    inputs: Sequence[Value]
    most: int
    with_targets: bool
    stateful: bool

    @property
    def window(self) -> Value:
        """The only input, whose windows a recording is cut into.

        Raises:
            InputError: there are several.
        """
        if len(self.inputs) == 1:
            return self.inputs[0]
        names = ", ".join(f"'{value.name}'" for value in self.inputs)
        raise InputError(
            f"{self.where}: must hold an array for each input: {names}. Found: what has no names.",
            hint="give an .npz file, or in Python a dict, with an array [samples, ...] for each of them.",
        )

    @property
    def steps(self) -> int:
        """Of a window."""
        return self.window.shape[0] if self.window.shape else 1

    @property
    def frame(self) -> tuple[int, ...]:
        """The shape of one step of the window."""
        return self.window.shape[1:]

    @property
    def width(self) -> int:
        """Numbers in a step."""
        return math.prod(self.frame)


@dataclass(frozen=True)
class Found:
    """Arrays with a leading sample axis, by the name of an input or target; the only one there is may have none.

    Attributes:
        arrays: by name.
        notes: how what was given was understood, and what was left out.
    """

    arrays: dict[str, Array]
    notes: tuple[str, ...] = ()


def named(text: str) -> str:
    """A name out of somebody's file, as messages repeat it."""
    shown = text if text.isprintable() else ascii(text)[1:-1]
    return f"'{shown[:LARGEST_NAME]}'"


def several(count: int, noun: str) -> str:
    """`1 row`, `3 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
