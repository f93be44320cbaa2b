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
# Those of them that are added to a product.
_BIASES = {
    "FULLY_CONNECTED": (2,),
    "CONV_2D": (2,),
    "DEPTHWISE_CONV_2D": (2,),
    "TRANSPOSE_CONV": (3,),
    "SVDF": (3,),
    "RNN": (3,),
    "UNIDIRECTIONAL_SEQUENCE_RNN": (3,),
    "LSTM": (12, 13, 14, 15, 17),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": (12, 13, 14, 15, 17),
}
_ELEMENTWISE = ("ADD", "SUB", "MUL")
_NUMBERS = ("float32", "float16", "int8", "int16", "uint8", "int4", "int2")


@dataclass(frozen=True)
class Count:
    """What the operators of a file show.

    Attributes:
        parameters: elements of the weights, each counted once; the scalars of elementwise operators are none, nor are
            the tables that stand for functions.
        macs: multiply-accumulates of the matrix products of one inference, or None if the number of turns of a loop
            is not written in the file.
        macs_per_step: of the body of the file's only loop; None if there is not exactly one.
    """

    parameters: int
    macs: int | None
    macs_per_step: int | None


@dataclass(frozen=True)
class Weight:
    """A constant operand of an operator, of those that training has found.

    Attributes:
        tensor: as it is stored, before a DEQUANTIZE.
        bias: whether it is a vector that is added.
    """

    tensor: FileTensor
    bias: bool


def count(file: TfliteFile) -> Count:
    """Count a file's weights and multiply-accumulates."""
    loops = [operator for graph in file.subgraphs for operator in graph.operators if operator.name == "WHILE"]
    per_step = _macs(file, loops[0].subgraphs[1]) if len(loops) == 1 else None
    return Count(sum(weight.tensor.size for weight in stored_weights(file).values()), _macs(file, 0), per_step)


def stored_weights(file: TfliteFile) -> dict[int, Weight]:
    """The weights of a file by buffer, since operators may share them; what the first one says of it holds."""
    stored: dict[int, Weight] = {}
    for graph in file.subgraphs:
        for weights in operator_weights(graph):
            for weight in weights:
                stored.setdefault(weight.tensor.buffer, weight)
    return stored


def operator_weights(graph: FileSubgraph) -> list[tuple[Weight, ...]]:
    """For each operator of a subgraph, its weights."""
    widened = {
        op.outputs[0]: op.inputs[0] for op in graph.operators if op.name == "DEQUANTIZE" and op.inputs and op.outputs
    }
    found = []
    for operator in graph.operators:
        places = [k for k in _WEIGHTS.get(operator.name, ()) if k < len(operator.inputs) and operator.inputs[k] >= 0]
        tensors = [graph.tensors[widened.get(operator.inputs[k], operator.inputs[k])] for k in places]
        weights = [_weight(operator.name, k, tensor) for k, tensor in zip(places, tensors, strict=True)]
        found.append(tuple(weight for weight in weights if weight is not None))
    return found


def _weight(operator: str, position: int, tensor: FileTensor) -> Weight | None:
    """An operand as a weight, or None if it is none: no constant, a scalar, indices, or a table for a function."""
    if not tensor.data_bytes or (operator == "GATHER" and len(tensor.shape) < 2):
        return None
    if operator in _ELEMENTWISE:
        if tensor.size == 1 or tensor.dtype not in _NUMBERS:  # the 1 of 1 - z, say
            return None
        return Weight(tensor, operator != "MUL" and tensor.size == tensor.shape[-1])
    bias = position in _BIASES.get(operator, ())
    wide = bias and tensor.dtype in ("int32", "int64")
    return Weight(tensor, bias) if wide or tensor.dtype in _NUMBERS else None


def executions(file: TfliteFile, root: int = 0) -> list[int | None]:
    """How often each subgraph runs while `root` runs once; None if the turns of a loop are not written in the file.

    Of an IF both branches count. What a CALL_ONCE runs is no part of an inference.
    """
    times: list[int | None] = [0] * len(file.subgraphs)
    times[root] = 1
    for index in callers_first(file, root):
        for operator in file.subgraphs[index].operators:
            each: tuple[int | None, ...] = (1,) * len(operator.subgraphs)
            if operator.name == "CALL_ONCE":
                each = (0,)
            elif operator.name.endswith("WHILE"):
                turns = _turns(file, file.subgraphs[index], operator)
                each = (None, None) if turns is None else (turns + 1, turns)
            for called, turns in zip(operator.subgraphs, each, strict=True):
                times[called] = _sum(times[called], _product_of(times[index], turns))
    return times


def callers_first(file: TfliteFile, root: int = 0) -> list[int]:
    """The subgraphs that `root` runs, directly or not, and itself, each behind all that run it."""
    done: dict[int, None] = {}

    def visit(index: int) -> None:
        for operator in file.subgraphs[index].operators:
            for called in operator.subgraphs:
                if called not in done:
                    visit(called)
        done[index] = None

    visit(root)
    return list(reversed(done))


def _macs(file: TfliteFile, root: int) -> int | None:
    """Multiply-accumulates of one run of the subgraph `root` and of those that it runs."""
    total: int | None = 0
    for graph, times in zip(file.subgraphs, executions(file, root), strict=True):
        total = _sum(total, _product_of(times, sum(operator_macs(graph, operator) for operator in graph.operators)))
    return total


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _product_of(a: int | None, b: int | None) -> int | None:
    return 0 if a == 0 or b == 0 else None if a is None or b is None else a * b


def operator_macs(graph: FileSubgraph, operator: FileOperator) -> int:
    """Multiply-accumulates of the matrix products of one execution of an operator, without the subgraphs it runs."""

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


def _turns(file: TfliteFile, graph: FileSubgraph, loop: FileOperator) -> int | None:
    """How often a loop turns: its counter goes by ones to the nearest constant that its condition compares it with.

    It begins at the constant that the loop is given, or at 0.
    """
    condition = file.subgraphs[loop.subgraphs[0]]
    bounds = []
    for operator in condition.operators:
        if operator.name != "LESS" or len(operator.inputs) != 2:
            continue
        limits = [_integer(file, condition, index) for index in operator.inputs]
        for counter, limit, sign in ((0, limits[1], 1), (1, limits[0], -1)):
            if limit is not None and limits[counter] is None:
                bounds.append(sign * (limit - _start(file, graph, loop, operator.inputs[counter])))
    return max(0, min(bounds)) if bounds else None


def _start(file: TfliteFile, graph: FileSubgraph, loop: FileOperator, counter: int) -> int:
    """The constant with which a loop variable begins, by its tensor in the condition; 0 if there is none."""
    inputs = file.subgraphs[loop.subgraphs[0]].inputs
    place = inputs.index(counter) if counter in inputs else len(loop.inputs)
    return (_integer(file, graph, loop.inputs[place]) or 0) if place < len(loop.inputs) else 0


def _integer(file: TfliteFile, graph: FileSubgraph, index: int) -> int | None:
    """The number that a tensor is, if it is one constant int32."""
    tensor = graph.tensors[index] if index >= 0 else None
    if tensor is None or tensor.dtype != "int32" or tensor.data_bytes != 4:
        return None
    return int(np.frombuffer(file.data(tensor), "<i4")[0])


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
