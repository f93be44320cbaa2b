"""Data movement within what kernels take: so many inputs of one CONCATENATION, so many axes of a tensor.

TFLite-Micro joins at most ten tensors and slices at most four axes, CMSIS-NN pads and transposes at most four. The
graph slices and pads the first axis only, so the others can be one, and a transposition moves runs of axes as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgernn.converters.tflite.kernels.movement import MOST_JOINED
from edgernn.converters.tflite.subgraph import Subgraph, reshape
from edgernn.graph import Node, Value
from edgernn.graph import operators as ops

_MOST_AXES = 4


def lower_concat(node: Node, axis: int, g: Subgraph) -> None:
    """CONCATENATION, of more than ten inputs as a tree.

    Args:
        node: to append.
        axis: counted with the batch axis.
        g: where to.
    """
    parts = [(g.batched(value), [1, *value.shape]) for value in node.inputs]
    while len(parts) > MOST_JOINED:
        groups = [parts[k : k + MOST_JOINED] for k in range(0, len(parts), MOST_JOINED)]
        parts = [_joined(g, group, node.output, axis) for group in groups]
    _emit_concat(g, [index for index, _ in parts], g.tensor(node.output), node.output, axis)


def _joined(g: Subgraph, parts: Sequence[tuple[int, list[int]]], like: Value, axis: int) -> tuple[int, list[int]]:
    if len(parts) == 1:
        return parts[0]
    shape = list(parts[0][1])
    shape[axis] = sum(each[axis] for _, each in parts)
    result = g.scratch(shape, like)
    _emit_concat(g, [index for index, _ in parts], result, like, axis)
    return result, shape


def _emit_concat(g: Subgraph, inputs: list[int], output: int, like: Value, axis: int) -> None:
    g.emit("CONCATENATION", inputs, [output], like.dtype, options="ConcatenationOptions", axis=axis)


def lower_slice(node: Node, operator: ops.Slice, g: Subgraph) -> None:
    """STRIDED_SLICE along the first axis after the batch's."""
    x = node.inputs[0]
    source, target, rest = _flat(node, g)
    inputs = [
        source,
        g.integers([0, operator.begin, *[0] * len(rest)]),
        g.integers([1, operator.end, *rest]),
        g.integers([1, operator.stride, *[1] * len(rest)]),
    ]
    g.emit("STRIDED_SLICE", inputs, [target], x.dtype, options="StridedSliceOptions")
    _shaped_back(node, target, g)


def lower_pad(node: Node, operator: ops.Pad, g: Subgraph) -> None:
    """PAD along the first axis after the batch's."""
    x = node.inputs[0]
    source, target, rest = _flat(node, g)
    padding = g.integers([[0, 0], [operator.before, operator.after], *[[0, 0]] * len(rest)])
    g.emit("PAD", [source, padding], [target], x.dtype, options="PadOptions")
    _shaped_back(node, target, g)


def _flat(node: Node, g: Subgraph) -> tuple[int, int, tuple[int, ...]]:
    """Source, target, and the axes that are left alone; as one axis if there are more than kernels take."""
    x, y = node.inputs[0], node.output
    rest = x.shape[1:]
    if 2 + len(rest) <= _MOST_AXES:
        return g.batched(x), g.tensor(y), rest
    flat = (math.prod(rest),)
    source = g.scratch((1, x.shape[0], *flat), x)
    reshape(g, g.batched(x), source, (1, x.shape[0], *flat))
    return source, g.scratch((1, y.shape[0], *flat), y), flat


def _shaped_back(node: Node, target: int, g: Subgraph) -> None:
    if target != g.tensor(node.output):
        reshape(g, target, g.tensor(node.output), (1, *node.output.shape))


def lower_transpose(node: Node, permutation: tuple[int, ...], g: Subgraph) -> None:
    """TRANSPOSE; of more than four axes, of the runs of axes that stay together, without the batch's."""
    x, y = node.inputs[0], node.output
    source, target, order = g.batched(x), g.tensor(y), [0, *(k + 1 for k in permutation)]
    if len(order) > _MOST_AXES:
        shape, order = _runs(x.shape, permutation)
        source = g.scratch(shape, x)
        reshape(g, g.batched(x), source, tuple(shape))
        target = g.scratch([shape[k] for k in order], y)
    g.emit("TRANSPOSE", [source, g.integers(order)], [target], x.dtype, options="TransposeOptions")
    _shaped_back(node, target, g)


def _runs(shape: tuple[int, ...], permutation: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The sizes of the runs of axes that a permutation keeps in order, and the permutation of these."""
    runs: list[list[int]] = []
    for axis in permutation:
        if runs and axis == runs[-1][-1] + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    before = sorted(runs)
    sizes = [math.prod(shape[axis] for axis in run) for run in before]
    return sizes, [before.index(run) for run in runs]
