"""Layers that move, repeat or drop elements."""

from __future__ import annotations

import math

from edgernn.converters.keras.use import Tensor, Use, pair
from edgernn.graph import operators as ops


def flatten(use: Use) -> tuple[Tensor, ...]:
    """All elements in one row."""
    return use.drop(use.b.apply(ops.Reshape((use.x.size,)), use.x))


def reshape(use: Use) -> tuple[Tensor, ...]:
    """The same elements in another shape, of which one size may be -1."""
    target = use.config["target_shape"]
    known = math.prod(size for size in target if size != -1)
    shape = tuple(use.x.size // known if size == -1 else size for size in target)
    return use.drop(use.b.apply(ops.Reshape(shape), use.x))


def permute(use: Use) -> tuple[Tensor, ...]:
    """The axes in another order."""
    return use.drop(use.b.apply(ops.Transpose(tuple(axis - 1 for axis in use.config["dims"])), use.x))


def repeat_vector(use: Use) -> tuple[Tensor, ...]:
    """The same vector at each of n time steps."""
    row = use.b.apply(ops.Reshape((1, *use.x.shape)), use.x)
    return use.drop(use.b.apply(ops.Broadcast((use.config["n"], *use.x.shape)), row))


def zero_padding(use: Use) -> tuple[Tensor, ...]:
    """Zeros before and after the time steps."""
    return use.drop(use.b.apply(ops.Pad(*pair(use.config.get("padding"), 1)), use.x))


def cropping(use: Use) -> tuple[Tensor, ...]:
    """Without the first and last time steps."""
    before, after = pair(use.config.get("cropping"), 1)
    return use.drop(use.b.apply(ops.Slice(before, use.steps - after), use.x))


def up_sampling(use: Use) -> tuple[Tensor, ...]:
    """Each time step `size` times."""
    size, (steps, channels) = use.option("size", 2), use.x.shape
    column = use.b.apply(ops.Reshape((steps, 1, channels)), use.x)
    copies = use.b.apply(ops.Broadcast((steps, size, channels)), column)
    return use.drop(use.b.apply(ops.Reshape((steps * size, channels)), copies))
