"""The lines of C++ by which a firmware gives TFLite-Micro the operators of an artifact, and no others.

An operator that has a method may still refuse a type or an option of the artifact; running it tells.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgernn.converters.tflite.file import FileOperator, TfliteFile

# The methods of TFLite-Micro's class MicroMutableOpResolver as of August 2026: all built-in operators that it knows.
# Most are called as the operator is, CONV_2D for one AddConv2D.
_REGULAR = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO
CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV
DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED
GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG
LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG
NOT_EQUAL PACK PAD PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX
SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF
TANH TRANSPOSE TRANSPOSE_CONV UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""
BUILTIN_METHODS = {name: f"Add{name.title().replace('_', '')}" for name in _REGULAR.split()} | {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}
# Custom operators that TFLite-Micro brings itself.
CUSTOM_METHODS = {
    "CIRCULAR_BUFFER": "AddCircularBuffer",
    "SignalDelay": "AddDelay",
    "SignalEnergy": "AddEnergy",
    "SignalFftAutoScale": "AddFftAutoScale",
    "SignalFilterBank": "AddFilterBank",
    "SignalFilterBankLog": "AddFilterBankLog",
    "SignalFilterBankSpectralSubtraction": "AddFilterBankSpectralSubtraction",
    "SignalFilterBankSquareRoot": "AddFilterBankSquareRoot",
    "SignalFramer": "AddFramer",
    "SignalIrfft": "AddIrfft",
    "SignalOverlapAdd": "AddOverlapAdd",
    "SignalPCAN": "AddPCAN",
    "SignalRfft": "AddRfft",
    "SignalStacker": "AddStacker",
    "SignalWindow": "AddWindow",
    "TFLM_DECODE": "AddDecode",
    "TFLite_Detection_PostProcess": "AddDetectionPostprocess",
    "ethos-u": "AddEthosU",
}


@dataclass(frozen=True)
class Resolver:
    """What a firmware must register.

    Attributes:
        lines: of C++: the declaration of the resolver, then one call per operator.
        unsupported: operators that have no method, sorted; custom ones, unless TFLite-Micro brings them, are the
            firmware author's to add.
    """

    lines: tuple[str, ...]
    unsupported: tuple[str, ...]


def resolver(file: TfliteFile) -> Resolver:
    """The resolver for all operators of a file, those inside loops included."""
    operators = [operator for graph in file.subgraphs for operator in graph.operators]
    methods = {operator.name: _method(operator) for operator in operators}
    known = sorted({method for method in methods.values() if method})
    declaration = f"tflite::MicroMutableOpResolver<{len(known)}> resolver;"
    lines = (declaration, *(f"resolver.{method}();" for method in known)) if known else ()
    return Resolver(lines, tuple(sorted(name for name, method in methods.items() if not method)))


def _method(operator: FileOperator) -> str:
    return (CUSTOM_METHODS if operator.custom else BUILTIN_METHODS).get(operator.name, "")
