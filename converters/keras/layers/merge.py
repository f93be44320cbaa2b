"""Layers that merge several tensors into one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edgernn.converters.keras.layers.masking import either, everywhere
from edgernn.converters.keras.use import Tensor, Use, whole
from edgernn.graph import Value
from edgernn.graph import operators as ops
from edgernn.graph.operators import BinaryFunction


def add(use: Use) -> tuple[Tensor, ...]:
    """The sum of the inputs."""
    return _merged(use, _chain(use, "add"))


def subtract(use: Use) -> tuple[Tensor, ...]:
    """The first input minus the second."""
    return _merged(use, _chain(use, "sub"))


def multiply(use: Use) -> tuple[Tensor, ...]:
    """The product of the inputs; a step that is masked in one of them counts as 1 there, and in all of them as 0."""
    masks = [tensor.mask for tensor in use.inputs if tensor.mask is not None]
    alike = len({tensor.mask for tensor in use.inputs}) == 1
    if not alike:
        one = use.constant("one", np.ones(1, "f4"))
        factors = [_where(use, tensor.mask, tensor.value, one) for tensor in use.inputs]
    else:
        factors = [tensor.value for tensor in use.inputs]
    product = _chain(use, "mul", factors)
    if len(masks) < len(use.inputs):
        return (Tensor(product),)
    mask = either(use.b, masks)
    return (Tensor(_where(use, mask, product, use.constant("zero", np.zeros(1, "f4"))), mask),)


def maximum(use: Use) -> tuple[Tensor, ...]:
    """The larger of the inputs, where they are not masked."""
    return _extreme(use, "maximum")


def minimum(use: Use) -> tuple[Tensor, ...]:
    """The smaller of the inputs, where they are not masked."""
    return _extreme(use, "minimum")


def _extreme(use: Use, function: BinaryFunction) -> tuple[Tensor, ...]:
    """At a step that is masked in one of two inputs, Keras takes the other one's value."""
    result, mask = use.inputs[0].value, use.inputs[0].mask
    for tensor in use.inputs[1:]:
        other = _where(use, tensor.mask, tensor.value, result)
        result = use.b.apply(ops.Binary(function), _where(use, mask, result, other), other)
        mask = either(use.b, [mask, tensor.mask]) if mask is not None and tensor.mask is not None else None
    return (Tensor(result, mask),)


def _where(use: Use, mask: Value | None, x: Value, otherwise: Value) -> Value:
    if mask is None:
        return x
    keep = use.b.apply(ops.Reshape((*mask.shape, 1)), mask, name="mask")
    return use.b.apply(ops.Select(), keep, x, otherwise)


def average(use: Use) -> tuple[Tensor, ...]:
    """The mean of the inputs."""
    share = use.constant("share", np.full(1, 1 / len(use.inputs), "f4"))
    return _merged(use, use.b.multiply(_chain(use, "add"), share))


def concatenate(use: Use) -> tuple[Tensor, ...]:
    """The inputs one after the other along any axis but the batch."""
    rank = len(use.x.shape)
    axis = whole(use.config.get("axis"), -1) % (rank + 1) - 1
    y = use.b.apply(ops.Concat(axis), *(tensor.value for tensor in use.inputs))
    if all(tensor.mask is None for tensor in use.inputs):
        return (Tensor(y),)
    masks = [everywhere(use.b, tensor.shape[:-1]) if tensor.mask is None else tensor.mask for tensor in use.inputs]
    if axis < rank - 1:
        return (Tensor(y, use.b.apply(ops.Concat(axis), *masks, name="mask")),)
    return (Tensor(y, next((mask for mask in masks if mask.data is not None), None) or either(use.b, masks)),)


def dot(use: Use) -> tuple[Tensor, ...]:
    """The sum of products along one axis of each input, for every pair of their other positions."""
    values = [tensor.value for tensor in use.inputs]
    rows = []
    for value, axis in zip(values, use.config["axes"], strict=True):
        axis = axis % (len(value.shape) + 1) - 1
        if use.config.get("normalize"):
            value = _unit_length(use, value, axis)
        rows.append(use.b.apply(ops.Transpose((1, 0)), value) if (len(value.shape), axis) == (2, 0) else value)
    x, y = rows
    depth, others = x.shape[-1], (*x.shape[:-1], *y.shape[:-1])
    if len(x.shape) == len(y.shape) == 2:
        x = use.b.apply(ops.Reshape((x.shape[0], 1, depth)), x)
    result = use.b.apply(ops.Reduce("sum", -1, keepdims=not others), use.b.multiply(x, y))
    products = depth * math.prod(others)
    use.findings.products.append((use.path, products, products // others[0] if others else 0))
    return use.drop(result)


def _chain(use: Use, function: BinaryFunction, values: Sequence[Value] = ()) -> Value:
    result, *others = values or [tensor.value for tensor in use.inputs]
    for other in others:
        result = use.b.apply(ops.Binary(function), result, other)
    return result


def _merged(use: Use, y: Value) -> tuple[Tensor, ...]:
    """Keras: a step counts if any input has it, and one input without a mask takes the mask away."""
    masks = [tensor.mask for tensor in use.inputs if tensor.mask is not None]
    return (Tensor(y, either(use.b, masks) if len(masks) == len(use.inputs) else None),)


def _unit_length(use: Use, x: Value, axis: int) -> Value:
    """The vectors along `axis`, each divided by its length."""
    length_2 = use.b.apply(ops.Reduce("sum", axis, keepdims=True), use.b.multiply(x, x, "squared"))
    # Keras bounds 1 / length by 1e7; bounding length^2 keeps the reciprocal finite.
    bounded = use.b.apply(ops.Binary("maximum"), length_2, use.constant("epsilon", np.full(1, 1e-14, "f4")))
    return use.b.multiply(x, use.b.apply(ops.Unary("rsqrt"), bounded))
