"""Data movement of types that a runtime has no kernel for, by way of operators or types that it has.

Masks are bools and ids are int32. Neither runtime splits or stacks bools, and TFLite-Micro neither unstacks, pads nor
transposes them, nor does it transpose int32; both slice and cast every type, and both stack and unstack int32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgernn.converters.tflite.flatbuffer import schema
from edgernn.converters.tflite.subgraph import Subgraph, reshape
from edgernn.graph import DType, Node, Value
from edgernn.graph import operators as ops

_INSTEAD: dict[tuple[type[ops.Operator], DType], DType] = {
    (ops.Stack, "bool"): "int8",
    (ops.Pad, "bool"): "int8",
    (ops.Transpose, "bool"): "int8",
}


def cut_bools(
    g: Subgraph, x: Value, outputs: Sequence[int], sizes: Sequence[int], axis: int, *, drop: bool = False
) -> None:
    """Consecutive pieces of a bool along an axis, each by a STRIDED_SLICE.

    Args:
        g: where to.
        x: what is cut.
        outputs: a tensor per piece.
        sizes: of the pieces.
        axis: counted with the batch axis.
        drop: whether pieces, of size 1, lose the axis.
    """
    begin, end = [0] * (len(x.shape) + 1), [1, *x.shape]
    for output, size in zip(outputs, sizes, strict=True):
        end[axis] = begin[axis] + size
        inputs = [g.batched(x), g.integers(begin), g.integers(end), g.integers([1] * len(begin))]
        dropped = 1 << axis if drop else 0
        g.emit("STRIDED_SLICE", inputs, [output], "bool", options="StridedSliceOptions", shrinkAxisMask=dropped)
        begin[axis] = end[axis]


def transpose_by_packing(g: Subgraph, x: Value, output: int, permutation: Sequence[int]) -> None:
    """Axes put into their places one after the other: UNPACK along one, PACK at another.

    Args:
        g: where to.
        x: what is transposed.
        output: the result's tensor.
        permutation: the batch axis not counted.
    """
    order, source = list(range(len(x.shape))), g.batched(x)
    for place, axis in enumerate(permutation):
        before = order.index(axis)
        if before == place:
            continue
        count, rest = x.shape[axis], [x.shape[k] for k in order if k != axis]
        pieces = [g.scratch((1, *rest), x) for _ in range(count)]
        g.emit("UNPACK", [source], pieces, x.dtype, options="UnpackOptions", num=count, axis=before + 1)
        order.insert(place, order.pop(before))
        source = output if order == list(permutation) else g.scratch((1, *(x.shape[k] for k in order)), x)
        g.emit("PACK", pieces, [source], x.dtype, options="PackOptions", valuesCount=count, axis=place + 1)
    if source != output:
        reshape(g, source, output, (1, *x.shape))


def take_detour(node: Node, g: Subgraph) -> Node | None:
    """The node on other types, its inputs cast already, where the runtimes have no kernel for its own; else None."""
    dtype = _INSTEAD.get((type(node.operator), node.inputs[0].dtype))
    if dtype is None:
        return None
    inputs = []
    for value in node.inputs:
        data = None if value.data is None else value.data.astype(dtype)
        inputs.append(replace(value, dtype=dtype, data=data))
        if data is None:
            cast(g, value, inputs[-1])
    return replace(node, inputs=tuple(inputs), outputs=(replace(node.output, dtype=dtype),))


def cast(g: Subgraph, source: Value, target: Value) -> None:
    """CAST, which both runtimes have for all types of a graph."""
    types = schema().TensorType
    attributes = {
        "inDataType": getattr(types, source.dtype.upper()),
        "outDataType": getattr(types, target.dtype.upper()),
    }
    g.emit("CAST", [g.tensor(source)], [g.tensor(target)], "", options="CastOptions", **attributes)
