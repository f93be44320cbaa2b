"""The operators at which a graph is cut: products, reductions, and what needs its operand as a whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgernn.converters.c.bounds import LONGEST_MEAN, LONGEST_SOFTMAX, prove, prove_count
from edgernn.converters.c.packing import pack_f32, pack_s8
from edgernn.converters.c.program import C_TYPES, Slot, whole
from edgernn.converters.c.reference import product_multiplier, reduce_multiplier
from edgernn.converters.c.tables import exponential_table
from edgernn.graph import Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.reference import same_padding

if TYPE_CHECKING:
    from edgernn.converters.c.body import Body


def write_cut(body: Body, node: Node) -> None:
    """Write one such operator."""
    match node.operator:
        case ops.Affine():
            _affine(body, node)
        case ops.Conv(stride=stride, dilation=dilation):
            _convolution(body, node, stride, dilation)
        case ops.DepthwiseConv(stride=stride, dilation=dilation):
            _depthwise(body, node, stride, dilation)
        case ops.Concat(axis=axis):
            _concat(body, node, axis)
        case ops.Reshape():
            body.slots[node.output] = body.stored(node.inputs[0])
        case ops.Pad(before=before, after=after):
            _pad(body, node, before, after)
        case ops.Gather():
            _gather(body, node)
        case ops.Softmax():
            _softmax(body, node)
        case ops.Reduce():
            _reduce(body, node, node.operator)
        case ops.Pool():
            _pool(body, node, node.operator)
        case ops.Differs(value=value, rows=rows):
            _differs(body, node, value, rows)
        case Scan():
            from edgernn.converters.c.loop import write_scan

            write_scan(body, node, node.operator)
        case _:
            raise AssertionError(f"{type(node.operator).__name__} has no form in C")


def _product(body: Body, kernel: np.ndarray, node: Node, x: str, total: Slot) -> None:
    """Total = W x + b, for a kernel `[rows, columns]` and the address of x."""
    rows, columns = kernel.shape
    if body.arithmetic.accumulator == "float":
        weights, blocks, width = pack_f32(kernel), -(-rows // 8), columns
        padded = np.zeros(8 * blocks, "f4")
        function = "edgernn_matvec_f32"
    else:
        weights, blocks, width = pack_s8(kernel), -(-rows // 4), -(-columns // 4)
        padded = np.zeros(4 * blocks, "i4")
        function = "edgernn_matvec_s8s16"
        product_multiplier(node)  # proves that the sums fit
    padded[:rows] = _bias(node)
    w = body.constants.add(node.inputs[1].name, weights)
    b = body.constants.add(f"{node.output.name}_bias", padded)
    body.lines.add(f"{function}({total.pointer}, {w}, {b}, {x}, {blocks}, {width});")


def _bias(node: Node) -> np.ndarray:
    """Of a product; zeros for a float one that has none."""
    operator = node.operator
    assert isinstance(operator, (ops.Affine, ops.Conv, ops.DepthwiseConv)), "the caller knows products"
    return node.inputs[-1].constant if operator.bias else np.zeros(node.output.shape[-1], "f4")


def _rows(body: Body, node: Node) -> int:
    """How many accumulators a product writes: whole blocks of rows."""
    block = 8 if body.arithmetic.accumulator == "float" else 4
    return -(-node.output.shape[-1] // block) * block


def _affine(body: Body, node: Node) -> None:
    kernel = node.inputs[1].constant
    source, result = node.inputs[0], node.output
    words = body.arithmetic.accumulator != "float"
    total = body.take_array(body.arithmetic.accumulator, _rows(body, node))
    count, width = math.prod(source.shape[:-1]), source.shape[-1]
    if count == 1 and len(source.shape) == 1:
        x = body.stored(source, reach=whole(width) if words else 0)
        _product(body, kernel, node, x.pointer, total)
        body.totals[result] = total
        return
    copied = words and width % 2 == 1  # rows that do not begin at whole words
    x = body.stored(source, reach=(count - 1) * width + whole(width) if words and not copied else 0)
    slot = body.take(result)
    with body.lines.loop("r", count) as r:
        at = x.part(f"{r} * {width}")
        if copied:
            at = _copied(body, at, source, width)
        _product(body, kernel, node, at.pointer, total)
        _finish(body, node, total, slot, r)
    body.slots[result] = slot


def _finish(body: Body, node: Node, total: Slot, slot: Slot, row: str) -> None:
    """The outputs of one row of a product, from its sums."""
    channels = node.output.shape[-1]
    with body.lines.loop("c", channels) as c:
        element = body.arithmetic.product(node, total.at(c), c, body.let(body.arithmetic.word))
        body.lines.add(f"{slot.at(f'{row} * {channels} + {c}')} = ({slot.ctype}){element.text};")


def _copied(body: Body, source: Slot, value: Value, count: int) -> Slot:
    """A copy where kernels may read whole words of it."""
    copy = body.take_array(C_TYPES[value.dtype], count)
    with body.lines.loop("c", count) as c:
        body.lines.add(f"{copy.at(c)} = {source.at(c)};")
    return copy


def _convolution(body: Body, node: Node, stride: int, dilation: int) -> None:
    source, result = node.inputs[0], node.output
    kernel = node.inputs[1].constant
    rows, size, channels = kernel.shape
    words = body.arithmetic.accumulator != "float"
    apart = stride * channels  # elements from one window to the next
    in_place = dilation == 1 and (not words or apart % 2 == 0)
    last = (result.shape[0] - 1) * apart + whole(size * channels)
    x = body.stored(source, reach=last if words and in_place else 0)
    total = body.take_array(body.arithmetic.accumulator, _rows(body, node))
    slot = body.take(result)
    window = x if in_place else body.take_array(C_TYPES[source.dtype], size * channels)
    with body.lines.loop("r", result.shape[0]) as r:
        start = f"{r} * {apart}"
        if not in_place:
            with body.lines.loop("k", size) as k, body.lines.loop("c", channels) as c:
                place = f"{start} + {k} * {dilation * channels} + {c}"
                body.lines.add(f"{window.at(f'{k} * {channels} + {c}')} = {x.at(place)};")
        at = x.part(start) if in_place else window
        _product(body, kernel.reshape(rows, size * channels), node, at.pointer, total)
        _finish(body, node, total, slot, r)
    body.slots[result] = slot


def _depthwise(body: Body, node: Node, stride: int, dilation: int) -> None:
    source, kernel = node.inputs[:2]
    size, outputs = kernel.shape
    channels = source.shape[-1]
    x, slot = body.stored(source), body.take(node.output)
    word = body.arithmetic.accumulator
    biases = _bias(node).astype("f4" if word == "float" else "i4")
    w = body.constants.add(kernel.name, kernel.constant)
    b = body.constants.add(f"{node.output.name}_bias", biases)
    with body.lines.loop("t", node.output.shape[0]) as t, body.lines.loop("c", outputs) as c:
        each = c if outputs == channels else f"{c} / {outputs // channels}"
        body.lines.add(f"{word} total = {b}[{c}];")
        with body.lines.loop("k", size) as k:
            place = f"({t} * {stride} + {k} * {dilation}) * {channels} + {each}"
            body.lines.add(f"total += ({word}){w}[{k} * {outputs} + {c}] * {x.at(place)};")
        element = body.arithmetic.product(node, "total", c, body.let(body.arithmetic.word))
        body.lines.add(f"{slot.at(f'{t} * {outputs} + {c}')} = ({slot.ctype}){element.text};")
    body.slots[node.output] = slot


def _concat(body: Body, node: Node, axis: int) -> None:
    """Part by part; a part in the result's unit is then read there, and need not be stored a second time."""
    result, slot = node.output, body.take(node.output)
    at = axis % len(result.shape)
    inner = math.prod(result.shape[at + 1 :])
    offset = 0
    for value in node.inputs:
        same = value.quantization == result.quantization and value.dtype == result.dtype
        here = same and math.prod(result.shape[:at]) == 1 and value not in body.slots and value.data is None
        body.store_part(value, result, slot, at, offset, kept=here)
        if here and value not in body.slots:
            body.slots[value] = slot.part(offset * inner)
        offset += value.shape[at]
    body.slots[result] = slot


def _pad(body: Body, node: Node, before: int, after: int) -> None:
    source, result = node.inputs[0], node.output
    slot = body.take(result)
    width = math.prod(result.shape[1:])
    zero = source.quantization.zero_point if source.quantization else 0
    for start, count in ((0, before * width), ((before + source.shape[0]) * width, after * width)):
        if count:
            with body.lines.loop("c", count) as c:
                body.lines.add(f"{slot.part(start).at(c)} = {zero};")
    body.store([(source, slot.part(before * width))])
    body.slots[result] = slot


def _gather(body: Body, node: Node) -> None:
    table, ids = node.inputs
    rows, slot = body.stored(ids), body.take(node.output)
    name = body.constants.add(table.name, table.constant)
    count, width = table.shape
    with body.lines.loop("t", math.prod(ids.shape)) as t:
        body.lines.add(f"const int32_t row = edgernn_id({rows.at(t)}, {count});")
        with body.lines.loop("c", width) as c:
            body.lines.add(f"{slot.at(f'{t} * {width} + {c}')} = {name}[row * {width} + {c}];")
    body.slots[node.output] = slot


def _softmax(body: Body, node: Node) -> None:
    source, result = node.inputs[0], node.output
    x, slot = body.stored(source), body.take(result)
    width = source.shape[-1]
    count = math.prod(source.shape[:-1])
    with body.lines.loop("r", count) as r:
        ends = f"{slot.part(f'{r} * {width}').pointer}, {x.part(f'{r} * {width}').pointer}, {width}"
        if body.arithmetic.accumulator == "float":
            body.lines.add(f"edgernn_softmax_f32({ends});")
        else:
            assert source.quantization is not None, "the quantizer gives it a scale"
            prove_count(node.layer, width, LONGEST_SOFTMAX)
            name = body.constants.add("softmax_table", exponential_table(source.quantization.scale).entries)
            body.lines.add(f"edgernn_softmax_s16({ends}, {name});")
    body.slots[result] = slot


def _reduce(body: Body, node: Node, operator: ops.Reduce) -> None:
    source, result = node.inputs[0], node.output
    x, slot = body.stored(source), body.take(result)
    axis = operator.axis % len(source.shape)
    outer, size, inner = math.prod(source.shape[:axis]), source.shape[axis], math.prod(source.shape[axis + 1 :])
    word = body.arithmetic.accumulator
    with body.lines.loop("r", outer) as r, body.lines.loop("c", inner) as c:
        first = f"{r} * {size * inner} + {c}"
        if operator.function == "max":
            body.lines.add(f"{word} total = {x.at(first)};")
            with body.lines.loop("k", size) as k:
                body.lines.add(f"const {word} other = {x.at(f'{first} + {k} * {inner}')};")
                body.lines.add("if (other > total) total = other;")
            text = "total"
        else:
            body.lines.add(f"{word} total = 0;")
            with body.lines.loop("k", size) as k:
                body.lines.add(f"total += {x.at(f'{first} + {k} * {inner}')};")
            text = "total"
            if word == "float":
                text = f"total / {size}.0f" if operator.function == "mean" else "total"
            else:
                by = reduce_multiplier(operator, source, result)
                prove(node.layer, -(size << 15 + by.shift), size << 15 + by.shift)
                text = f"edgernn_sat16(edgernn_round_high(total * {1 << by.shift}, {int(by.factor)}))"
        body.lines.add(f"{slot.at(f'{r} * {inner} + {c}')} = ({slot.ctype})({text});")
    body.slots[result] = slot


def _pool(body: Body, node: Node, operator: ops.Pool) -> None:
    source, result = node.inputs[0], node.output
    x, slot = body.stored(source), body.take(result)
    steps, width = source.shape[0], math.prod(source.shape[1:])
    before = same_padding(steps, operator.size, operator.stride)[0] if operator.same else 0
    word = body.arithmetic.accumulator
    with body.lines.loop("t", result.shape[0]) as t:
        body.lines.add(f"int first = {t} * {operator.stride} - {before};")
        body.lines.add(f"int end = first + {operator.size};")
        body.lines.add("if (first < 0) first = 0;")
        body.lines.add(f"if (end > {steps}) end = {steps};")
        with body.lines.loop("c", width) as c:
            if operator.function == "max":
                body.lines.add(f"{word} total = {x.at(f'first * {width} + {c}')};")
                with body.lines.block("for (int k = first + 1; k < end; ++k)"):
                    body.lines.add(f"const {word} other = {x.at(f'k * {width} + {c}')};")
                    body.lines.add("if (other > total) total = other;")
                text = "total"
            else:
                body.lines.add(f"{word} total = 0;")
                with body.lines.block("for (int k = first; k < end; ++k)"):
                    body.lines.add(f"total += {x.at(f'k * {width} + {c}')};")
                text = "total / (float)(end - first)" if word == "float" else "edgernn_divide(total, end - first)"
                prove_count(node.layer, operator.size, LONGEST_MEAN)
            body.lines.add(f"{slot.at(f'{t} * {width} + {c}')} = ({slot.ctype})({text});")
    body.slots[result] = slot


def _differs(body: Body, node: Node, value: float, rows: bool) -> None:
    from edgernn.converters.c.elements import float_literal

    source, result = node.inputs[0], node.output
    x, slot = body.stored(source), body.take(result)
    literal = float_literal(value) if source.dtype == "float32" else str(int(value))
    width = source.shape[-1] if rows else 1
    with body.lines.loop("t", math.prod(source.shape) // width) as t:
        body.lines.add("int differs = 0;")
        with body.lines.loop("c", width) as c:
            body.lines.add(f"if ({x.at(f'{t} * {width} + {c}')} != {literal}) differs = 1;")
        body.lines.add(f"{slot.at(t)} = ({slot.ctype})differs;")
    body.slots[result] = slot
