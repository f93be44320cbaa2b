"""A scan as a WHILE: one that carries its sequences along, or one that reads them from variables.

A WHILE copies every loop variable several times per step and keeps as many copies in memory. That is nothing for a
state and too much for a whole input window, so on a micro the window is put into a resource variable before the loop
and read inside: one copy per step instead of three, and two windows of memory instead of four.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from edgernn.converters.tflite.subgraph import Subgraph, reshape
from edgernn.graph import Graph, Node, Scan, Value

Loop = Literal["while", "while-variable"]
LowerGraph = Callable[[Graph, Subgraph, Loop], None]


@dataclass
class _Loop:
    """The three subgraphs of a WHILE and the loop variables that are passed between them."""

    outer: Subgraph
    cond: Subgraph
    body: Subgraph
    starts: list[int]
    cond_inputs: list[int]
    body_inputs: list[int]
    body_outputs: list[int]
    results: list[int]

    def variable(self, start: int, shape: tuple[int, ...], like: Value, body_input: int | None = None) -> int:
        """Add a loop variable; returns its tensor inside the body. Its next value goes into `body_outputs`."""
        self.starts.append(start)
        self.cond_inputs.append(self.cond.scratch(shape, like))
        self.body_inputs.append(self.body.scratch(shape, like) if body_input is None else body_input)
        return self.body_inputs[-1]


def lower_scan(node: Node, scan: Scan, g: Subgraph, form: Loop, lower_graph: LowerGraph) -> None:
    """Append a scan as a WHILE; `lower_graph` appends the body's nodes."""
    cond, body = g.program.subgraph(), g.program.subgraph()
    counter = Value("counter", (), "int32")
    loop = _Loop(g, cond, body, [], [], [], [], [])

    # Backwards by adding -1: HiFi does not subtract int32.
    step = loop.variable(g.integers(scan.steps - 1 if scan.reverse else 0), (), counter)
    following = body.scratch((), counter)
    body.emit("ADD", [step, body.integers(-1 if scan.reverse else 1)], [following], "int32", options="AddOptions")
    loop.body_outputs.append(following)
    loop.results.append(g.scratch((), counter))

    carries = scan.body.inputs[: scan.carries]
    for outside, inside in zip(node.inputs, carries, strict=False):
        loop.variable(g.batched(outside), (1, *inside.shape), inside, body.tensor(inside))
    for outside, inside in zip(node.inputs[scan.carries :], scan.body.inputs[scan.carries :], strict=True):
        shape = (1, *outside.shape)
        if form == "while-variable":
            source = _through_variable(g, body, outside)
        else:
            source = loop.variable(g.batched(outside), shape, outside)
        _take(body, source, step, outside, body.tensor(inside))
    position = len(loop.body_inputs)
    for outside in node.outputs[scan.carries :]:
        loop.variable(_blank(g, outside), (1, *outside.shape), outside)

    lower_graph(scan.body, body, form)

    for value in scan.body.outputs[: scan.carries]:
        loop.body_outputs.append(body.batched(value))
    loop.results += [g.tensor(value) for value in node.outputs[: scan.carries]]
    for k in range(1 + scan.carries, position):  # sequences that are loop variables leave as they came
        loop.body_outputs.append(loop.body_inputs[k])
        loop.results.append(g.scratch((1, *node.inputs[k - 1].shape), node.inputs[k - 1]))
    for k, (outside, inside) in enumerate(
        zip(node.outputs[scan.carries :], scan.body.outputs[scan.carries :], strict=True)
    ):
        loop.body_outputs.append(_put(body, loop.body_inputs[position + k], step, outside, body.batched(inside)))
        loop.results.append(g.tensor(outside))

    goes_on = cond.scratch((), dtype="bool")
    at, limit = loop.cond_inputs[0], cond.integers(-1 if scan.reverse else scan.steps)
    cond.emit("LESS", [limit, at] if scan.reverse else [at, limit], [goes_on], "int32", options="LessOptions")
    cond.target.inputs, cond.target.outputs = tuple(loop.cond_inputs), (goes_on,)
    body.target.inputs, body.target.outputs = tuple(loop.body_inputs), tuple(_unshared(body, loop))
    attributes: dict[str, Any] = {"condSubgraphIndex": cond.index, "bodySubgraphIndex": body.index}
    g.emit("WHILE", loop.starts, loop.results, "", options="WhileOptions", **attributes)


def _unshared(body: Subgraph, loop: _Loop) -> list[int]:
    """The body's outputs, a copy of those that are another loop variable as it came or that are two outputs at once.

    LiteRT copies one output after the other onto the body's inputs, so an input that is handed on as a later variable
    is overwritten before its turn: a delay line would hold one number everywhere.
    """
    found: list[int] = []
    for k, index in enumerate(loop.body_outputs):
        moved = index in loop.body_inputs and index != loop.body_inputs[k]
        if moved or index in found:
            tensor = body.target.tensors[index]
            index = body.add(replace(tensor, data=None))
            reshape(body, loop.body_outputs[k], index, tensor.shape)
        found.append(index)
    return found


def _through_variable(g: Subgraph, body: Subgraph, sequence: Value) -> int:
    """Store the sequence before the loop and read it inside."""
    name = g.program.variable()

    def handle(where: Subgraph) -> int:
        result = where.scratch((1,), dtype="resource")
        where.emit("VAR_HANDLE", [], [result], "", options="VarHandleOptions", container="", sharedName=name)
        return result

    g.emit("ASSIGN_VARIABLE", [handle(g), g.batched(sequence)], [], "", options="AssignVariableOptions")
    result = body.scratch((1, *sequence.shape), sequence)
    body.emit("READ_VARIABLE", [handle(body)], [result], "", options="ReadVariableOptions")
    return result


def _blank(g: Subgraph, sequence: Value) -> int:
    """A buffer for stacked outputs. Every step is written, so its content does not matter and costs no bytes."""
    shape = (1, *sequence.shape)
    zero = g.constant(np.zeros((1,) * len(shape), sequence.dtype), sequence.quantization)
    result = g.scratch(shape, sequence)
    g.emit("BROADCAST_TO", [zero, g.integers(shape)], [result], sequence.dtype, options="BroadcastToOptions")
    return result


def _take(body: Subgraph, source: int, step: int, sequence: Value, target: int) -> None:
    """One step of a sequence: GATHER where TFLite-Micro has it for the type, else SLICE at a computed place."""
    shape = sequence.shape[1:]
    if sequence.dtype in ("float32", "int8"):
        body.emit("GATHER", [source, step], [target], sequence.dtype, options="GatherOptions", axis=1)
        return
    begin = _place(body, step, len(shape))
    size = body.integers([1, 1, *shape])
    thick = body.scratch((1, 1, *shape), sequence)
    body.emit("SLICE", [source, begin, size], [thick], sequence.dtype, options="SliceOptions")
    reshape(body, thick, target, (1, *shape))


def _put(body: Subgraph, buffer: int, step: int, sequence: Value, value: int) -> int:
    """The buffer with one step replaced."""
    shape = sequence.shape[1:]
    thick = body.scratch((1, 1, *shape), sequence)
    reshape(body, value, thick, (1, 1, *shape))
    result = body.scratch((1, *sequence.shape), sequence)
    inputs = [buffer, thick, _place(body, step, len(shape))]
    body.emit("DYNAMIC_UPDATE_SLICE", inputs, [result], sequence.dtype, options="DynamicUpdateSliceOptions")
    return result


def _place(body: Subgraph, step: int, rank: int) -> int:
    """The index vector [0, step, 0, ...]."""
    key = ("place", step, rank)
    if key not in body.known:
        result = body.scratch((2 + rank,), dtype="int32")
        zero = body.integers(0)
        inputs = [zero, step, *[zero] * rank]
        body.emit("PACK", inputs, [result], "int32", options="PackOptions", valuesCount=2 + rank, axis=0)
        body.known[key] = result
    return body.known[key]
