"""Gated recurrent unit: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgernn.cells.cell import Activation, Gates
from edgernn.graph import Builder, Value


@dataclass(frozen=True)
class GRU:
    """Reset and update gates r, z, candidate h~ and hidden state h_t.

    In the textbook:

        r   = sigmoid(W_r x_t + U_r h_(t-1) + b_r)
        z   = sigmoid(W_z x_t + U_z h_(t-1) + b_z)
        h~  = tanh(W_h x_t + U_h (r * h_(t-1)) + b_h)
        h_t = (1 - z) * h_(t-1) + z * h~

    Keras stores the gates in the order z, r, h, and its z is the textbook's 1 - z: h_t = z * h_(t-1) + (1 - z) * h~,
    computed here as h~ + z * (h_(t-1) - h~), which needs one product less. With `reset_after` (Keras's default, after
    cuDNN) the reset gate acts behind the product, which has a bias of its own:
    h~ = tanh(W_h x_t + b_h + r * (U_h h_(t-1) + b'_h)).

    Parameters: 3 H (F + H + 1), with `reset_after` 3 H (F + H + 2). Multiply-accumulates per step: 3 H (F + H).
    """

    gates: Gates
    activation: Activation
    recurrent_activation: Activation
    reset_after: bool

    order: ClassVar[tuple[str, ...]] = ("z", "r", "h")
    state_names: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def units(self) -> int:
        """Width H of the hidden state."""
        return self.gates.units

    def step(self, b: Builder, x: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
        """One step; see the class for the equations."""
        (h,) = state
        update = self.recurrent_activation(b, self.gates.both(b, "z", x, h))
        reset = self.recurrent_activation(b, self.gates.both(b, "r", x, h))
        if self.reset_after:
            past = b.multiply(reset, self.gates.recurrent(b, "h", h), "past")
            before = b.add(self.gates.input(b, "h", x), past, "pre_h")
        else:
            before = self.gates.both(b, "h", x, b.multiply(reset, h, "past"))
        candidate = self.activation(b, before)
        return (b.add(b.multiply(update, b.subtract(h, candidate, "change"), "kept"), candidate, "h"),)


def parameters(features: int, units: int, *, use_bias: bool = True, reset_after: bool = True) -> int:
    """3 H (F + H), and 3 H biases, twice with `reset_after`."""
    return 3 * units * (features + units + use_bias * (1 + reset_after))


def macs_per_step(features: int, units: int) -> int:
    """3 H (F + H): matrix products only."""
    return 3 * units * (features + units)
