"""Dense, Embedding, and the layers that do nothing at inference."""

from __future__ import annotations

from edgernn.converters.keras.layers.activations import activate
from edgernn.converters.keras.use import Tensor, Use
from edgernn.graph import operators as ops


def dense(use: Use) -> tuple[Tensor, ...]:
    """A matrix product W x + b on the last axis, and an activation."""
    bias = use.weight("bias")
    kernel = use.constant("kernel", use.layer.weights["kernel"].T)
    product = use.b.affine((use.x, kernel), bias=None if bias is None else use.constant("bias", bias))
    return use.keep(activate(use, product))


def embedding(use: Use) -> tuple[Tensor, ...]:
    """Rows of a table; with `mask_zero`, id 0 is masked out."""
    ids = use.x
    if ids.dtype == "float32" and (source := use.integer_input()) is not None:
        use.findings.integer_inputs.add(source.name)
    rows = use.b.apply(ops.Gather(), use.constant("embeddings", use.layer.weights["embeddings"]), ids)
    mask = use.b.apply(ops.Differs(0.0, rows=False), ids, name="mask") if use.config.get("mask_zero") else None
    return (Tensor(rows, mask),)


def identity(use: Use) -> tuple[Tensor, ...]:
    """Nothing: only training feels them."""
    return use.keep(use.x)
