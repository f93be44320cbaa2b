"""Write functions that a back end has no kernel for as formulas over ones that it has."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace

import numpy as np

from edgernn.graph import Builder, Graph, Names, Node, Rewrite, Value, map_bodies
from edgernn.graph import operators as ops

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al., 2017, section 3
# erf(x) = 1 - (a1 t + ... + a5 t^5) exp(-x^2), t = 1 / (1 + p x), x >= 0: Abramowitz & Stegun 7.1.26, error < 1.5e-7
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ERF_P = 0.3275911


def decompose_functions(graph: Graph, kernels: Container[str]) -> Graph:
    """The graph with every Unary whose function is not among `kernels` replaced by its formula.

    Functions without a formula are kept; the back end decides what to do with them.
    """
    return _decompose(map_bodies(graph, lambda body: _decompose(body, kernels)), kernels)


def divide_by_reciprocal(graph: Graph) -> Graph:
    """A / b as a * (1 / b): neither runtime divides 16-bit integers, and a reciprocal fits a table."""
    rewrite = Rewrite()
    for node in graph.nodes:
        if isinstance(node.operator, ops.Binary) and node.operator.function == "div":
            a, b = node.inputs
            inverse = Value(f"{node.output.name}:reciprocal", b.shape)
            rewrite.keep(Node(ops.Unary("reciprocal"), (b,), (inverse,), node.layer))
            rewrite.keep(Node(ops.Binary("mul"), (a, inverse), node.outputs, node.layer))
        else:
            rewrite.keep(node)
    return rewrite.graph(graph)


def _decompose(graph: Graph, kernels: Container[str]) -> Graph:
    rewrite = Rewrite()
    for node in graph.nodes:
        operator = node.operator
        formula = _FORMULAS.get(operator.function) if isinstance(operator, ops.Unary) else None
        if formula is None or not isinstance(operator, ops.Unary) or operator.function in kernels:
            rewrite.keep(node)
            continue
        builder = _Formula(node)
        formula(builder, rewrite(node.inputs[0]), operator.alpha)
        *steps, last = builder.nodes
        for step in (*steps, replace(last, outputs=node.outputs)):  # the result keeps the name that the user knows
            rewrite.nodes.extend(_decompose(Graph("", (), step.outputs, (step,)), kernels).nodes)
    return rewrite.graph(graph)


class _Formula(Builder):
    """Builds the nodes of one formula, named after the function's output."""

    def __init__(self, node: Node) -> None:
        super().__init__("formula", Names())
        self.layer, self._prefix = node.layer, node.output.name

    def _scoped(self, label: str) -> str:
        return f"{self._prefix}:{self.names(label)}"

    def number(self, value: float) -> Value:
        return self.constant(f"{value:g}", np.asarray(value, "f4"))

    def unary(self, function: ops.UnaryFunction, x: Value) -> Value:
        return self.apply(ops.Unary(function), x)

    def binary(self, function: ops.BinaryFunction, a: Value, b: Value) -> Value:
        return self.apply(ops.Binary(function), a, b)

    def scaled(self, x: Value, factor: float) -> Value:
        return self.multiply(x, self.number(factor))

    def shifted(self, x: Value, offset: float) -> Value:
        return self.add(x, self.number(offset))


def _elu(b: _Formula, x: Value, alpha: float) -> Value:
    low = b.unary("exponential", b.binary("minimum", x, b.number(0)))
    return b.add(b.binary("maximum", x, b.number(0)), b.scaled(b.shifted(low, -1), alpha))


def _softplus(b: _Formula, x: Value) -> Value:
    """max(x, 0) + log(1 + exp(-|x|)): does not overflow."""
    small = b.unary("exponential", b.scaled(b.unary("abs", x), -1))
    return b.add(b.unary("relu", x), b.unary("log", b.shifted(small, 1)))


def _hard_sigmoid(b: _Formula, x: Value) -> Value:
    return b.scaled(b.unary("relu6", b.shifted(x, 3)), 1 / 6)


def _gelu(b: _Formula, x: Value) -> Value:
    """GELU is x / 2 (1 + erf(x / sqrt 2)); with u = |x| / sqrt 2 that is max(x, 0) - |x| / 2 (1 - erf u)."""
    magnitude = b.unary("abs", x)
    u = b.scaled(magnitude, float(np.sqrt(0.5)))
    t = b.binary("div", b.number(1), b.shifted(b.scaled(u, _ERF_P), 1))
    polynomial = b.scaled(t, _ERF[-1])
    for coefficient in reversed(_ERF[:-1]):
        polynomial = b.multiply(b.shifted(polynomial, coefficient), t)
    tail = b.multiply(polynomial, b.unary("exponential", b.scaled(b.multiply(u, u), -1)))
    return b.subtract(b.unary("relu", x), b.multiply(b.scaled(magnitude, 0.5), tail))


def _gelu_tanh(b: _Formula, x: Value) -> Value:
    cubic = b.multiply(x, b.shifted(b.scaled(b.multiply(x, x), 0.044715), 1))
    gate = b.shifted(b.unary("tanh", b.scaled(cubic, float(np.sqrt(2 / np.pi)))), 1)
    return b.scaled(b.multiply(x, gate), 0.5)


_FORMULAS: Mapping[str, Callable[[_Formula, Value, float], Value]] = {
    "elu": _elu,
    "selu": lambda b, x, _: b.scaled(_elu(b, x, _SELU_ALPHA), _SELU_SCALE),
    "gelu": lambda b, x, _: _gelu(b, x),
    "gelu_tanh": lambda b, x, _: _gelu_tanh(b, x),
    "silu": lambda b, x, _: b.multiply(x, b.unary("sigmoid", x)),
    "softplus": lambda b, x, _: _softplus(b, x),
    "softsign": lambda b, x, _: b.binary("div", x, b.shifted(b.unary("abs", x), 1)),
    "hard_sigmoid": lambda b, x, _: _hard_sigmoid(b, x),
    "hard_silu": lambda b, x, _: b.multiply(x, _hard_sigmoid(b, x)),
    "mish": lambda b, x, _: b.multiply(x, b.unary("tanh", _softplus(b, x))),
}
