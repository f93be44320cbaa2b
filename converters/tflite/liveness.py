"""The memory that the activations of a .tflite hold at one time, from the lives of its tensors.

A tensor lives from the operator that makes it to the last one that reads it; inputs of a subgraph from its start, its
outputs to its end. While an operator runs others (WHILE, IF, CALL_ONCE), theirs come on top, the larger of two.
This is what an arena holds of tensors at least, if every operator has an output apart from its inputs, as on
TFLite-Micro. Alignment, gaps, scratch memory of kernels and the interpreter's own structures come on top.
"""

from __future__ import annotations

from itertools import accumulate

from edgernn.converters.tflite.counting import callers_first
from edgernn.converters.tflite.file import FileSubgraph, TfliteFile


def peak_activation_bytes(file: TfliteFile) -> int:
    """The largest sum of all tensors but constants that live at one time, with all variables.

    Axes that the file leaves open count as it writes them, which is 1.
    """
    return live_bytes(file) + variable_bytes(file)


def live_bytes(file: TfliteFile) -> int:
    """Of the peak, the tensors that are made anew at every call."""
    return _peak(file, 0, {})


def variable_bytes(file: TfliteFile) -> int:
    """Of the peak, what is kept from one call to the next: variable tensors, and resources as large as their values.

    A resource that is known only by a handle passed into a subgraph is left out.
    """
    total, resources = 0, dict[str, int]()
    for graph in map(file.subgraphs.__getitem__, callers_first(file)):
        total += sum(tensor.nbytes for tensor in graph.tensors if tensor.variable)
        handles = {op.outputs[0]: op.variable for op in graph.operators if op.name == "VAR_HANDLE" and op.outputs}
        for operator in graph.operators:
            handle, *values = (*operator.inputs, *operator.outputs, -1)
            if operator.name in ("ASSIGN_VARIABLE", "READ_VARIABLE") and handle in handles and values[0] >= 0:
                name = handles[handle]
                resources[name] = max(resources.get(name, 0), graph.tensors[values[0]].nbytes)
    return total + sum(resources.values())


def _peak(file: TfliteFile, index: int, known: dict[int, int]) -> int:
    """Of subgraph `index` and of those it runs; `known` are done already."""
    if index not in known:
        graph = file.subgraphs[index]
        inside = [0, *(max((_peak(file, k, known) for k in op.subgraphs), default=0) for op in graph.operators)]
        changes = [0] * (len(inside) + 1)
        for tensor, (first, last) in _lives(graph).items():
            size = graph.tensors[tensor].nbytes
            changes[first] += size
            changes[last + 1] -= size
        known[index] = max(live + more for live, more in zip(accumulate(changes), inside, strict=False))
    return known[index]


def _lives(graph: FileSubgraph) -> dict[int, tuple[int, int]]:
    """First and last moment of every activation: 0 is before the first operator, k + 1 is while operator k runs."""
    lives = dict.fromkeys(graph.inputs, (0, 0))
    for moment, operator in enumerate(graph.operators, 1):
        for tensor in operator.outputs:
            if tensor >= 0:
                lives[tensor] = (lives.get(tensor, (moment, 0))[0], moment)
        for tensor in operator.inputs:
            if tensor in lives:
                lives[tensor] = (lives[tensor][0], moment)
    for tensor in graph.outputs:
        if tensor in lives:
            lives[tensor] = (lives[tensor][0], len(graph.operators))
    kept = {k for k, tensor in enumerate(graph.tensors) if tensor.variable or tensor.data_bytes}
    return {tensor: life for tensor, life in lives.items() if tensor not in kept}
