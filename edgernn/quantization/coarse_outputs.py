"""Answers that 8 bits are too coarse for, whatever is computed before: told from the float model's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgernn.graph import Graph, Value
from edgernn.graph import operators as ops
from edgernn.reference import Array

_OWN = 1.25  # of the limit: the error that rounding alone makes; of an ordinary regression it is 0.6 to 1 %
_ZEROS = 0.4  # of the limit: the share of what happens that may get a probability of zero
_MOVES = (ops.Reshape, ops.Transpose, ops.Concat, ops.Split, ops.Slice, ops.Reverse)


@dataclass(frozen=True)
class CoarseOutput:
    """An output of the model that is to have 16 bits.

    Attributes:
        name: of the output.
        error: root mean square of what rounding it to 8 bits alone changes, over its standard deviation.
        zeros: of probabilities, the share of what happens to which 8 bits give none: the sum of the probabilities that
            are rounded to zero over the sum of all. That no spread shows, and whoever takes their logarithm pays for.
            Of classifiers that are mostly sure it is 0.2 % and less, of models of language twice that and more.
    """

    name: str
    error: float
    zeros: float


def coarse_outputs(
    integers: Graph, floats: Graph, expected: Mapping[str, Array], limit: float
) -> tuple[CoarseOutput, ...]:
    """Those of an integer graph's outputs in 8 bits whose own rounding does too much harm.

    Args:
        integers: quantized.
        floats: what it was made from.
        expected: the float graph's answers to real samples, by name.
        limit: on the error.
    """
    found = []
    for given, value in zip(integers.outputs, floats.outputs, strict=True):
        if given.dtype != "int8" or given.quantization is None:
            continue
        truth = expected[value.name].astype("f8")
        rounded = given.quantization.dequantize(given.quantization.quantize(truth, "int8"))
        spread, whole = float(truth.std()), float(truth.sum())
        error = float(np.sqrt(np.mean((rounded - truth) ** 2))) / spread if spread > 0 else 0.0
        zeros = 0.0
        if whole > 0 and _are_probabilities(floats, value):
            zeros = float(truth[rounded == 0].sum()) / whole
        if error > _OWN * limit or zeros > _ZEROS * limit:
            found.append(CoarseOutput(value.name, error, zeros))
    return tuple(found)


def _are_probabilities(graph: Graph, value: Value) -> bool:
    makers, waiting = graph.producers(), [value]
    while waiting:
        maker = makers.get(waiting.pop())
        match maker.operator if maker is not None else None:
            case ops.Softmax() | ops.Unary(function="sigmoid"):
                pass
            case operator if maker is not None and isinstance(operator, _MOVES):
                waiting += maker.inputs
            case _:
                return False
    return True
