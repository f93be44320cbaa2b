"""Normalization layers, as products and sums with constants where the statistics are known."""

from __future__ import annotations

import numpy as np

from edgernn.converters.keras.source_model import Array
from edgernn.converters.keras.use import Tensor, Use, whole
from edgernn.graph import Value
from edgernn.graph import operators as ops

_EPSILON = 1e-7  # keras.config.epsilon()


def batch_normalization(use: Use) -> tuple[Tensor, ...]:
    """One product and one sum, which are folded into a matrix product before them."""
    # gamma (x - mean) / sqrt(variance + epsilon) + beta, with the moving mean and variance
    weights = {role: array.astype("f8") for role, array in use.layer.weights.items()}
    gain = weights.get("gamma", 1.0) / np.sqrt(weights["moving_variance"] + use.config.get("epsilon", 1e-3))
    shift = weights.get("beta", 0.0) - weights["moving_mean"] * gain
    axis = whole(use.config.get("axis"), -1)
    y = use.b.multiply(use.x, use.constant("gain", _along(use, gain, [axis])))
    return use.keep(use.b.add(y, use.constant("shift", _along(use, shift, [axis]))))


def layer_normalization(use: Use) -> tuple[Tensor, ...]:
    """Mean 0 and variance 1 along the axes, then gamma and beta (Ba et al., 2016); `rms_scaling` keeps the mean."""
    axis = use.config.get("axis", -1)
    axes = [axis] if isinstance(axis, int) else list(axis)
    centered = use.b.subtract(use.x, _mean(use, use.x, axes), "centered")
    variance = _mean(use, use.b.multiply(centered, centered, "squared"), axes)
    epsilon = use.constant("epsilon", np.full(1, use.config.get("epsilon", 1e-3), "f4"))
    inverse = use.b.apply(ops.Unary("rsqrt"), use.b.add(variance, epsilon))
    y = use.b.multiply(use.x if use.config.get("rms_scaling") else centered, inverse)
    gamma, beta = use.weight("gamma"), use.weight("beta")
    if gamma is not None:
        y = use.b.multiply(y, use.constant("gamma", _along(use, gamma, axes)))
    if beta is not None:
        y = use.b.add(y, use.constant("beta", _along(use, beta, axes)))
    return use.keep(y)


def normalization(use: Use) -> tuple[Tensor, ...]:
    """The input minus its mean, divided by its deviation; with `invert` the way back."""
    axis = use.config.get("axis", -1)
    axes = [axis] if isinstance(axis, int) else list(axis or ())

    def statistic(role: str) -> Array:
        return _along(use, use.layer.weights[role].astype("f8"), axes)

    mean = use.constant("mean", statistic("mean"))
    deviation = np.maximum(np.sqrt(statistic("variance")), _EPSILON)
    if use.config.get("invert"):
        return use.keep(use.b.add(use.b.multiply(use.x, use.constant("deviation", deviation)), mean))
    return use.keep(use.b.multiply(use.b.subtract(use.x, mean), use.constant("gain", 1 / deviation)))


def rescaling(use: Use) -> tuple[Tensor, ...]:
    """The input times `scale`, plus `offset`."""
    y = use.b.multiply(use.x, use.constant("scale", np.atleast_1d(np.asarray(use.config["scale"], "f8"))))
    offset = np.atleast_1d(np.asarray(use.config.get("offset", 0.0), "f8"))
    return use.keep(use.b.add(y, use.constant("offset", offset)) if offset.any() else y)


def _along(use: Use, array: Array, axes: list[int]) -> Array:
    """`array`, whose axes are the input's `axes` (Keras's, with the batch), in a shape that broadcasts."""
    rank = len(use.x.shape) + 1
    shape = [1] * rank
    for axis, size in zip(sorted((axis % rank for axis in axes), reverse=True), reversed(array.shape), strict=False):
        shape[axis] = size
    return array.reshape(shape[1:])


def _mean(use: Use, x: Value, axes: list[int]) -> Value:
    rank = len(x.shape) + 1
    for axis in axes:
        x = use.b.apply(ops.Reduce("mean", axis % rank - 1, keepdims=True), x)
    return x
