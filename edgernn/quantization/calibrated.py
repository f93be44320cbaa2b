"""All that the integers of a model are made from, so that they can be made again with other types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from edgernn.calibration import Statistics
from edgernn.feature_units import FeatureUnits
from edgernn.graph import Graph
from edgernn.passes import Back, MaskInput
from edgernn.passes.front import Front
from edgernn.quantization.arithmetic import Plan
from edgernn.quantization.quantize import quantize
from edgernn.ranges import ClipMethod


@dataclass(frozen=True)
class Calibrated:
    """A float graph and what was seen of it.

    Attributes:
        middle: float; every pass behind it, but for quantization. All that becomes integers.
        statistics: of its values.
        plan: the choices.
        front: what stays float ahead of the graph, of a model with float inputs and outputs; else None.
        masks: inputs that the caller must compute.
        units: of the features of inputs that the caller must round one by one.
        back: what stays float behind the graph, of a model with float outputs; None for nothing.
    """

    middle: Graph
    statistics: Statistics
    plan: Plan
    front: Front | None
    masks: tuple[MaskInput, ...]
    units: Mapping[str, FeatureUnits] = field(default_factory=dict)
    back: Back | None = None

    @property
    def graph(self) -> Graph:
        """In floats, up to the model's answers."""
        return self.middle if self.back is None else self.back.behind(self.middle)

    def integers(self, wide: frozenset[str] = frozenset()) -> Graph:
        """The same in integers, but for what stays float behind them.

        Args:
            wide: names of values with 16 bits, whatever the plan says.
        """
        plan = replace(self.plan, wide=wide)
        integers = quantize(self.middle, self.statistics, plan, float_io=self.front is not None)
        return integers if self.back is None else self.back.behind(integers)

    def whole(self, wide: frozenset[str] = frozenset()) -> Graph:
        """The integer graph behind the float front, which an artifact computes."""
        integers = self.integers(wide)
        return integers if self.front is None else self.front.before(integers)

    def clipped(self, method: ClipMethod) -> Calibrated:
        """The same with another part of 8-bit ranges kept."""
        return replace(self, plan=replace(self.plan, clip=method))

    def inputs(self, samples: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Samples `[samples, *shape]` per input of the model as the graph takes them: with masks, behind the front."""
        if self.front is not None:
            return self.front.evaluate(samples)
        changed = {name: units.apply(samples[name]).astype("f4") for name, units in self.units.items()}
        return {**with_masks(samples, self.masks), **changed}


def with_masks(samples: Mapping[str, np.ndarray], masks: Iterable[MaskInput]) -> dict[str, np.ndarray]:
    """The samples, and the masks that are taken from them."""
    found = {mask.name: (samples[mask.source] != np.float32(mask.value)).any(-1) for mask in masks}
    return {**samples, **found}
