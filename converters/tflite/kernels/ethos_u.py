"""What stops Vela 5.2.0, the compiler of Arm's Ethos-U: U55, U65 and U85. What it leaves alone runs on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edgernn.converters.tflite.kernels.rule import Call, Library, rule, rules_in, told

_ETHOS: tuple[Library, ...] = ("Ethos-U",)
_PRODUCTS = "FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D"
_LARGEST_BIAS = 2**40


@rule(_ETHOS, "SELECT_V2 NOT_EQUAL", "run: vela stops for U55 and U65, and ends with KeyError for U85")
def no_truth(call: Call) -> Iterator[str]:
    """There must be no SELECT_V2 and no NOT_EQUAL: their bool tensors stop the compiler."""
    for k, tensor in enumerate((*call.inputs, *call.outputs)):
        if tensor is not None and tensor.dtype == "bool":
            yield told(f"operand {k}", tensor)
            return


@rule(_ETHOS, _PRODUCTS, "run: SIGFPE")
def weights_of_8_bits(call: Call) -> Iterator[str]:
    """Weights must have 8 bits: int4 kills the compiler."""
    if call.type(1) == "int4":
        yield told("input 1", call.input(1))


@rule(_ETHOS, "FULLY_CONNECTED", "run: SIGSEGV for U85")
def narrow_bias(call: Call) -> Iterator[str]:
    """A bias beside int8 activations must be int32: int64 kills the compiler for U85."""
    if call.type(0) == "int8" and call.type(2) == "int64":
        yield told("input 2", call.input(2))


@rule(_ETHOS, _PRODUCTS, "run")
def constant_bias(call: Call) -> Iterator[str]:
    """A bias must be a constant below 2^40."""
    bias = call.input(2)
    if call.type(0) not in ("int8", "int16") or bias is None:
        return
    if not bias.data_bytes:
        yield told("input 2", bias)
    elif bias.dtype == "int64" and np.abs(np.frombuffer(call.file.data(bias), "<i8")).max() >= _LARGEST_BIAS:
        yield f"{told('input 2', bias)}, of 2^40 or more"


RULES = rules_in(dict(globals()))
