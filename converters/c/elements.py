"""Elementwise operators as C expressions of one element, in 16-bit integers or in float.

An element knows the interval that it lies in, so that integers are saturated only where they could leave 16 bits, and
every variable of 32 bits is proven to hold what is put into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

import numpy as np

from edgernn.converters.c.bounds import MOST, prove
from edgernn.converters.c.program import Constants
from edgernn.converters.c.reference import common_bits, fraction_bits, product_multiplier
from edgernn.converters.c.scaling import multiplier
from edgernn.converters.c.tables import function_table
from edgernn.errors import InputError
from edgernn.graph import Node, Value
from edgernn.graph import operators as ops

LOW, HIGH = -32768, 32767


@dataclass(frozen=True)
class Element:
    """A C expression without side effects: a variable or a number, and the interval of an integer's value."""

    text: str
    low: int = LOW
    high: int = HIGH


Let = Callable[[str], str]  # puts an expression into a new variable, and names it


class Arithmetic(Protocol):
    """How elements are computed.

    Attributes:
        word: C type of an element in a register.
        accumulator: C type of a product's sums.
    """

    word: str
    accumulator: str

    def loaded(self, value: Value, text: str, let: Let) -> Element:
        """An element of a value that lies in memory."""

    def product(self, node: Node, total: str, row: str, let: Let) -> Element:
        """What becomes of a product's accumulator."""

    def compute(self, node: Node, x: Sequence[Element], let: Let) -> Element:
        """A Binary, Unary or Requantize of elements."""

    def aligned(self, source: Value, result: Value, x: Element, let: Let) -> Element:
        """An element of one value in another's unit."""


class IntegerElements:
    """As `edgernn.converters.c.reference` defines it."""

    word = "int32_t"
    accumulator = "int32_t"

    def __init__(self, constants: Constants, floats: Arithmetic) -> None:
        """Put tables and multipliers there.

        Args:
            constants: of the program.
            floats: how elements are computed before they become integers.
        """
        self.constants, self.floats = constants, floats

    def loaded(self, value: Value, text: str, let: Let) -> Element:
        """An element of a value that lies in memory; a constant's interval is that of its numbers."""
        if value.dtype == "float32":
            return self.floats.loaded(value, text, let)
        if value.data is not None:
            return Element(let(text), int(value.data.min()), int(value.data.max()))
        low, high = (0, 1) if value.dtype == "bool" else (np.iinfo(value.dtype).min, np.iinfo(value.dtype).max)
        return Element(let(text), int(low), int(high))

    def product(self, node: Node, total: str, row: str, let: Let) -> Element:
        """Scaled by the row's factor."""
        by, largest = product_multiplier(node)
        factors = np.broadcast_to(by.factor, node.inputs[-1].shape).astype("i4")
        name = self.constants.add(f"{node.output.name}_factor", factors)
        shifted = f"{total} * {1 << by.shift}" if by.shift else total
        prove(node.layer, -(largest << by.shift), largest << by.shift)
        bound = (largest << by.shift) * int(factors.max(initial=0)) // 2**32 + 1
        result = let(f"edgernn_round_high({shifted}, {name}[{row}])")
        return _Row(node.layer, let).saturated(Element(result, -bound, bound))

    def compute(self, node: Node, x: Sequence[Element], let: Let) -> Element:
        """One operator."""
        if node.outputs[0].dtype == node.inputs[0].dtype == "float32":  # before a model's inputs become integers
            return self.floats.compute(node, x, let)
        row = _Row(node.layer, let)
        match node.operator:
            case ops.Binary(function=function):
                return self._binary(function, node, x, row)
            case ops.Unary():
                return self._unary(node, x[0], row)
            case ops.Requantize():
                return self._requantize(node, x[0], row)
            case _:
                raise AssertionError(f"{type(node.operator).__name__} is not computed element by element")

    def aligned(self, source: Value, result: Value, x: Element, let: Let) -> Element:
        """A value in another value's unit."""
        return _Row(result.name, let).aligned(x, fraction_bits(source), fraction_bits(result))

    def _binary(self, function: ops.BinaryFunction, node: Node, x: Sequence[Element], row: _Row) -> Element:
        bits = [fraction_bits(value) for value in node.inputs]
        wanted = fraction_bits(node.outputs[0])
        a, b = x
        match function:
            case "add" | "sub":
                common = common_bits(*bits)
                left, right = (row.shifted(e, own, common) for e, own in zip(x, bits, strict=True))
                if function == "add":
                    total = row.named(f"{left.text} + {right.text}", left.low + right.low, left.high + right.high)
                else:
                    total = row.named(f"{left.text} - {right.text}", left.low - right.high, left.high - right.low)
                return row.aligned(total, common, wanted)
            case "mul":
                ends = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
                return row.aligned(row.named(f"{a.text} * {b.text}", min(ends), max(ends)), sum(bits), wanted)
            case "maximum" | "minimum":
                sign, choose = (">", max) if function == "maximum" else ("<", min)
                text = f"{a.text} {sign} {b.text} ? {a.text} : {b.text}"
                return row.aligned(row.named(text, choose(a.low, b.low), choose(a.high, b.high)), bits[0], wanted)
            case "div":
                raise AssertionError("divisions have become reciprocals")
            case _ as unreachable:
                assert_never(unreachable)

    def _unary(self, node: Node, x: Element, row: _Row) -> Element:
        operator, source, result = node.operator, node.inputs[0], node.outputs[0]
        assert isinstance(operator, ops.Unary), "the caller knows functions"
        bits = fraction_bits(source), fraction_bits(result)
        if operator.function == "relu":
            return row.aligned(row.named(f"{x.text} > 0 ? {x.text} : 0", max(x.low, 0), max(x.high, 0)), *bits)
        if operator.function == "abs":
            size = row.named(f"{x.text} < 0 ? -{x.text} : {x.text}", 0, max(abs(x.low), abs(x.high)))
            return row.aligned(size, *bits)
        table = function_table(node)
        name = self.constants.add(f"{operator.function}_table", table.entries)
        x = row.saturated(x)  # never written, since every operator leaves 16 bits: where a table is read is proven too
        if not table.power:
            return row.named(f"edgernn_table({name}, {x.text})", int(table.entries.min()), int(table.entries.max()))
        root = "root" if table.power == -0.5 else "reciprocal"
        return row.named(f"edgernn_{root}({name}, {x.text}, {table.output_shift})", LOW, HIGH)

    def _requantize(self, node: Node, x: Element, row: _Row) -> Element:
        source, result = node.inputs[0], node.outputs[0]
        if result.quantization is None:
            assert source.quantization is not None, "one side of a conversion is an integer"
            return Element(row.let(f"(float){x.text} * {float_literal(source.quantization.scale)}"))
        limits = np.iinfo(result.dtype)
        ends = int(limits.min), int(limits.max)
        if source.quantization is None:
            scale = float_literal(1 / result.quantization.scale)
            return row.named(f"edgernn_from_float({x.text}, {scale}, {ends[0]}, {ends[1]})", *ends)
        by = multiplier(source.quantization.scale / result.quantization.scale, 255 if source.dtype == "int8" else 65535)
        zero = source.quantization.zero_point
        shifted = f"({x.text} - {parenthesized(zero)}) * {1 << by.shift}" if zero else f"{x.text} * {1 << by.shift}"
        bounds = [(end - zero) << by.shift for end in (x.low, x.high)]
        prove(row.layer, *bounds)
        low, high = (bound * int(by.factor) // 2**32 for bound in bounds)
        scaled = row.named(f"edgernn_round_high({shifted}, {int(by.factor)})", low, high + 1)
        added = result.quantization.zero_point
        if added:
            scaled = row.named(f"{scaled.text} + {parenthesized(added)}", scaled.low + added, scaled.high + added)
        return row.saturated(scaled, *ends)


@dataclass(frozen=True)
class _Row:
    """The variables of one operator's calculation, each with the proof that it fits.

    Attributes:
        layer: for messages.
        let: makes a variable.
    """

    layer: str
    let: Let

    def named(self, expression: str, low: int, high: int) -> Element:
        """An expression in a new variable, with the interval that it lies in."""
        prove(self.layer, low, high)
        return Element(self.let(expression), low, high)

    def aligned(self, x: Element, bits: int, wanted: int) -> Element:
        """In 16 bits of another unit."""
        return self.saturated(self.shifted(x, bits, wanted))

    def shifted(self, x: Element, bits: int, wanted: int) -> Element:
        """In another unit; what passes 16 bits by far may be another number that does."""
        if wanted == bits:
            return x
        if wanted > bits:
            up = wanted - bits
            if max(abs(x.low), abs(x.high)) << up > MOST:
                x, up = self.saturated(x), min(up, 16)  # beyond 16 bits either way, but for zero
            return self.named(f"{x.text} * {1 << up}", x.low << up, x.high << up)
        down = bits - wanted
        half = 1 << (down - 1)
        fits = down < 32 and x.high + half <= MOST
        function = "edgernn_round_shift" if fits else "edgernn_round_shift_far"
        return self.named(f"{function}({x.text}, {down})", (x.low + half) >> down, (x.high + half) >> down)

    def saturated(self, x: Element, low: int = LOW, high: int = HIGH) -> Element:
        """The nearest integer of a type; the same where it lies there anyway."""
        if x.low >= low and x.high <= high:
            return x
        name = "edgernn_sat16" if low == LOW else "edgernn_sat8"
        return self.named(f"{name}({x.text})", min(max(x.low, low), high), max(min(x.high, high), low))


def float_literal(value: float) -> str:
    """A C literal that reads back as exactly this float32: nine digits are enough.

    Raises:
        InputError: it is infinite in float32, or no number.
    """
    with np.errstate(over="ignore"):
        number = float(np.float32(value))
    if not np.isfinite(number):
        raise InputError(
            f"scales: every number must be finite in float32. Found: {value:.3g}.",
            hint="look for huge weights and calibration samples.",
        )
    text = f"{number:.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def parenthesized(number: int) -> str:
    """A number as an operand: `a - (-3)`."""
    return f"({number})" if number < 0 else str(number)
