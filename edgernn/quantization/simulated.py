"""An integer graph computed in floats, with the rounding of any of its tensors left out: who spoils the answer?

It rounds and saturates every result as the integers do, but computes it exactly, which no kernel does; what kernels
round in between is far below the last bit of their outputs. The C back end's own definition is exact
(`edgernn.converters.c.reference`); this serves to compare tensors with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgernn.graph import Graph, Node, Scan, Value
from edgernn.graph import operators as ops
from edgernn.reference import Array, Observer, compute_float, evaluate, scan

Rounded = Callable[[Value], bool]
_PRODUCTS = (ops.Affine, ops.Conv, ops.DepthwiseConv)


def weights_of(node: Node) -> Value | None:
    """The weights of a product."""
    if isinstance(node.operator, _PRODUCTS):
        return next(value for value in node.inputs if value.data is not None)
    return None


def everything(value: Value) -> bool:
    """Every tensor is rounded."""
    return True


class Simulation:
    """An integer graph, ready to be evaluated with some of its tensors rounded."""

    def __init__(self, integers: Graph, floats: Graph) -> None:
        """Prepare.

        Args:
            integers: quantized, from `quantize`.
            floats: what it was made from; where weights are not to be rounded, they are taken from it, by their names.
        """
        self._graph = integers
        self._real = {
            value.name: value.data
            for node in floats.walk()
            for value in node.inputs
            if value.data is not None and value.dtype == "float32"
        }
        self._rounded: Rounded = everything
        self._saturate = True
        self._constants: dict[Value, Array] = {}

    def __call__(self, inputs: Mapping[str, Array], rounded: Rounded, *, saturate: bool = True) -> dict[str, Array]:
        """Outputs in reals `[samples, *shape]`, by name.

        Args:
            inputs: real `[samples, *shape]`, by name; ids and masks as they are.
            rounded: whether a tensor of the integer graph is; a bias goes with its weights.
            saturate: whether its numbers end where the integers do; else they are rounded only.
        """
        self._rounded, self._saturate = rounded, saturate
        self._constants = {}
        given = {value.name: self._round(value, np.asarray(inputs[value.name])) for value in self._graph.inputs}
        found = evaluate(self._graph, given, compute=self._compute)
        return {
            value.name: self._constant(value, value)[None] if value.data is not None else found[value.name]
            for value in self._graph.outputs
        }

    def _compute(self, node: Node, x: list[Array], observe: Observer | None) -> list[Array]:
        owner = weights_of(node)
        operands = [
            array if value.data is None else self._constant(value, owner or value)
            for value, array in zip(node.inputs, x, strict=True)
        ]
        if isinstance(node.operator, Scan):
            return scan(node.operator, node, operands, observe, self._compute)
        moved = isinstance(node.operator, ops.Requantize)
        results = operands if moved else compute_float(node, operands, observe)
        return [self._round(value, array) for value, array in zip(node.outputs, results, strict=True)]

    def _round(self, value: Value, array: Array) -> Array:
        form = value.quantization
        if form is None or value.dtype not in ("int8", "int16") or not self._rounded(value):
            return array
        limits = np.iinfo(value.dtype)
        integers = np.rint(array / form.scale)
        if self._saturate:
            integers = np.clip(integers, limits.min - form.zero_point, limits.max - form.zero_point)
        return np.asarray(integers * form.scale, "f4")

    def _constant(self, value: Value, owner: Value) -> Array:
        """A constant in reals: as it is in the integer graph if its owner is rounded, else what it was before."""
        if owner is value and value.quantization is None:
            return np.asarray(value.data)
        if value not in self._constants:
            real = self._real.get(value.name)
            if real is None and owner is not value:  # a bias that takes up what rounding the weights shifts
                real = np.zeros(value.shape, "f4")
            if self._rounded(owner) or real is None:
                data = value.constant
                real = data if value.quantization is None else value.quantization.dequantize(data)
            self._constants[value] = real
        return self._constants[value]
