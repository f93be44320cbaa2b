"""Rules of control flow and state, and of what a runtime has at all."""

from __future__ import annotations

from collections.abc import Iterator

from edgernn.converters.tflite.file import FileSubgraph
from edgernn.converters.tflite.kernels.rule import EVERYWHERE, MICRO, Call, rule, rules_in, told
from edgernn.devices.host.resolver import BUILTIN_METHODS, CUSTOM_METHODS

_LITERT_CUSTOM = ("TFLite_Detection_PostProcess", "Mfcc", "AudioSpectrogram", "NumericVerify")


@rule((*MICRO, "Ethos-U"), "", "micro/micro_mutable_op_resolver.h")
def known_to_micro(call: Call) -> Iterator[str]:
    """An operator must be one that TFLite-Micro has."""
    known = CUSTOM_METHODS if call.operator.custom else BUILTIN_METHODS
    if call.name not in known:
        yield call.name


@rule(("LiteRT",), "", "core/kernels/register.cc")
def known_to_litert(call: Call) -> Iterator[str]:
    """A custom operator must be one that LiteRT brings."""
    if call.operator.custom and call.name not in _LITERT_CUSTOM:
        yield call.name


@rule(
    ("LiteRT",),
    "WHILE",
    "kernels/while.cc:370,396; run: (a, b, c) -> (c + 1, a, b) gives three equal numbers",
    silent=True,
)
def order_of_loop_variables(call: Call) -> Iterator[str]:
    """An output of a WHILE's body must not be an input that stands before it and changes: it is overwritten first."""
    body = call.file.subgraphs[call.operator.subgraphs[1]]
    for k, output in enumerate(body.outputs):
        if output in body.inputs:
            j = body.inputs.index(output)
            if j < k and j < len(body.outputs) and body.outputs[j] != output:
                yield f"output {k} of the body is its input {j}"


@rule(EVERYWHERE, "WHILE", "micro/kernels/while.cc:65; run")
def sizes_of_loop_variables(call: Call) -> Iterator[str]:
    """A loop variable must keep its type and size from turn to turn."""
    condition, body = (call.file.subgraphs[index] for index in call.operator.subgraphs)
    lists = (call.operator.inputs, call.operator.outputs, body.inputs, body.outputs, condition.inputs)
    if len({len(indices) for indices in lists}) > 1:
        yield f"{', '.join(str(len(indices)) for indices in lists)} loop variables"
        return
    for k in range(len(body.inputs)):
        before, after = body.tensors[body.inputs[k]], body.tensors[body.outputs[k]]
        if before.dtype != after.dtype or before.shape != after.shape:
            yield f"{told(f'variable {k}', before)}, then {after.dtype} {list(after.shape)}"


@rule(
    (*MICRO, "Ethos-U"),
    "CALL_ONCE",
    "micro/kernels/call_once.cc:67, micro_resource_variable.cc:141; run",
    silent=True,
    hint="give --state io, or leave it out: a stream's states are then inputs and outputs.",
)
def initial_states(call: Call) -> Iterator[str]:
    """A state must begin with zeros: Reset() fills variables with the zero point's byte, and CALL_ONCE runs once."""
    begin = call.file.subgraphs[call.operator.subgraphs[0]]
    names = _handles(begin)
    for operator in begin.operators:
        if operator.name != "ASSIGN_VARIABLE" or len(operator.inputs) < 2:
            continue
        tensor = begin.tensors[operator.inputs[1]]
        filled = tensor.zero_points[0] & 0xFF if tensor.zero_points else 0
        if tensor.data_bytes and set(call.file.data(tensor)) != {filled}:
            name = names.get(operator.inputs[0], "").split("/", 1)[-1]
            yield f"'{name}' begins with other numbers"


@rule(MICRO, "READ_VARIABLE", "micro/kernels/assign_variable.cc:82", silent=True)
def variables_without_size(call: Call) -> Iterator[str]:
    """A variable that is read must be assigned somewhere: its size is taken from there."""
    name = _handles(call.graph).get(call.operator.inputs[0] if call.operator.inputs else -1)
    if name is None:
        return
    for graph in call.file.subgraphs:
        handles = _handles(graph)
        for operator in graph.operators:
            if operator.name == "ASSIGN_VARIABLE" and operator.inputs and handles.get(operator.inputs[0]) == name:
                return
    yield f"'{name.split('/', 1)[-1]}' is never assigned"


def _handles(graph: FileSubgraph) -> dict[int, str]:
    """The resources that the handles of a subgraph stand for."""
    return {op.outputs[0]: op.variable for op in graph.operators if op.name == "VAR_HANDLE" and op.outputs}


RULES = rules_in(dict(globals()))
