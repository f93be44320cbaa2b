"""Elementwise operators as C expressions of one element, in 16-bit integers or in float.

An element knows the interval that it lies in, so that integers are saturated only where they could leave 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

import numpy as np

from edgernn.converters.c.program import Constants
from edgernn.converters.c.reference import common_bits, fraction_bits, product_multiplier
from edgernn.converters.c.scaling import multiplier
from edgernn.converters.c.tables import function_table
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

    def __init__(self, constants: Constants) -> None:
        """Put tables and multipliers there."""
        self.constants = constants

    def loaded(self, value: Value, text: str, let: Let) -> Element:
        """An element of a value that lies in memory; a constant's interval is that of its numbers."""
        if value.data is not None:
            return Element(let(text), int(value.data.min()), int(value.data.max()))
        if value.dtype == "float32":
            return Element(text)
        low, high = (0, 1) if value.dtype == "bool" else (np.iinfo(value.dtype).min, np.iinfo(value.dtype).max)
        return Element(let(text), int(low), int(high))

    def product(self, node: Node, total: str, row: str, let: Let) -> Element:
        """Scaled by the row's factor."""
        by, largest = product_multiplier(node)
        factors = np.broadcast_to(by.factor, node.inputs[-1].shape).astype("i4")
        name = self.constants.add(f"{node.output.name}_factor", factors)
        shifted = f"{total} * {1 << by.shift}" if by.shift else total
        bound = (largest << by.shift) * int(factors.max(initial=0)) // 2**32 + 1
        result = let(f"edgernn_round_high({shifted}, {name}[{row}])")
        return self._saturated(Element(result, -bound, bound), let)

    def compute(self, node: Node, x: Sequence[Element], let: Let) -> Element:
        """One operator."""
        result = node.outputs[0]
        match node.operator:
            case ops.Binary(function=function):
                return self._binary(function, node, x, let)
            case ops.Unary():
                return self._unary(node, x[0], let)
            case ops.Requantize():
                return self._requantize(node.inputs[0], result, x[0], let)
            case _:
                raise AssertionError(f"{type(node.operator).__name__} is not computed element by element")

    def aligned(self, source: Value, result: Value, x: Element, let: Let) -> Element:
        """A value in another value's unit."""
        return self._saturated(self._align(x, fraction_bits(source), fraction_bits(result), let), let)

    def _binary(self, function: ops.BinaryFunction, node: Node, x: Sequence[Element], let: Let) -> Element:
        bits = [fraction_bits(value) for value in node.inputs]
        wanted = fraction_bits(node.outputs[0])
        a, b = x
        match function:
            case "add" | "sub":
                common = common_bits(*bits)
                left, right = (self._align(e, own, common, let) for e, own in zip(x, bits, strict=True))
                if function == "add":
                    total = Element(f"{left.text} + {right.text}", left.low + right.low, left.high + right.high)
                else:
                    total = Element(f"{left.text} - {right.text}", left.low - right.high, left.high - right.low)
                named = Element(let(total.text), total.low, total.high)
                return self._saturated(self._align(named, common, wanted, let), let)
            case "mul":
                ends = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
                product = Element(let(f"{a.text} * {b.text}"), min(ends), max(ends))
                return self._saturated(self._align(product, sum(bits), wanted, let), let)
            case "maximum" | "minimum":
                sign, choose = (">", max) if function == "maximum" else ("<", min)
                text = let(f"{a.text} {sign} {b.text} ? {a.text} : {b.text}")
                chosen = Element(text, choose(a.low, b.low), choose(a.high, b.high))
                return self._saturated(self._align(chosen, bits[0], wanted, let), let)
            case "div":
                raise AssertionError("divisions have become reciprocals")
            case _ as unreachable:
                assert_never(unreachable)

    def _unary(self, node: Node, x: Element, let: Let) -> Element:
        operator, source, result = node.operator, node.inputs[0], node.outputs[0]
        assert isinstance(operator, ops.Unary), "the caller knows functions"
        if operator.function == "relu":
            positive = Element(let(f"{x.text} > 0 ? {x.text} : 0"), max(x.low, 0), max(x.high, 0))
            return self.aligned(source, result, positive, let)
        if operator.function == "abs":
            size = Element(let(f"{x.text} < 0 ? -{x.text} : {x.text}"), 0, max(abs(x.low), abs(x.high)))
            return self.aligned(source, result, size, let)
        table = function_table(node)
        name = self.constants.add(f"{operator.function}_table", table.entries)
        ends = int(table.entries.min()), int(table.entries.max())
        if not table.power:
            return Element(let(f"edgernn_table({name}, {x.text})"), *ends)
        root = "root" if table.power == -0.5 else "reciprocal"
        return Element(let(f"edgernn_{root}({name}, {x.text}, {table.output_shift})"))

    def _requantize(self, source: Value, result: Value, x: Element, let: Let) -> Element:
        if result.quantization is None:
            assert source.quantization is not None, "one side of a conversion is an integer"
            return Element(let(f"(float){x.text} * {float_literal(source.quantization.scale)}"))
        limits = np.iinfo(result.dtype)
        ends = int(limits.min), int(limits.max)
        if source.quantization is None:
            scale = float_literal(1 / result.quantization.scale)
            return Element(let(f"edgernn_from_float({x.text}, {scale}, {ends[0]}, {ends[1]})"), *ends)
        by = multiplier(source.quantization.scale / result.quantization.scale, 255 if source.dtype == "int8" else 65535)
        zero = source.quantization.zero_point
        shifted = f"({x.text} - {parenthesized(zero)}) * {1 << by.shift}" if zero else f"{x.text} * {1 << by.shift}"
        scaled = let(f"edgernn_round_high({shifted}, {int(by.factor)})")
        bounds = [((end - zero) << by.shift) * int(by.factor) // 2**32 for end in (x.low, x.high)]
        added = result.quantization.zero_point
        moved = Element(
            let(f"{scaled} + {parenthesized(added)}") if added else scaled, bounds[0] + added, bounds[1] + added + 1
        )
        return self._saturated(moved, let, *ends)

    @staticmethod
    def _align(x: Element, bits: int, wanted: int, let: Let) -> Element:
        if wanted == bits:
            return x
        if wanted > bits:
            up = wanted - bits
            if (
                max(abs(x.low), abs(x.high)) << up >= 2**31
            ):  # it saturates in any case: clamped first, it cannot overflow
                x = Element(let(f"edgernn_sat16({x.text})"), max(x.low, LOW), min(x.high, HIGH))
            return Element(let(f"{x.text} * {1 << up}"), x.low << up, x.high << up)
        down = bits - wanted
        half = 1 << (down - 1)
        return Element(let(f"edgernn_round_shift({x.text}, {down})"), (x.low + half) >> down, (x.high + half) >> down)

    @staticmethod
    def _saturated(x: Element, let: Let, low: int = LOW, high: int = HIGH) -> Element:
        if x.low >= low and x.high <= high:
            return x
        name = "edgernn_sat16" if low == LOW else "edgernn_sat8"
        return Element(let(f"{name}({x.text})"), max(x.low, low), min(x.high, high))


def float_literal(value: float) -> str:
    """A C literal that reads back as exactly this float32: nine digits are enough."""
    text = f"{float(np.float32(value)):.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def parenthesized(number: int) -> str:
    """A number as an operand: `a - (-3)`."""
    return f"({number})" if number < 0 else str(number)
