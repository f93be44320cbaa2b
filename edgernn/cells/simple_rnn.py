"""The simple recurrent cell of Elman, "Finding Structure in Time", Cognitive Science 14, 1990."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgernn.cells.cell import Activation, Gates
from edgernn.graph import Builder, Value


@dataclass(frozen=True)
class SimpleRNN:
    """h_t = tanh(W x_t + U h_(t-1) + b).

    Parameters: H (F + H + 1). Multiply-accumulates per step: H (F + H).
    """

    gates: Gates
    activation: Activation

    order: ClassVar[tuple[str, ...]] = ("h",)
    state_names: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def units(self) -> int:
        """Width H of the hidden state."""
        return self.gates.units

    def step(self, b: Builder, x: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
        """One step; see the class for the equation."""
        (h,) = state
        return (self.activation(b, self.gates.both(b, "h", x, h)),)


def parameters(features: int, units: int, *, use_bias: bool = True) -> int:
    """H (F + H), and H biases."""
    return units * (features + units + use_bias)


def macs_per_step(features: int, units: int) -> int:
    """H (F + H): matrix products only."""
    return units * (features + units)
