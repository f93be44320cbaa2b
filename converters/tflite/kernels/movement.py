"""Rules of operators that only move numbers: one scale on both sides, ranks, how many inputs, constants."""

from __future__ import annotations

from collections.abc import Iterator

from edgernn.converters.tflite.file import FileTensor
from edgernn.converters.tflite.kernels.rule import EVERYWHERE, MICRO, Call, rule, rules_in, told

MOST_JOINED = 10
_COPIES = (
    "RESHAPE PAD SPLIT SPLIT_V GATHER SLICE STRIDED_SLICE TRANSPOSE REVERSE_V2 BROADCAST_TO UNPACK SQUEEZE EXPAND_DIMS"
)
_TOLERANCE = 1e-6
_DEEPEST: dict[str, int] = {"TRANSPOSE": 5, "STRIDED_SLICE": 4, "SLICE": 5, "PAD": 5, "BROADCAST_TO": 5}
_DEEPEST_CMSIS: dict[str, int] = {"TRANSPOSE": 4, "PAD": 4, "MAXIMUM": 4, "MINIMUM": 4}


def _apart(call: Call, inputs: tuple[FileTensor | None, ...]) -> Iterator[str]:
    """Inputs whose scale or zero point is not that of every output."""
    for y in call.outputs:
        for x in inputs:
            if x is None or y is None or x.dtype not in ("int8", "int16", "uint8") or not (x.scale and y.scale):
                continue
            if abs(x.scale - y.scale) > _TOLERANCE * y.scale or x.zero_point != y.zero_point:
                yield f"scale {x.scale:.6g} to {y.scale:.6g}, zero point {x.zero_point} to {y.zero_point}"
                return


@rule(EVERYWHERE, _COPIES, "run", silent=True)
def one_scale(call: Call) -> Iterator[str]:
    """What only moves integers must have one scale and zero point on both sides."""
    yield from _apart(call, (call.input(1 if call.name == "SPLIT" else 0),))


@rule(EVERYWHERE, "MAXIMUM MINIMUM", "run", silent=True)
def one_scale_of_what_is_compared(call: Call) -> Iterator[str]:
    """MAXIMUM and MINIMUM must have one scale and zero point throughout."""
    yield from _apart(call, call.inputs)


@rule(EVERYWHERE, "SELECT_V2", "run", silent=True)
def one_scale_of_what_is_chosen(call: Call) -> Iterator[str]:
    """SELECT_V2 must have one scale and zero point throughout."""
    yield from _apart(call, call.inputs[1:])


@rule(EVERYWHERE, "CONCATENATION", "micro/kernels/concatenation.cc:187; run: int16 is copied, int8 fails", silent=True)
def one_scale_of_what_is_joined(call: Call) -> Iterator[str]:
    """CONCATENATION must have one scale and zero point throughout."""
    yield from _apart(call, call.inputs)


@rule(MICRO, "PACK", "run", silent=True)
def one_scale_of_what_is_packed(call: Call) -> Iterator[str]:
    """PACK must have one scale and zero point throughout."""
    yield from _apart(call, call.inputs)


@rule(("LiteRT",), "PACK", "run")
def one_scale_of_what_litert_packs(call: Call) -> Iterator[str]:
    """PACK must have one scale and zero point throughout."""
    yield from _apart(call, call.inputs)


@rule(MICRO, "RELU6", "run", silent=True)
def one_scale_of_what_is_clamped(call: Call) -> Iterator[str]:
    """RELU6 must have one scale and zero point on both sides."""
    yield from _apart(call, call.inputs)


@rule(MICRO, "MAX_POOL_2D AVERAGE_POOL_2D", "micro/kernels/pooling_common.cc:73; run")
def one_scale_of_what_is_pooled(call: Call) -> Iterator[str]:
    """Pooling must have one scale and zero point on both sides."""
    yield from _apart(call, call.inputs)


@rule(("LiteRT",), "MAX_POOL_2D", "run", silent=True)
def one_scale_of_what_litert_pools(call: Call) -> Iterator[str]:
    """Pooling must have one scale and zero point on both sides."""
    yield from _apart(call, call.inputs)


@rule(EVERYWHERE, "REDUCE_MAX", "micro/kernels/reduce_common.cc; run")
def one_scale_of_the_largest(call: Call) -> Iterator[str]:
    """REDUCE_MAX must have one scale and zero point on both sides."""
    yield from _apart(call, call.inputs[:1])


@rule(MICRO, "CONCATENATION", "micro/kernels/concatenation.cc:31; run")
def number_of_inputs(call: Call) -> Iterator[str]:
    """CONCATENATION must have at most 10 inputs."""
    if len(call.operator.inputs) > MOST_JOINED:
        yield f"{len(call.operator.inputs)} inputs"


@rule(MICRO, " ".join(_DEEPEST), "micro/kernels/strided_slice_common.cc:66 and others; run")
def ranks(call: Call) -> Iterator[str]:
    """STRIDED_SLICE must have at most 4 axes; TRANSPOSE, SLICE, PAD and BROADCAST_TO at most 5."""
    for what, tensor in (("input 0", call.input(0)), ("output 0", call.output())):
        if tensor is not None and len(tensor.shape) > _DEEPEST[call.name]:
            yield told(what, tensor)
            return


@rule(("CMSIS-NN",), " ".join(_DEEPEST_CMSIS), "micro/kernels/cmsis_nn: transpose.cc:30, pad.cc:54")
def ranks_on_cmsis(call: Call) -> Iterator[str]:
    """TRANSPOSE, PAD, MAXIMUM and MINIMUM of int8 must have at most 4 axes."""
    y = call.output()
    if call.type(0) == "int8" and y is not None and len(y.shape) > _DEEPEST_CMSIS[call.name]:
        yield told("output 0", y)


@rule(MICRO, "BATCH_MATMUL", "micro/kernels/batch_matmul.cc:206")
def ranks_of_a_batch(call: Call) -> Iterator[str]:
    """BATCH_MATMUL must have 2 to 5 axes (CMSIS-NN: to 4)."""
    x = call.input(0)
    if x is not None and not 2 <= len(x.shape) <= 5:
        yield told("input 0", x)


_CONSTANTS: dict[str, tuple[int, ...]] = {
    "TRANSPOSE": (1,),
    "SPLIT": (0,),
    "SPLIT_V": (1, 2),
    "STRIDED_SLICE": (1, 2, 3),
    "PAD": (1,),
    "BROADCAST_TO": (1,),
}


@rule(MICRO, " ".join(_CONSTANTS), "micro/kernels; run")
def constants(call: Call) -> Iterator[str]:
    """Permutations, axes, paddings, shapes and the ends of a STRIDED_SLICE must be constants."""
    for k in _CONSTANTS[call.name]:
        tensor = call.input(k)
        if tensor is not None and tensor.size and not tensor.data_bytes:
            yield told(f"input {k}", tensor)


RULES = rules_in(dict(globals()))
