"""Inputs of integers whose features have units of their own: what is rounded is (x - offset) * factor, by feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class FeatureUnits:
    """What the integers of an input stand for; its tensor has a scale and a zero point for (x - offset) * factor.

    Attributes:
        factor: of each feature; never 0.
        offset: of each feature, in its own unit.
    """

    factor: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, real: Array) -> Array:
        """The numbers that share one scale, float64, of real ones `[..., features]`."""
        shared: Array = (real.astype(np.float64) - np.array(self.offset)) * np.array(self.factor)
        return shared

    def undo(self, shared: Array) -> Array:
        """The real numbers, float64."""
        real: Array = shared.astype(np.float64) / np.array(self.factor) + np.array(self.offset)
        return real

    @property
    def document(self) -> dict[str, list[float]]:
        """As an artifact says it, in few bytes."""
        return {name: [float(f"{value:.8g}") for value in getattr(self, name)] for name in ("factor", "offset")}


def read_units(document: Any) -> FeatureUnits | None:
    """What an artifact says of an input; None if it says nothing that can be used."""
    if not isinstance(document, Mapping):
        return None
    try:
        factor, offset = (tuple(float(value) for value in document[name]) for name in ("factor", "offset"))
    except (KeyError, TypeError, ValueError):
        return None
    usable = len(factor) == len(offset) > 0 and all(factor) and bool(np.isfinite([*factor, *offset]).all())
    return FeatureUnits(factor, offset) if usable else None
