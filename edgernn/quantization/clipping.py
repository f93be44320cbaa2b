"""Whether 8-bit ranges are clipped: only where that was seen to make the answer better."""

from __future__ import annotations

from collections.abc import Mapping

from edgernn.quantization.calibrated import Calibrated
from edgernn.quantization.precision import enough, spread_error
from edgernn.quantization.simulated import Simulation, everything
from edgernn.ranges import ClipMethod
from edgernn.reference import Array, evaluate

_BETTER = 0.95  # of the error with whole ranges: what saves less may be chance


def better_clip(calibrated: Calibrated, inputs: Mapping[str, Array]) -> ClipMethod:
    """`mse` if with it the answer errs less by a twentieth on samples that calibration has not seen, else `minmax`.

    The mean squared error of a tensor tells nothing of what its units are for; the error of the answer does.

    Args:
        calibrated: what integers are made from.
        inputs: real samples to measure with, by name.
    """
    inputs = calibrated.inputs(enough(calibrated.graph, inputs))
    expected = evaluate(calibrated.graph, inputs)

    def error(method: ClipMethod) -> float:
        integers = calibrated.clipped(method).integers()
        return spread_error(Simulation(integers, calibrated.graph)(inputs, everything), expected)

    return "mse" if error("mse") < _BETTER * error("minmax") else "minmax"
