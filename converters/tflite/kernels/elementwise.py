"""Rules of elementwise operators and functions: scales that kernels insist on, fused functions, zero points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from edgernn.converters.tflite.kernels.rule import EVERYWHERE, MICRO, Call, rule, rules_in, told

# How much larger a sum's largest input scale may be than its output's; from there on the runtimes abort.
SUM_RATIO: Mapping[str, float] = {"int16": 2.0**14, "int8": 2.0**19}
# Output scale and zero point of functions between fixed limits.
FUNCTION_FORMS: Mapping[tuple[str, str], tuple[float, int]] = {
    ("LOGISTIC", "int8"): (1 / 256, -128),
    ("LOGISTIC", "int16"): (1 / 32768, 0),
    ("TANH", "int8"): (1 / 128, 0),
    ("TANH", "int16"): (1 / 32768, 0),
    ("SOFTMAX", "int8"): (1 / 256, -128),
    ("SOFTMAX", "int16"): (1 / 32768, 0),
}
_FUSED = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
_SMALLEST_SOFTMAX = 2.0**-26


@rule(EVERYWHERE, "ADD SUB", "kernels/internal/quantization_util.cc:117; run: 2^13 runs, 2^14 aborts")
def ratio_of_a_sum(call: Call) -> Iterator[str]:
    """The largest input scale must be less than 2^14 (int8: 2^19) times the output's: the process aborts otherwise."""
    limit, y = SUM_RATIO.get(call.type(0)), call.output()
    scales = [tensor.scale for tensor in call.inputs if tensor is not None]
    if limit and y is not None and scales and y.scale and max(scales) >= limit * y.scale:
        yield f"a ratio of {max(scales) / y.scale:.6g}"


@rule(EVERYWHERE, "ADD SUB", "kernels/internal/quantization_util.cc: TFLITE_CHECK_GT")
def scales_of_a_sum(call: Call) -> Iterator[str]:
    """Integers that are added must have scales above zero: the process aborts otherwise."""
    if call.type(0) in SUM_RATIO:
        for k, tensor in enumerate((*call.inputs, *call.outputs)):
            if tensor is not None and len(tensor.scales) == 1 and not tensor.scale > 0:
                yield told(f"operand {k}", tensor)


def _shifts(call: Call) -> tuple[float, ...] | None:
    """Logarithms of input scales over the output's, if all scales are powers of two."""
    tensors = (call.input(0), call.input(1), call.output())
    scales = [tensor.scale if tensor is not None else 0.0 for tensor in tensors]
    if call.type(0) != "int16" or not all(scale > 0 and math.frexp(scale)[0] == 0.5 for scale in scales):
        return None
    return tuple(math.log2(scale / scales[2]) for scale in scales[:2])


@rule(("LiteRT",), "ADD", "kernels/add.cc:150; run")
def shifts_of_a_sum(call: Call) -> Iterator[str]:
    """An int16 ADD that promises powers of two must have them, one input of the output's scale and none coarser."""
    if call.operator.powers_of_two and call.type(0) == "int16":
        shifts = _shifts(call)
        if shifts is not None and (all(shifts) or max(shifts) > 0):
            yield f"shifts of {shifts[0]:g} and {shifts[1]:g}"


@rule(("LiteRT",), "SUB", "kernels/sub.cc; run")
def shifts_of_a_difference(call: Call) -> Iterator[str]:
    """An int16 SUB of scales that are all powers of two must have one input of the output's scale and none coarser."""
    shifts = _shifts(call)
    if shifts is not None and (all(shifts) or max(shifts) > 0):
        yield f"shifts of {shifts[0]:g} and {shifts[1]:g}"


@rule(("CMSIS-NN", "LiteRT"), "ADD", "micro/kernels/cmsis_nn/add.cc:313, kernels/add.cc:146")
def sums_around_zero(call: Call) -> Iterator[str]:
    """An int16 ADD must have zero points 0."""
    if call.type(0) == "int16":
        for k, tensor in enumerate((*call.inputs, *call.outputs)):
            if tensor is not None and tensor.zero_point:
                yield f"{told(f'operand {k}', tensor)}, zero point {tensor.zero_point}"


@rule(EVERYWHERE, "MUL RELU LOGISTIC TANH BATCH_MATMUL", "micro/kernels/mul_common.cc:72, activations_common.cc:103")
def functions_around_zero(call: Call) -> Iterator[str]:
    """int16 tensors must have zero point 0."""
    if call.type(0) == "int16":
        for k, tensor in enumerate((*call.inputs, *call.outputs)):
            if tensor is not None and tensor.zero_point:
                yield f"{told(f'operand {k}', tensor)}, zero point {tensor.zero_point}"


@rule(MICRO, "ADD", "micro/kernels/add_common.cc:102")
def sums_of_plain_numbers(call: Call) -> Iterator[str]:
    """int32 tensors of an ADD must have no scale."""
    for k, tensor in enumerate((*call.inputs, *call.outputs)):
        if tensor is not None and tensor.dtype == "int32" and tensor.scale:
            yield told(f"operand {k}", tensor)


@rule(
    EVERYWHERE,
    "LOGISTIC TANH SOFTMAX",
    "micro/kernels/logistic_common.cc:45, tanh.cc:63, softmax_common.cc:89",
    silent=True,
)
def scale_of_a_function(call: Call) -> Iterator[str]:
    """LOGISTIC, TANH and SOFTMAX must have the output scale and zero point that they compute in."""
    y = call.output()
    wanted = FUNCTION_FORMS.get((call.name, call.type(0)))
    if wanted is None or y is None or y.dtype != call.type(0):
        return
    scale, zero_point = wanted
    if abs(y.scale - scale) > 1e-3 * scale or (y.zero_points[:1] or (0,))[0] != zero_point:
        yield f"{told('output 0', y)}, scale {y.scale:g}, zero point {y.zero_point}"


@rule(EVERYWHERE, "SOFTMAX", "kernels/internal/quantization_util.cc: QuantizeMultiplierGreaterThanOne")
def scale_of_a_softmax(call: Call) -> Iterator[str]:
    """SOFTMAX of int8 must have an input scale above 2^-26: the process aborts otherwise."""
    x = call.input(0)
    if call.type(0) == "int8" and x is not None and x.scale <= _SMALLEST_SOFTMAX:
        yield f"{told('input 0', x)}, scale {x.scale:g}"


@rule(EVERYWHERE, "LOGISTIC TANH SOFTMAX", "run: 4 is right, 64 is not", silent=True)
def unit_of_a_function(call: Call) -> Iterator[str]:
    """int16 inputs must have a scale below 5 (SOFTMAX: 2.5): what they are multiplied with overflows 32 bits."""
    x = call.input(0)
    if call.type(0) == "int16" and x is not None and x.scale >= (2.5 if call.name == "SOFTMAX" else 5.0):
        yield f"{told('input 0', x)}, scale {x.scale:g}"


@rule(EVERYWHERE, "QUANTIZE RELU LEAKY_RELU ABS MEAN", "run: 2^14 is right, 2^16 is not", silent=True)
def ratio_of_a_rescaling(call: Call) -> Iterator[str]:
    """The input scale must be less than 2^15 (int8: 2^22) times the output's: 32 bits overflow otherwise."""
    x, y = call.input(0), call.output()
    limit = {"int16": 2.0**15, "int8": 2.0**22}.get(call.type(0))
    if limit and x is not None and y is not None and y.scale and x.scale >= limit * y.scale:
        yield f"a ratio of {x.scale / y.scale:.6g}"


@rule(
    MICRO,
    "FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D ADD SUB MUL DIV MAX_POOL_2D AVERAGE_POOL_2D CONCATENATION",
    "run: a fused TANH is ignored",
    silent=True,
)
def fused_functions_in_micro(call: Call) -> Iterator[str]:
    """A fused function must be RELU, RELU6 or RELU_N1_TO_1; of CONCATENATION, none."""
    if call.operator.activation not in (_FUSED if call.name != "CONCATENATION" else _FUSED[:1]):
        yield call.operator.activation


@rule(("LiteRT",), "FULLY_CONNECTED", "run")
def fused_functions_of_a_product(call: Call) -> Iterator[str]:
    """A function fused into FULLY_CONNECTED must be RELU, RELU6 or RELU_N1_TO_1."""
    if call.operator.activation not in _FUSED:
        yield call.operator.activation


@rule(("LiteRT",), "ADD SUB MUL DIV", "run: a fused TANH is ignored", silent=True)
def fused_functions_in_litert(call: Call) -> Iterator[str]:
    """A fused function must be RELU, RELU6 or RELU_N1_TO_1."""
    if call.operator.activation not in _FUSED:
        yield call.operator.activation


RULES = rules_in(dict(globals()))
