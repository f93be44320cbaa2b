"""Activation functions by Keras's names, and the layers that are one."""

from __future__ import annotations

import numpy as np

from edgernn.cells import Activation
from edgernn.converters.keras.use import Tensor, Use, whole
from edgernn.graph import Builder, Value
from edgernn.graph import operators as ops
from edgernn.graph.operators import UnaryFunction


def _unary(function: UnaryFunction, alpha: float = 0.0) -> Activation:
    return lambda b, x: b.apply(ops.Unary(function, alpha), x)


def _softmax(b: Builder, x: Value) -> Value:
    return b.apply(ops.Softmax(), x)


def _keras_2_hard_sigmoid(b: Builder, x: Value) -> Value:
    """clip(0.2 x + 0.5, 0, 1); Keras 3 has x / 6 instead of 0.2 x."""
    wider = b.multiply(x, b.constant("wider", np.full(1, 1.2, "f4")))
    return b.apply(ops.Unary("hard_sigmoid"), wider)


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda _, x: x,
    "sigmoid": _unary("sigmoid"),
    "tanh": _unary("tanh"),
    "relu": _unary("relu"),
    "relu6": _unary("relu6"),
    "leaky_relu": _unary("leaky_relu", 0.2),
    "elu": _unary("elu", 1.0),
    "selu": _unary("selu"),
    "gelu": _unary("gelu"),
    "silu": _unary("silu"),
    "softplus": _unary("softplus"),
    "softsign": _unary("softsign"),
    "hard_sigmoid": _unary("hard_sigmoid"),
    "keras_2_hard_sigmoid": _keras_2_hard_sigmoid,
    "hard_silu": _unary("hard_silu"),
    "exponential": _unary("exponential"),
    "mish": _unary("mish"),
    "softmax": _softmax,
}


def activate(use: Use, x: Value) -> Value:
    """`x` through the layer's `activation`."""
    return ACTIVATIONS[use.config.get("activation") or "linear"](use.b, x)


def activation(use: Use) -> tuple[Tensor, ...]:
    """The named function."""
    return use.keep(activate(use, use.x))


def relu(use: Use) -> tuple[Tensor, ...]:
    """The input where it is positive, up to max_value; elsewhere negative_slope times the input."""
    slope, top = use.config.get("negative_slope") or 0.0, use.config.get("max_value")
    if slope:
        y = use.b.apply(ops.Unary("leaky_relu", slope), use.x)
    else:
        y = use.b.apply(ops.Unary("relu6" if top == 6 else "relu"), use.x)
    if top is not None and (slope or top != 6):
        y = use.b.apply(ops.Binary("minimum"), y, use.constant("max_value", np.full(1, top, "f4")))
    return use.keep(y)


def leaky_relu(use: Use) -> tuple[Tensor, ...]:
    """The input where it is positive, elsewhere negative_slope times the input."""
    return use.keep(use.b.apply(ops.Unary("leaky_relu", use.config.get("negative_slope", 0.3)), use.x))


def elu(use: Use) -> tuple[Tensor, ...]:
    """The input where it is positive, elsewhere alpha (exp(x) - 1)."""
    return use.keep(use.b.apply(ops.Unary("elu", use.config.get("alpha", 1.0)), use.x))


def prelu(use: Use) -> tuple[Tensor, ...]:
    """The input where it is positive, elsewhere a learned alpha times the input."""
    zero = use.constant("zero", np.zeros(1, "f4"))
    below = use.b.apply(ops.Binary("minimum"), use.x, zero)
    slope = use.b.multiply(below, use.constant("alpha", use.layer.weights["alpha"]))
    return use.keep(use.b.add(use.b.apply(ops.Unary("relu"), use.x), slope))


def softmax(use: Use) -> tuple[Tensor, ...]:
    """The softmax along one axis."""
    rank = len(use.x.shape)
    axis = softmax_axis(use)
    order = (*(k for k in range(rank) if k != axis), axis)
    if order == tuple(range(rank)):
        return use.keep(_softmax(use.b, use.x))
    last = use.b.apply(ops.Transpose(order), use.x)
    back = tuple(order.index(k) for k in range(rank))
    return use.keep(use.b.apply(ops.Transpose(back), _softmax(use.b, last)))


def softmax_axis(use: Use) -> int:
    """The axis of a Softmax layer, not counting the batch axis."""
    return whole(use.config.get("axis"), -1) % (len(use.x.shape) + 1) - 1
