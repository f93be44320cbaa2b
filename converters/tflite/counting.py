"""Parameters and multiply-accumulates of a .tflite that does not say them itself: counted from its operators."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgernn.converters.tflite.file import FileOperator, FileSubgraph, FileTensor, TfliteFile

# Operators whose constant operands are weights, and which of them; what feeds them through DEQUANTIZE counts too.
_WEIGHTS = {
    "FULLY_CONNECTED": (1, 2),
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
    "BATCH_MATMUL": (0, 1),
    "SVDF": (1, 2, 3),
    "RNN": (1, 2, 3),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (1, 2, 3),
    "LSTM": tuple(range(1, 18)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tuple(range(1, 18)),
    "EMBEDDING_LOOKUP": (1,),
    "GATHER": (0,),
    "ADD": (0, 1),
    "SUB": (0, 1),
    "MUL": (0, 1),
    "PRELU": (1,),
}
_ELEMENTWISE = ("ADD", "SUB", "MUL")
_NUMBERS = ("float32", "float16", "int8", "int16", "uint8", "int4")


@dataclass(frozen=True)
class Count:
    """What the operators of a file show.

    Attributes:
        parameters: elements of the weights, each counted once; the scalars of elementwise operators are none.
        macs: multiply-accumulates of the matrix products of one inference, or None if the number of turns of a loop
            is not written in the file.
        macs_per_step: of the body of the file's only loop; None if there is not exactly one.
    """

    parameters: int
    macs: int | None
    macs_per_step: int | None


def count(file: TfliteFile) -> Count:
    """Count a file's weights and multiply-accumulates."""
    loops = [operator for graph in file.subgraphs for operator in graph.operators if operator.name == "WHILE"]
    known: dict[int, int | None] = {}
    per_step = _macs(file, loops[0].subgraphs[1], known) if len(loops) == 1 else None
    return Count(_parameters(file), _macs(file, 0, known), per_step)


def _parameters(file: TfliteFile) -> int:
    weights: dict[int, int] = {}
    for graph in file.subgraphs:
        widened = {op.outputs[0]: op.inputs[0] for op in graph.operators if op.name == "DEQUANTIZE" and op.outputs}
        for operator in graph.operators:
            for position in _WEIGHTS.get(operator.name, ()):
                index = operator.inputs[position] if position < len(operator.inputs) else -1
                if index < 0:
                    continue
                tensor = graph.tensors[widened.get(index, index)]
                bias = position >= 2 and tensor.dtype in ("int32", "int64")
                if operator.name in _ELEMENTWISE and tensor.size == 1:  # the 1 of 1 - z, say
                    continue
                if tensor.data_bytes and (bias or tensor.dtype in _NUMBERS):
                    weights[tensor.buffer] = tensor.size
    return sum(weights.values())


def _macs(file: TfliteFile, index: int, known: dict[int, int | None]) -> int | None:
    """Multiply-accumulates of one run of subgraph `index` and of those that it runs; `known` are counted already."""
    if index not in known:
        total: int | None = 0
        for operator in file.subgraphs[index].operators:
            inside: int | None = _product(file.subgraphs[index], operator)
            for called in operator.subgraphs:  # of an IF, both branches
                inside = _sum(inside, _macs(file, called, known))
            if operator.name == "WHILE" and inside != 0:
                turns = _turns(file, file.subgraphs[operator.subgraphs[0]])
                inside = None if turns is None or inside is None else turns * inside
            total = _sum(total, inside)
        known[index] = total
    return known[index]


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _product(graph: FileSubgraph, operator: FileOperator) -> int:
    def shape(indices: tuple[int, ...], position: int) -> tuple[int, ...]:
        found = indices[position] if position < len(indices) else -1
        return graph.tensors[found].shape if found >= 0 else ()

    x, kernel, y = shape(operator.inputs, 0), shape(operator.inputs, 1), shape(operator.outputs, 0)
    match operator.name:
        case "FULLY_CONNECTED":
            return math.prod(y) * (kernel[-1] if kernel else 0)
        case "CONV_2D":
            return math.prod(y) * math.prod(kernel[1:])
        case "DEPTHWISE_CONV_2D":
            return math.prod(y) * math.prod(kernel[1:3])
        case "TRANSPOSE_CONV":
            return math.prod(shape(operator.inputs, 2)) * math.prod(kernel[:-1])
        case "BATCH_MATMUL":
            return math.prod(y) * (x[-1] if x else 0)
        case "LSTM" | "UNIDIRECTIONAL_SEQUENCE_LSTM" | "RNN" | "UNIDIRECTIONAL_SEQUENCE_RNN":
            size = len(operator.inputs)
            kernels = range(1, 9) if operator.name.endswith("LSTM") else range(1, 3)
            return math.prod(x[:-1]) * sum(math.prod(shape(operator.inputs, k)) for k in kernels if k < size)
        case _:
            return 0


def _turns(file: TfliteFile, condition: FileSubgraph) -> int | None:
    """How often a loop turns: it counts from 0 to the smallest constant that its condition compares with."""
    bounds = []
    for operator in condition.operators:
        if operator.name == "LESS" and len(operator.inputs) == 2 and operator.inputs[1] >= 0:
            limit = condition.tensors[operator.inputs[1]]
            if limit.dtype == "int32" and limit.data_bytes == 4:
                bounds.append(int(np.frombuffer(file.data(limit), "<i4")[0]))
    return max(0, min(bounds)) if bounds else None


def guessed_scheme(file: TfliteFile) -> str:
    """The scheme that the types in a file speak of, for a file that does not say it."""
    tensors = [tensor for graph in file.subgraphs for tensor in graph.tensors]
    activations = {tensor.dtype for tensor in tensors if not tensor.data_bytes}
    constants = {tensor.dtype for tensor in tensors if tensor.data_bytes and tensor.size > 1}
    if _quantized(tensors, "int8"):
        return "int8"
    if _quantized(tensors, "int16") and "int8" in constants:
        return "int16x8"
    if "int8" in constants and "float32" in activations:
        return "dynamic"
    return "float16" if "float16" in constants else "float32"


def _quantized(tensors: list[FileTensor], dtype: str) -> bool:
    return any(tensor.dtype == dtype and not tensor.data_bytes and tensor.scales for tensor in tensors)
