"""From a float graph to an integer one: types, scales, weights."""

from edgernn.quantization.arithmetic import Arithmetic, Plan
from edgernn.quantization.bias_columns import fold_biases
from edgernn.quantization.fed_back import carried_on, fed_back
from edgernn.quantization.quantize import quantize

__all__ = ["Arithmetic", "Plan", "carried_on", "fed_back", "fold_biases", "quantize"]
