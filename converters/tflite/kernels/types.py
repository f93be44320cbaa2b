"""The types that kernels take, operator by operator.

Of tensorflow/tflite-micro 90b983c (August 2026), checked with its wheel of October 2026, and google-ai-edge/LiteRT
f674577, checked with ai-edge-litert 2.3.0: every cell was run in both.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgernn.converters.tflite.kernels.rule import EVERYWHERE, MICRO, Call, rule, rules_in, told

COLUMNS = ("float32", "int8", "int16", "int32", "bool", "int64")
# m: TFLite-Micro and LiteRT take it; l: LiteRT alone; u: TFLite-Micro alone; w: LiteRT takes it, TFLite-Micro computes
# nonsense; -: neither takes it.
_TABLE = """
ADD SUB MUL                            m m m m - l
DIV                                    m m l m - -
MAXIMUM MINIMUM                        m m m m - m
EQUAL NOT_EQUAL                        m m l m m m
LESS                                   m m l m - m
GREATER                                m m w m - m
LOGICAL_OR                             u u u u m u
LOGISTIC TANH SOFTMAX                  m m m - - -
RELU RELU6 LEAKY_RELU                  m m m - - -
ABS                                    m m m l - -
NEG                                    m l l l - l
EXP LOG                                m l l - - -
RSQRT                                  m m m - - -
ELU HARD_SWISH                         m m - - - -
GELU                                   l l l - - -
MEAN SUM                               m m m l - l
REDUCE_MAX                             m m l l - l
MAX_POOL_2D AVERAGE_POOL_2D            m m m - - -
BATCH_MATMUL                           m m m l - -
RESHAPE CONCATENATION REVERSE_V2       m m m m m m
BROADCAST_TO READ_VARIABLE             m m m m m m
ASSIGN_VARIABLE WHILE                  m m m m m m
TRANSPOSE                              m m m l l l
SPLIT SPLIT_V                          m m m m - l
STRIDED_SLICE SLICE                    m m m m m l
PAD                                    m m m m l l
SELECT_V2                              m m m l l l
PACK                                   m m m m - m
UNPACK                                 m m m m l -
DYNAMIC_UPDATE_SLICE                   m m m m l l
GATHER                                 m m l l l l
EMBEDDING_LOOKUP                       m m - - - -
"""
# Which input has the data, where it is not the first.
_DATA = {"SPLIT": 1, "SELECT_V2": 1, "EMBEDDING_LOOKUP": 1, "ASSIGN_VARIABLE": 1}
_QUANTIZE = {
    "float32": ("int8", "int16"),
    "int8": ("int8", "int16", "int32"),
    "int16": ("int8", "int16", "int32"),
    "int32": ("int8", "int16"),
}
# Their operands and their result have one type.
_ONE_TYPE = "ADD SUB MUL DIV MAXIMUM MINIMUM CONCATENATION PACK PAD SPLIT SPLIT_V RESHAPE TRANSPOSE STRIDED_SLICE SLICE"
_OPERANDS = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"), slice(0, 2)),
    **dict.fromkeys(("CONCATENATION", "PACK"), slice(None)),
    **{"SPLIT": slice(1, 2)},
}


def _parsed() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for line in _TABLE.strip().splitlines():
        *operators, a, b, c, d, e, f = line.split()
        for operator in operators:
            table[operator] = dict(zip(COLUMNS, (a, b, c, d, e, f), strict=True))
    return table


TYPES = _parsed()


def _marked(call: Call, marks: str) -> Iterator[str]:
    k = _DATA.get(call.name, 0)
    inputs = range(len(call.operator.inputs)) if call.name == "WHILE" else (k,)
    if call.name == "READ_VARIABLE":
        if TYPES[call.name].get(call.outputs[0].dtype if call.outputs and call.outputs[0] else "") in tuple(marks):
            yield told("output 0", call.output())
        return
    for k in inputs:
        if TYPES[call.name].get(call.type(k)) in tuple(marks):
            yield told(f"input {k}", call.input(k))


@rule(MICRO, " ".join(TYPES), "run: one probe per operator and type")
def micro_types(call: Call) -> Iterator[str]:
    """TFLite-Micro's kernel must take the type of the data."""
    yield from _marked(call, "l-")


@rule(MICRO, "GREATER", "micro/kernels/comparisons.cc:562; run", silent=True)
def greater_of_16_bits(call: Call) -> Iterator[str]:
    """GREATER must not compare int16: its parameters are only set for int8."""
    yield from _marked(call, "w")


@rule(("LiteRT",), " ".join(TYPES), "run: one probe per operator and type")
def litert_types(call: Call) -> Iterator[str]:
    """LiteRT's kernel must take the type of the data."""
    yield from _marked(call, "u-")


@rule(("HiFi",), "SUB", "micro/kernels/xtensa/sub.cc:231")
def subtraction_of_32_bits(call: Call) -> Iterator[str]:
    """SUB must be of float32, int8 or int16: HiFi has no int32."""
    if call.type(0) == "int32":
        yield told("input 0", call.input(0))


@rule(EVERYWHERE, _ONE_TYPE, "run")
def one_type(call: Call) -> Iterator[str]:
    """Operands and result must have one type."""
    operands = call.inputs[_OPERANDS.get(call.name, slice(0, 1))]
    types = {tensor.dtype for tensor in (*operands, *call.outputs) if tensor is not None}
    if len(types) > 1:
        yield f"{', '.join(sorted(types))}"


@rule(MICRO, "QUANTIZE", "micro/kernels/quantize_common.cc")
def quantized_types(call: Call) -> Iterator[str]:
    """QUANTIZE must lead from float32 to int8 or int16, or between int8, int16 and int32."""
    y = call.output()
    if y is None or y.dtype not in _QUANTIZE.get(call.type(0), ()):
        yield f"{call.type(0)} to {y.dtype if y else 'nothing'}"


@rule(("LiteRT",), "QUANTIZE", "run")
def no_8_to_32_bits(call: Call) -> Iterator[str]:
    """QUANTIZE must not lead from int8 to int32."""
    y = call.output()
    if call.type(0) == "int8" and y is not None and y.dtype == "int32":
        yield "int8 to int32"


@rule(MICRO, "DEQUANTIZE", "run")
def dequantized_types(call: Call) -> Iterator[str]:
    """DEQUANTIZE must be of int8, int16, uint8 or int32."""
    if call.type(0) not in ("int8", "int16", "uint8", "int32"):
        yield told("input 0", call.input(0))


@rule(MICRO, "GATHER", "micro/kernels/gather.cc:118")
def places_of_32_bits(call: Call) -> Iterator[str]:
    """GATHER must be given int32 positions."""
    if call.type(1) != "int32":
        yield told("input 1", call.input(1))


@rule(MICRO, "EMBEDDING_LOOKUP", "micro/kernels/embedding_lookup.cc:77")
def ids_of_32_bits(call: Call) -> Iterator[str]:
    """EMBEDDING_LOOKUP must be given int32 ids of rank 1."""
    ids = call.input(0)
    if ids is None or ids.dtype != "int32" or len(ids.shape) != 1:
        yield told("input 0", ids)


RULES = rules_in(dict(globals()))
