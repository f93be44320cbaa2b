"""What every recurrent cell has in common: gates with their weights, and one step from state to state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from edgernn.graph import Builder, Value
from edgernn.graph.operators import CellWeights

Activation = Callable[[Builder, Value], Value]


class Cell(Protocol):
    """One step of a recurrence, written over the graph's primitive operators.

    Attributes:
        units: width H of the hidden state.
        gates: the weights.
        state_names: the textbook's names of the carried states; the first one is also the output.
    """

    state_names: ClassVar[tuple[str, ...]]

    @property
    def units(self) -> int: ...  # noqa: D102

    @property
    def gates(self) -> Gates: ...  # noqa: D102

    def step(self, b: Builder, x: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
        """The new state from x_t `[features]` and the old state, each `[units]`."""
        ...


@dataclass(frozen=True)
class Gates(CellWeights):
    """The weights of a cell, and the products that gates are made of."""

    @classmethod
    def split(
        cls, order: tuple[str, ...], kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray | None
    ) -> Gates:
        """Cut matrices whose columns are the gates in `order`, one after the other, as Keras stores them.

        Args:
            order: names of the gates.
            kernel: `[features, gates * units]`.
            recurrent_kernel: `[units, gates * units]`.
            bias: `[gates * units]`, `[2, gates * units]` (input bias, recurrent bias), or None.
        """

        def blocks(matrix: np.ndarray) -> dict[str, np.ndarray]:
            return dict(zip(order, np.split(np.asarray(matrix, "f4"), len(order), axis=-1), strict=True))

        rows = [] if bias is None else list(np.atleast_2d(bias))
        return cls(
            kernel={gate: block.T for gate, block in blocks(kernel).items()},
            recurrent_kernel={gate: block.T for gate, block in blocks(recurrent_kernel).items()},
            bias=blocks(rows[0]) if rows else {},
            recurrent_bias=blocks(rows[1]) if len(rows) > 1 else {},
        )

    @property
    def units(self) -> int:
        """Width of the hidden state."""
        return len(next(iter(self.recurrent_kernel.values())))

    def input(self, b: Builder, gate: str, x: Value) -> Value:
        """W x + b of one gate."""
        return b.affine((x, b.constant(f"W_{gate}", self.kernel[gate])), bias=self._bias(b, gate), name=f"x_{gate}")

    def recurrent(self, b: Builder, gate: str, h: Value) -> Value:
        """U h of one gate, plus its recurrent bias if it has one."""
        bias = b.constant(f"rb_{gate}", self.recurrent_bias[gate]) if self.recurrent_bias else None
        return b.affine((h, b.constant(f"U_{gate}", self.recurrent_kernel[gate])), bias=bias, name=f"h_{gate}")

    def both(self, b: Builder, gate: str, x: Value, h: Value) -> Value:
        """W x + U h + b of one gate; two biases are added up beforehand."""
        pairs = (
            (x, b.constant(f"W_{gate}", self.kernel[gate])),
            (h, b.constant(f"U_{gate}", self.recurrent_kernel[gate])),
        )
        return b.affine(*pairs, bias=self._bias(b, gate, self.recurrent_bias.get(gate)), name=f"pre_{gate}")

    def _bias(self, b: Builder, gate: str, second: np.ndarray | None = None) -> Value | None:
        if not self.bias:
            return None
        return b.constant(f"b_{gate}", self.bias[gate] if second is None else self.bias[gate] + second)
