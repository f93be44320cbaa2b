"""What quantization needs to know of the integer arithmetic it quantizes for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edgernn.graph import DType, Node, Quantization, Value
from edgernn.graph import operators as ops
from edgernn.ranges import ClipMethod


class Arithmetic(Protocol):
    """A target's integer kernels, as far as they constrain types and scales."""

    def types(self, operator: ops.Operator) -> tuple[DType, ...]:
        """The activation types for which the operator has an integer kernel."""
        ...

    def fixed(self, operator: ops.Operator, dtype: DType) -> Quantization | None:
        """The output scale that the kernel insists on, if any."""
        ...

    def tied(self, node: Node) -> tuple[int, ...]:
        """The inputs that must have the output's scale and zero point."""
        ...

    def finest(self, operator: ops.Operator, inputs: Sequence[Value]) -> float:
        """The finest output scale in which the kernel computes these inputs, weights among them, without overflow.

        Where more is wanted, the result takes this scale first and is converted then; 0 if there is no limit.
        """
        ...

    def preferred_input(self, operator: ops.Operator, dtype: DType, largest: float) -> Quantization | None:
        """The input scale on which the kernel is exact, if it has one, for inputs up to `largest`."""
        ...

    def reach(self, operator: ops.Operator, dtype: DType) -> float | None:
        """The largest magnitude of an input beyond which the output does not change, if it saturates."""
        ...


# Of the magnitudes of a row's 8-bit weights, where sums have 32 bits: times 2^15, the largest activation, it leaves 3 %
# of 31 bits for the bias and for what rounding adds. A row of more than some 500 large weights gets a coarser unit.
LARGEST_SUM = 0.97 * 2**16


@dataclass(frozen=True)
class Plan:
    """The choices that quantization follows.

    Attributes:
        arithmetic: the target's kernels.
        body: type of what is computed inside a scan.
        sequence: type of tensors with a time axis.
        vector: type of tensors without one.
        free_state: a carried state that was seen beyond +-this is kept in 16 bits, with the sum that makes it.
        inputs: type of the graph's inputs and outputs inside (the artifact may show float32 instead).
        wide_bias: 64-bit biases for 16-bit inputs, which all of TFLite's kernels read, instead of 32-bit ones.
        per_channel: one weight scale per row of an Affine instead of one per tensor.
        clip: how much of a calibrated range is kept, for 8-bit tensors.
        outputs: type of the graph's outputs, if it is another than that of its inputs.
        largest_sum: of the magnitudes of a row's integer weights, so that sums fit the accumulator.
        power_of_two: whether the scales of 16-bit tensors are powers of two.
        wide: names of values that get 16 bits, whatever else the plan says.
        fine: names of products whose weights have a scale for each row, whatever else the plan says.
        sharing: how much coarser than its own a scale may be that a 16-bit tensor takes from another one.
    """

    arithmetic: Arithmetic
    body: DType
    sequence: DType
    vector: DType
    inputs: DType
    free_state: float
    wide_bias: bool
    per_channel: bool
    clip: ClipMethod
    outputs: DType | None = None
    largest_sum: float = math.inf
    power_of_two: bool = False
    sharing: float = 1.0
    wide: frozenset[str] = frozenset()
    fine: frozenset[str] = frozenset()

    def type_of_output(self, value: Value) -> DType:
        """Of an output of the model, where that is given as integers."""
        return "int16" if value.name in self.wide else self.outputs or self.inputs
