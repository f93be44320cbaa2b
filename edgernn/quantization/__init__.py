"""From a float graph to an integer one: types, scales, weights."""

from edgernn.quantization.arithmetic import Arithmetic, Plan
from edgernn.quantization.bias_columns import fold_biases
from edgernn.quantization.calibrated import Calibrated, with_masks
from edgernn.quantization.fed_back import carried_on, fed_back
from edgernn.quantization.parts import Costs
from edgernn.quantization.quantize import quantize

__all__ = [
    "Arithmetic",
    "Calibrated",
    "Costs",
    "Plan",
    "carried_on",
    "fed_back",
    "fold_biases",
    "quantize",
    "with_masks",
]
