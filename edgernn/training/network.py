"""The model that a recipe trains: recurrent or convolutional layers, then one Dense layer with the probabilities."""

from __future__ import annotations

from typing import Any

from edgernn.errors import missing_extra
from edgernn.training.sizes import CNN, CNN_KERNELS, RECURRENT, Shape, filters

INPUT = "x"


def import_keras() -> Any:
    """Keras with its backend, which is TensorFlow unless the user has chosen another.

    Raises:
        EnvironmentProblem: Keras or TensorFlow is not installed.
    """
    try:
        import keras
    except ModuleNotFoundError as error:
        package = (error.name or "tensorflow").partition(".")[0]
        if package not in ("keras", "tensorflow"):
            raise
        raise missing_extra(package, "train", "training") from error
    return keras


def build_network(keras: Any, shape: Shape, cell: str, units: int, layers: int, name: str) -> Any:
    """A Keras model with the input ``x``, float32 [batch, steps, features], and the output [batch, classes]."""
    entry = keras.Input((shape.steps, shape.features), name=INPUT)
    if cell == CNN:
        flow = _convolutions(keras, entry, filters(shape, units))
    else:
        flow = _recurrence(keras, entry, shape, cell, units, layers)
    flow = keras.layers.Dense(shape.classes, activation="softmax", name="probabilities")(flow)
    return keras.Model(entry, flow, name=name)


def _recurrence(keras: Any, flow: Any, shape: Shape, cell: str, units: int, layers: int) -> Any:
    layer = getattr(keras.layers, RECURRENT[cell].layer)
    if shape.padding is not None:
        flow = keras.layers.Masking(mask_value=shape.padding, name="mask")(flow)
    for number in range(1, layers + 1):
        flow = layer(units, return_sequences=number < layers, name=f"{cell}_{number}")(flow)
    return flow


def _convolutions(keras: Any, flow: Any, count: int) -> Any:
    """Two convolutions of `count` filters, the second on half as many steps, and the maximum of each filter over time.

    Of what was tried, this told left-out training recordings best in both recipes (docs/recipes.md has the figures): a
    mean over time in place of the maximum costs 3 points and 4, a stride in place of pooling 1. There is no mask: a
    filter that answers to a pattern need not know where padding is, as long as only its strongest answer counts.
    """
    first, second = CNN_KERNELS
    flow = keras.layers.Conv1D(count, first, padding="same", activation="relu", name="conv_1")(flow)
    flow = keras.layers.MaxPooling1D(2, padding="same", name="pool")(flow)
    flow = keras.layers.Conv1D(count, second, padding="same", activation="relu", name="conv_2")(flow)
    return keras.layers.GlobalMaxPooling1D(name="strongest")(flow)
