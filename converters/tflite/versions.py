"""The lowest version of each TFLite operator that suffices, so that old runtimes can read the file.

By the type of the data input; from LiteRT's `op_version.cc`. What is not listed is version 1.
"""

from __future__ import annotations

_BY_TYPE: dict[str, dict[str, int]] = {
    "ABS": {"int8": 2, "int16": 3, "int32": 5},
    "ADD": {"int8": 2, "int16": 3},
    "AVERAGE_POOL_2D": {"int8": 2, "int16": 3},
    "BROADCAST_TO": {"float32": 2, "int8": 3, "int16": 3, "bool": 2, "int32": 2},
    "CONCATENATION": {"int8": 2, "int16": 3},
    "CONV_2D": {"int8": 3, "int16": 4},
    "DEPTHWISE_CONV_2D": {"int8": 3, "int16": 5},
    "DEQUANTIZE": {"int8": 2, "int16": 3, "float16": 3},
    "FULLY_CONNECTED": {"int8": 4, "int16": 7},
    "GATHER": {"int8": 2, "bool": 3, "int16": 4},
    "LEAKY_RELU": {"int16": 2},
    "LOGISTIC": {"int8": 2, "int16": 3},
    "MAX_POOL_2D": {"int8": 2, "int16": 3},
    "MAXIMUM": {"int8": 2, "int16": 4},
    "MEAN": {"int8": 2, "int16": 3},
    "MINIMUM": {"int8": 2, "int16": 4},
    "MUL": {"int8": 2, "int16": 4},
    "NOT_EQUAL": {"int8": 2},
    "PACK": {"int8": 2, "int16": 3},
    "PAD": {"int8": 2, "int16": 3},
    "REDUCE_MAX": {"int8": 2, "int16": 3},
    "RELU": {"int8": 2, "int16": 3},
    "RELU6": {"int8": 2, "int16": 3},
    "REVERSE_V2": {"bool": 2, "int8": 3},
    "RSQRT": {"int8": 2, "int16": 3},
    "SLICE": {"int8": 2, "int16": 4},
    "SOFTMAX": {"int8": 2, "int16": 3},
    "SPLIT": {"int8": 2, "int32": 3, "int16": 4},
    "SPLIT_V": {"int8": 2},
    "STRIDED_SLICE": {"int8": 2, "bool": 3},
    "SUB": {"int8": 2, "int16": 5},
    "SUM": {"int8": 2, "int16": 2},
    "TANH": {"int8": 2, "int16": 3},
    "TRANSPOSE": {"int8": 2, "bool": 3, "int16": 5},
    "UNPACK": {"int8": 2, "bool": 3, "int16": 4},
}
# Activations float32, weights int8, one scale: the hybrid kernels.
_HYBRID = {"FULLY_CONNECTED": 3, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 6}


def version(code: str, dtype: str, *, hybrid: bool = False) -> int:
    """The version of operator `code` whose data input has type `dtype`."""
    if hybrid:
        return _HYBRID[code]
    return _BY_TYPE.get(code, {}).get(dtype, 1)
