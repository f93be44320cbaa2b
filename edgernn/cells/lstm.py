"""Long short-term memory: Hochreiter & Schmidhuber, Neural Computation 9(8), 1997; forget gate by Gers et al., 2000."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from edgernn.cells.cell import Activation, Gates
from edgernn.graph import Builder, Value


@dataclass(frozen=True)
class LSTM:
    """Forget, input and output gates f, i, o, candidate C~, cell state C_t and hidden state h_t.

        f   = sigmoid(W_f x_t + U_f h_(t-1) + b_f)
        i   = sigmoid(W_i x_t + U_i h_(t-1) + b_i)
        o   = sigmoid(W_o x_t + U_o h_(t-1) + b_o)
        C~  = tanh(W_c x_t + U_c h_(t-1) + b_c)
        C_t = f * C_(t-1) + i * C~
        h_t = o * tanh(C_t)

    Keras stores the gates in the order i, f, c, o and lets other functions stand for sigmoid (`recurrent_activation`)
    and tanh (`activation`). Parameters: 4 H (F + H + 1). Multiply-accumulates per step: 4 H (F + H).
    """

    gates: Gates
    activation: Activation
    recurrent_activation: Activation

    order: ClassVar[tuple[str, ...]] = ("i", "f", "c", "o")
    state_names: ClassVar[tuple[str, ...]] = ("h", "C")

    @property
    def units(self) -> int:
        """Width H of the hidden state."""
        return self.gates.units

    def step(self, b: Builder, x: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
        """One step; see the class for the equations."""
        h, cell = state
        forget = self.recurrent_activation(b, self.gates.both(b, "f", x, h))
        input_ = self.recurrent_activation(b, self.gates.both(b, "i", x, h))
        output = self.recurrent_activation(b, self.gates.both(b, "o", x, h))
        candidate = self.activation(b, self.gates.both(b, "c", x, h))
        cell = b.add(b.multiply(forget, cell, "kept"), b.multiply(input_, candidate, "written"), "C")
        return b.multiply(output, self.activation(b, cell), "h"), cell


def parameters(features: int, units: int, *, use_bias: bool = True) -> int:
    """4 H (F + H), and 4 H biases."""
    return 4 * units * (features + units + use_bias)


def macs_per_step(features: int, units: int) -> int:
    """4 H (F + H): matrix products only."""
    return 4 * units * (features + units)
