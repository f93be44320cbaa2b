"""From a float graph to an integer one: types, scales, weights."""

from edgernn.quantization.arithmetic import Arithmetic, Plan
from edgernn.quantization.bias_columns import fold_biases
from edgernn.quantization.quantize import quantize

__all__ = ["Arithmetic", "Plan", "fold_biases", "quantize"]
