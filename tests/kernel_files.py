"""Files of one operator, written by hand, and the runtimes' answers to them, read without edgernn's sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSubgraph, TfTensor, encode, schema

Array = np.ndarray[Any, Any]


def tensor(shape: Sequence[int], dtype: str, scale: float = 0.0, zero_point: int = 0) -> TfTensor:
    """An activation."""
    return TfTensor(tuple(shape), dtype, None, (scale,) if scale else (), zero_point)


def constant(data: Any, dtype: str, *scales: float, axis: int = 0) -> TfTensor:
    """A constant, with one scale, one per channel, or none."""
    array = np.asarray(data, dtype)
    return TfTensor(array.shape, dtype, array, scales, 0, axis)


def options(name: str, **attributes: Any) -> Any:
    """An options table of the schema."""
    return getattr(schema(), f"{name}OptionsT")(**attributes)


def one_operator(
    code: str,
    inputs: Sequence[TfTensor | None],
    outputs: Sequence[TfTensor],
    table: Any = None,
    version: int = 1,
    others: Sequence[TfSubgraph] = (),
) -> bytes:
    """A file that runs one operator; what is no constant among its inputs is an input of the file."""
    there = [each for each in inputs if each is not None]
    indices, at = [], 0
    for each in inputs:
        indices.append(-1 if each is None else at)
        at += each is not None
    given = tuple(k for k, each in enumerate(there) if each.data is None and not each.variable)
    results = tuple(range(len(there), len(there) + len(outputs)))
    operator = TfOperator(code, tuple(indices), results, table, version)
    return encode(TfModel((TfSubgraph("", [*there, *outputs], [operator], given, results), *others)))


def answers(content: bytes, runtime: str, *inputs: Array) -> list[Array]:
    """The integers or numbers that a runtime computes; an exception if it refuses the file."""
    if runtime == "micro":
        from tflite_micro import runtime as micro

        machine = micro.Interpreter.from_bytes(content)
        for k, x in enumerate(inputs):
            machine.set_input(x, k)
        machine.invoke()
        count = len(schema().Model.GetRootAsModel(content, 0).Subgraphs(0).OutputsAsNumpy())
        return [np.asarray(machine.get_output(k)) for k in range(count)]
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
