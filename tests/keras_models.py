"""Small Keras models for tests: one builder per feature, non-zero biases, odd sizes.

`build(name)` gives a model whose every weight is random, so that no test passes by chance on a zero.
The builders take the Keras module, so that the same table also makes files with another Keras.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from keras_functional_models import FUNCTIONAL, Builder


def build(name: str, keras: Any = None) -> Any:
    """The model `name` of `MODELS` with random weights that depend on the name alone."""
    if keras is None:
        import keras as installed

        keras = installed
    keras.backend.clear_session()  # layer names start again from zero
    keras.utils.set_random_seed(7)
    model = MODELS[name](keras)
    randomize(model, zlib.crc32(name.encode()))
    return model


def randomize(model: Any, seed: int = 0) -> None:
    """Give every weight of `model` a random value: variances positive, counts left, all others around zero."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        role = variable.name.split("/")[-1].split(":")[0]
        if role == "count":
            continue
        shape = tuple(variable.shape)
        scale = 0.5 / np.sqrt(shape[0]) if len(shape) > 1 else 0.3
        value = random.normal(0.0, scale, shape)
        if role in ("moving_variance", "variance"):
            value = random.uniform(0.3, 2.0, shape)
        elif role == "gamma":
            value = value + 1.0
        variable.assign(value.astype(np.float32))


def sequential(
    layers: Callable[[Any], list[Any]], shape: tuple[int | None, ...] = (7, 5), dtype: str = "float32"
) -> Builder:
    """A builder of a Sequential from a function of `keras.layers`."""
    return lambda k: k.Sequential([k.Input(shape, dtype=dtype), *layers(k.layers)])


def _normalizations(k: Any) -> list[Any]:
    return [
        k.BatchNormalization(),
        k.LayerNormalization(axis=-1, epsilon=0.01),
        k.LSTM(3),
        k.BatchNormalization(scale=False),
        k.BatchNormalization(center=False),
        k.LayerNormalization(scale=False),
        k.LayerNormalization(center=False),
    ]


def _normalization_given(k: Any) -> list[Any]:
    given = [1.0, 2.0, 3.0, 4.0, 5.0]
    return [
        k.Normalization(mean=given, variance=given),
        k.Normalization(mean=0.5, variance=2.0, invert=True),
        k.Rescaling(0.5, offset=1.0),
        k.LSTM(2),
    ]


def _convolutions(k: Any) -> list[Any]:
    return [
        k.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu"),
        k.Conv1D(4, 3, groups=2, strides=2),
        k.DepthwiseConv1D(3, depth_multiplier=2),
        k.SeparableConv1D(5, 3, depth_multiplier=3, padding="same"),
        k.GRU(3),
    ]


def _poolings(k: Any) -> list[Any]:
    return [
        k.ZeroPadding1D((1, 2)),
        k.MaxPooling1D(2),
        k.AveragePooling1D(2, padding="same"),
        k.UpSampling1D(3),
        k.Cropping1D((1, 1)),
        k.LSTM(4, return_sequences=True),
        k.GlobalMaxPooling1D(keepdims=True),
        k.GlobalAveragePooling1D(),
    ]


def _shapes(k: Any) -> list[Any]:
    return [k.Permute((2, 1)), k.Reshape((7, 5)), k.LSTM(3), k.RepeatVector(4), k.Identity(), k.Flatten()]


def _activations(k: Any) -> list[Any]:
    return [
        k.ReLU(6.0, negative_slope=0.1),
        k.LeakyReLU(0.2),
        k.PReLU(shared_axes=[1]),
        k.PReLU(),
        k.ELU(0.7),
        k.Softmax(),
        k.Activation("tanh"),
        k.GRU(3, activation="hard_sigmoid", recurrent_activation="relu"),
        k.Activation("softplus"),
    ]


def _dropouts(k: Any) -> list[Any]:
    return [
        k.Dropout(0.3),
        k.SpatialDropout1D(0.2),
        k.GaussianDropout(0.1),
        k.GaussianNoise(0.1),
        k.AlphaDropout(0.1),
        k.ActivityRegularization(0.1),
        k.LSTM(3, dropout=0.2, recurrent_dropout=0.3, kernel_regularizer="l2"),
    ]


def _time_distributed(k: Any) -> list[Any]:
    inner = [k.Dense(4), k.Reshape((2, 2)), k.LSTM(3), k.BatchNormalization()]
    return [k.TimeDistributed(layer) for layer in inner]


def _recurrent_cells(k: Any) -> list[Any]:
    cells = [k.LSTMCell(4), k.GRUCell(3, reset_after=False), k.LSTMCell(3), k.SimpleRNNCell(2)]
    return [k.RNN(k.LSTMCell(5, use_bias=False), return_sequences=True), k.Bidirectional(k.RNN(cells))]


def _own_backward_layer(k: Any) -> list[Any]:
    backward = k.LSTM(3, activation="relu", go_backwards=True, return_sequences=True, name="mirror")
    return [k.Bidirectional(k.LSTM(3, return_sequences=True, name="ahead"), backward_layer=backward)]


def _low_precision(k: Any) -> list[Any]:
    recurrent = [k.GRU(4, return_sequences=True, dtype="float16"), k.LSTM(3, dtype="mixed_float16")]
    return [*recurrent, k.Dense(2, dtype="float64")]


SEQUENTIAL: dict[str, Builder] = {
    "lstm": sequential(lambda k: [k.LSTM(6, return_sequences=True), k.LSTM(3), k.Dense(2)]),
    "gru": sequential(lambda k: [k.GRU(6, return_sequences=True), k.GRU(3, go_backwards=True, dropout=0.2)]),
    "gru_before": sequential(lambda k: [k.GRU(6, reset_after=False), k.Dense(3, activation="softmax")]),
    "simple_rnn": sequential(lambda k: [k.SimpleRNN(1, activation="relu", recurrent_dropout=0.1)], shape=(17, 1)),
    "no_bias": sequential(lambda k: [k.LSTM(3, use_bias=False, return_sequences=True), k.GRU(2, use_bias=False)]),
    "unknown_steps": sequential(lambda k: [k.GRU(3, return_sequences=True)], shape=(None, 5)),
    "embedding": sequential(lambda k: [k.Embedding(11, 4, mask_zero=True), k.LSTM(3)], shape=(9,), dtype="int32"),
    "masking": sequential(lambda k: [k.Masking(0.5), k.GRU(3, zero_output_for_mask=True, return_sequences=True)]),
    "normalizations": sequential(_normalizations),
    "normalization_given": sequential(_normalization_given),
    "convolutions": sequential(_convolutions, shape=(33, 5)),
    "poolings": sequential(_poolings, shape=(21, 3)),
    "shapes": sequential(_shapes),
    "activations": sequential(_activations),
    "dropouts": sequential(_dropouts),
    "time_distributed": sequential(_time_distributed),
    "recurrent_cells": sequential(_recurrent_cells),
    "own_backward_layer": sequential(_own_backward_layer),
    "low_precision": sequential(_low_precision),
    "many_of_a_class": sequential(
        lambda k: [k.Dense(5, name=name) for name in ("zulu", "alpha", "mike", "bravo")], shape=(5,)
    ),
}

MODELS: dict[str, Builder] = {**SEQUENTIAL, **FUNCTIONAL}
