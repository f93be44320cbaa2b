"""The model that a recipe trains: recurrent layers, then one Dense layer with a probability for each class."""

from __future__ import annotations

from typing import Any

from edgernn.errors import missing_extra
from edgernn.training.recipe import Recipe

INPUT = "x"
CELLS = {"lstm": "LSTM", "gru": "GRU", "simplernn": "SimpleRNN"}


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


def build_network(keras: Any, recipe: Recipe, cell: str, units: int, layers: int) -> Any:
    """A Keras model with the input ``x``, float32 [batch, steps, features], and the output [batch, classes]."""
    recurrent = getattr(keras.layers, CELLS[cell])
    entry = keras.Input((recipe.steps, recipe.features), name=INPUT)
    flow = entry
    if recipe.padding is not None:
        flow = keras.layers.Masking(mask_value=recipe.padding, name="mask")(flow)
    for number in range(1, layers + 1):
        flow = recurrent(units, return_sequences=number < layers, name=f"{cell}_{number}")(flow)
    flow = keras.layers.Dense(len(recipe.classes), activation="softmax", name="probabilities")(flow)
    return keras.Model(entry, flow, name=f"{recipe.name.replace('-', '_')}_{cell}{units}")
