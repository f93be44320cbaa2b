"""Masking, and what masks become where tensors meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgernn.converters.keras.use import Tensor, Use
from edgernn.graph import Builder, Value
from edgernn.graph import operators as ops


def masking(use: Use) -> tuple[Tensor, ...]:
    """A time step whose every feature is `mask_value` is masked out, and zero."""
    value = float(use.config.get("mask_value", 0.0))
    mask = use.b.apply(ops.Differs(value, rows=True), use.x, name="mask")
    y = use.x
    if value:  # a masked step of zeros is zero already
        keep = use.b.apply(ops.Reshape((*mask.shape, 1)), mask)
        y = use.b.apply(ops.Select(), keep, use.x, use.constant("zero", np.zeros(1, "f4")))
    return (Tensor(y, mask),)


def either(b: Builder, masks: Sequence[Value]) -> Value:
    """Elementwise or: a step counts if any input has it."""
    first, *others = dict.fromkeys(masks)
    for other in others:
        first = b.apply(ops.Or(), first, other, name="either")
    return first


def everywhere(b: Builder, shape: tuple[int, ...]) -> Value:
    """A mask that masks nothing out."""
    return b.constant("everywhere", np.ones(shape, bool))
