"""Elementwise operators in float32."""

from __future__ import annotations

from collections.abc import Sequence

from edgernn.converters.c.elements import Element, Let, float_literal
from edgernn.converters.c.program import Constants
from edgernn.graph import Node, Value
from edgernn.graph import operators as ops

# Functions that the runtime has; all others are decomposed into these and into arithmetic before.
KERNELS = ("sigmoid", "tanh", "relu", "relu6", "leaky_relu", "abs", "exponential", "log", "rsqrt", "reciprocal")


class FloatElements:
    """C's own arithmetic, in single precision."""

    word = "float"
    accumulator = "float"

    def __init__(self, constants: Constants) -> None:
        """Put constants there."""
        self.constants = constants

    def loaded(self, value: Value, text: str, let: Let) -> Element:
        """An element of a value that lies in memory."""
        return Element(let(text))

    def product(self, node: Node, total: str, row: str, let: Let) -> Element:
        """A product's sum is its output."""
        return Element(let(total))

    def aligned(self, source: Value, result: Value, x: Element, let: Let) -> Element:
        """Floats have no units."""
        return x

    def compute(self, node: Node, x: Sequence[Element], let: Let) -> Element:
        """One operator."""
        a = x[0].text
        match node.operator:
            case ops.Binary(function="add"):
                return Element(let(f"{a} + {x[1].text}"))
            case ops.Binary(function="sub"):
                return Element(let(f"{a} - {x[1].text}"))
            case ops.Binary(function="mul"):
                return Element(let(f"{a} * {x[1].text}"))
            case ops.Binary(function="div"):
                return Element(let(f"{a} / {x[1].text}"))
            case ops.Binary(function="maximum"):
                return Element(let(f"{a} > {x[1].text} ? {a} : {x[1].text}"))
            case ops.Binary(function="minimum"):
                return Element(let(f"{a} < {x[1].text} ? {a} : {x[1].text}"))
            case ops.Unary(function=function, alpha=alpha):
                return Element(let(self._function(function, a, alpha)))
            case _:
                raise AssertionError(f"{type(node.operator).__name__} is not computed element by element")

    @staticmethod
    def _function(function: ops.UnaryFunction, x: str, alpha: float) -> str:
        match function:
            case "sigmoid" | "tanh":
                return f"edgernn_{function}_f32({x})"
            case "exponential":
                return f"edgernn_exp_f32({x})"
            case "log":
                return f"logf({x})"
            case "relu":
                return f"{x} > 0.0f ? {x} : 0.0f"
            case "relu6":
                return f"{x} > 6.0f ? 6.0f : ({x} > 0.0f ? {x} : 0.0f)"
            case "leaky_relu":
                return f"{x} < 0.0f ? {float_literal(alpha)} * {x} : {x}"
            case "abs":
                return f"{x} < 0.0f ? -{x} : {x}"
            case "rsqrt":
                return f"1.0f / sqrtf({x})"
            case "reciprocal":
                return f"{x} == 0.0f ? 0.0f : 1.0f / {x}"
            case _:
                raise AssertionError(f"{function} was decomposed before")
