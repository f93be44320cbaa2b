"""The layers around the recurrent ones, against Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reader_harness import check, functional

from edgernn.converters.keras.layers.activations import ACTIVATIONS
from edgernn.reference import evaluate

Make = Callable[[Any], Any]


def on_sequence(make: Make, shape: tuple[int, ...] = (9, 5)) -> Any:
    """A model of one layer on one input."""
    import keras

    x = keras.Input(shape)
    return functional(x, make(keras.layers)(x))


SHAPES: dict[str, Make] = {
    "Flatten": lambda k: k.Flatten(),
    "Reshape": lambda k: k.Reshape((3, 15)),
    "Reshape open": lambda k: k.Reshape((5, -1, 3)),
    "Permute": lambda k: k.Permute((2, 1)),
    "ZeroPadding1D": lambda k: k.ZeroPadding1D((1, 3)),
    "ZeroPadding1D both": lambda k: k.ZeroPadding1D(2),
    "Cropping1D": lambda k: k.Cropping1D((2, 0)),
    "Cropping1D both": lambda k: k.Cropping1D(1),
    "UpSampling1D": lambda k: k.UpSampling1D(3),
    "Dropout": lambda k: k.Dropout(0.5),
    "SpatialDropout1D": lambda k: k.SpatialDropout1D(0.5),
    "GaussianDropout": lambda k: k.GaussianDropout(0.5),
    "GaussianNoise": lambda k: k.GaussianNoise(0.5),
    "AlphaDropout": lambda k: k.AlphaDropout(0.5),
    "ActivityRegularization": lambda k: k.ActivityRegularization(0.1),
    "Identity": lambda k: k.Identity(),
}
NORMALIZATIONS: dict[str, Make] = {
    "BatchNormalization": lambda k: k.BatchNormalization(),
    "BatchNormalization epsilon": lambda k: k.BatchNormalization(epsilon=0.1, center=False),
    "BatchNormalization no scale": lambda k: k.BatchNormalization(scale=False),
    "BatchNormalization axis": lambda k: k.BatchNormalization(axis=1),
    "LayerNormalization": lambda k: k.LayerNormalization(),
    "LayerNormalization center": lambda k: k.LayerNormalization(epsilon=0.1, scale=False),
    "LayerNormalization scale": lambda k: k.LayerNormalization(center=False),
    "LayerNormalization axis": lambda k: k.LayerNormalization(axis=1),
    "LayerNormalization axes": lambda k: k.LayerNormalization(axis=[1, 2]),
    "LayerNormalization rms": lambda k: k.LayerNormalization(rms_scaling=True),
    "Normalization": lambda k: k.Normalization(mean=3.0, variance=2.0),
    "Normalization features": lambda k: k.Normalization(mean=list(range(5)), variance=[1, 2, 3, 4, 0]),
    "Normalization steps": lambda k: k.Normalization(axis=(1, 2), mean=[1.0] * 5, variance=[1, 2, 3, 4, 5]),
    "Normalization invert": lambda k: k.Normalization(mean=list(range(5)), variance=[4.0] * 5, invert=True),
    "Normalization one": lambda k: k.Normalization(axis=None, mean=1.0, variance=4.0),
    "Rescaling": lambda k: k.Rescaling(0.3),
    "Rescaling features": lambda k: k.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0], offset=[0.0, 1.0, 0.0, 1.0, 0.0]),
}
CONVOLUTIONS: dict[str, Make] = {
    "Conv1D": lambda k: k.Conv1D(4, 3),
    "Conv1D one": lambda k: k.Conv1D(1, 1, use_bias=False),
    "Conv1D same": lambda k: k.Conv1D(4, 4, padding="same", activation="tanh"),
    "Conv1D same stride": lambda k: k.Conv1D(4, 4, strides=3, padding="same"),
    "Conv1D same dilation": lambda k: k.Conv1D(4, 2, dilation_rate=3, padding="same"),
    "Conv1D causal": lambda k: k.Conv1D(4, 3, padding="causal", activation="relu"),
    "Conv1D causal dilation": lambda k: k.Conv1D(17, 3, dilation_rate=4, padding="causal"),
    "Conv1D causal stride": lambda k: k.Conv1D(4, 3, strides=2, padding="causal"),
    "Conv1D dilation": lambda k: k.Conv1D(4, 3, dilation_rate=4, use_bias=False),
    "DepthwiseConv1D": lambda k: k.DepthwiseConv1D(3),
    "DepthwiseConv1D same": lambda k: k.DepthwiseConv1D(4, padding="same", depth_multiplier=3, activation="relu"),
    "DepthwiseConv1D stride": lambda k: k.DepthwiseConv1D(2, strides=2, padding="same", use_bias=False),
    "DepthwiseConv1D dilation": lambda k: k.DepthwiseConv1D(3, dilation_rate=2),
    "SeparableConv1D": lambda k: k.SeparableConv1D(4, 3),
    "SeparableConv1D same": lambda k: k.SeparableConv1D(7, 4, padding="same", depth_multiplier=2, activation="elu"),
    "SeparableConv1D stride": lambda k: k.SeparableConv1D(4, 3, strides=2, use_bias=False),
    "MaxPooling1D": lambda k: k.MaxPooling1D(),
    "MaxPooling1D same": lambda k: k.MaxPooling1D(4, strides=3, padding="same"),
    "MaxPooling1D overlapping": lambda k: k.MaxPooling1D(3, strides=1),
    "AveragePooling1D": lambda k: k.AveragePooling1D(2),
    "AveragePooling1D same": lambda k: k.AveragePooling1D(4, strides=3, padding="same"),
    "GlobalMaxPooling1D": lambda k: k.GlobalMaxPooling1D(),
    "GlobalMaxPooling1D keepdims": lambda k: k.GlobalMaxPooling1D(keepdims=True),
    "GlobalAveragePooling1D": lambda k: k.GlobalAveragePooling1D(),
    "GlobalAveragePooling1D keepdims": lambda k: k.GlobalAveragePooling1D(keepdims=True),
}
ACTIVATION_LAYERS: dict[str, Make] = {
    "ReLU": lambda k: k.ReLU(),
    "ReLU 6": lambda k: k.ReLU(6.0),
    "ReLU 1": lambda k: k.ReLU(1.0),
    "ReLU slope": lambda k: k.ReLU(negative_slope=0.1),
    "ReLU all": lambda k: k.ReLU(0.7, negative_slope=0.3),
    "LeakyReLU": lambda k: k.LeakyReLU(),
    "LeakyReLU slope": lambda k: k.LeakyReLU(0.01),
    "ELU": lambda k: k.ELU(),
    "ELU alpha": lambda k: k.ELU(0.3),
    "PReLU": lambda k: k.PReLU(),
    "PReLU shared": lambda k: k.PReLU(shared_axes=[1]),
    "Softmax": lambda k: k.Softmax(),
    "Softmax in time": lambda k: k.Softmax(axis=1),
    "Softmax list": lambda k: k.Softmax(axis=[-1]),
}
ROWS = {**SHAPES, **NORMALIZATIONS, **CONVOLUTIONS, **ACTIVATION_LAYERS}


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize("row", ROWS)
def test_layer(row: str) -> None:
    check(on_sequence(ROWS[row]))


@pytest.mark.parametrize("shape", [(1,), (17,), (1, 17), (3, 2, 5)], ids=str)
def test_dense(shape: tuple[int, ...]) -> None:
    import keras

    x = keras.Input(shape)
    outputs = [keras.layers.Dense(4)(x), keras.layers.Dense(1, use_bias=False, activation="softplus")(x)]
    check(functional(x, outputs))


def test_every_activation() -> None:
    import keras

    x = keras.Input((4, 3))
    names = sorted(name for name in ACTIVATIONS if not name.startswith("keras_2_"))
    outputs = [keras.layers.Activation(name, name=f"layer_{name}")(x) for name in [*names, "swish", "hard_swish"]]
    outputs += [keras.layers.Dense(2, activation=name, name=f"dense_{name}")(x) for name in names]
    check(functional(x, outputs))


def test_hard_sigmoid_of_keras_2() -> None:
    from edgernn.graph import Builder

    b = Builder("model")
    graph = b.finish(ACTIVATIONS["keras_2_hard_sigmoid"](b, b.input("x", (7,))))
    x = np.linspace(-4, 4, 7, dtype="float32")[None]
    (y,) = evaluate(graph, {"x": x}).values()
    np.testing.assert_allclose(y, np.clip(0.2 * x + 0.5, 0, 1), atol=1e-6)


def test_repeat_vector() -> None:
    check(on_sequence(lambda k: k.RepeatVector(4), (3,)))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32"])
def test_embedding(dtype: str) -> None:
    """Ids are integers, also where the model calls them float32."""
    import keras

    ids = keras.Input((6,), dtype=dtype)
    y = keras.layers.Embedding(11, 3)(keras.layers.Reshape((2, 3))(ids))
    read = check(functional(ids, [y, keras.layers.Embedding(11, 2)(ids)]))
    assert [value.dtype for value in read.graph.inputs] == ["int32"]


MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"]


@pytest.mark.parametrize("name", MERGES)
def test_merge(name: str) -> None:
    import keras

    a, b, c, d = keras.Input((4, 3)), keras.Input((4, 3)), keras.Input((4, 3)), keras.Input((1, 3))
    layer = getattr(keras.layers, name)
    outputs = [layer()([a, b])]
    outputs += [layer()([a, a, b, c])] if name != "Subtract" else []
    outputs += [layer()([a, d])] if name != "Concatenate" else [layer(axis=1)([a, d]), layer(axis=-2)([d, a, d])]
    check(functional([a, b, c, d], outputs))


def test_merge_of_a_sequence_with_a_vector() -> None:
    import keras

    a, b = keras.Input((4, 3)), keras.Input((3,))
    check(functional([a, b], [keras.layers.Add()([a, b]), keras.layers.Multiply()([b, a])]))


@pytest.mark.parametrize("normalize", [False, True])
def test_dot(normalize: bool) -> None:
    import keras

    a, b, c, d = keras.Input((4, 3)), keras.Input((5, 3)), keras.Input((3,)), keras.Input((3, 4))
    dot = keras.layers.Dot
    rows: list[tuple[Any, list[Any]]] = [
        (2, [a, b]), (-1, [c, c]), (1, [c, c]), ((1, 2), [c, a]), ((2, 1), [a, c]), ((1, 2), [d, a]), ((2, 1), [a, d]),
    ]  # fmt: skip
    outputs = [dot(axes, normalize=normalize)(inputs) for axes, inputs in rows]
    read = check(functional([a, b, c, d], outputs))
    assert [layer.macs for layer in read.layers] == [60, 3, 3, 12, 12, 48, 48]
    assert [layer.macs_per_step for layer in read.layers] == [15, 0, 0, 3, 3, 12, 12]


TIME_DISTRIBUTED: dict[str, tuple[Make, tuple[int, ...]]] = {
    "Dense": (lambda k: k.Dense(4, activation="relu"), (5, 3)),
    "Softmax": (lambda k: k.Softmax(), (5, 3)),
    "BatchNormalization": (lambda k: k.BatchNormalization(), (5, 3)),
    "LayerNormalization": (lambda k: k.LayerNormalization(), (5, 3)),
    "LayerNormalization axes": (lambda k: k.LayerNormalization(axis=[1, 2]), (5, 3, 2)),
    "PReLU": (lambda k: k.PReLU(), (5, 3)),
    "Flatten": (lambda k: k.Flatten(), (5, 3, 2)),
    "Reshape": (lambda k: k.Reshape((2, 3)), (5, 6)),
    "Conv1D": (lambda k: k.Conv1D(4, 3, padding="same"), (5, 7, 2)),
    "GlobalMaxPooling1D": (lambda k: k.GlobalMaxPooling1D(), (5, 7, 2)),
    "LSTM": (lambda k: k.LSTM(4), (5, 7, 2)),
    "Bidirectional": (lambda k: k.Bidirectional(k.GRU(4, return_sequences=True)), (5, 7, 2)),
    "TimeDistributed": (lambda k: k.TimeDistributed(k.Dense(4)), (5, 3, 2)),
}


@pytest.mark.parametrize("row", TIME_DISTRIBUTED)
def test_time_distributed(row: str) -> None:
    import keras

    make, shape = TIME_DISTRIBUTED[row]
    read = check(on_sequence(lambda k: keras.layers.TimeDistributed(make(k), name="each"), shape))
    assert [layer.name for layer in read.layers] == ["each"]
    assert read.layers[0].output_shape == read.graph.outputs[0].shape


@pytest.mark.parametrize("loop", [True, False])
def test_time_distributed_model(loop: bool) -> None:
    import keras

    inside = keras.Input((7, 3))
    y = keras.layers.Dense(4)(keras.layers.LSTM(3, return_sequences=True)(inside) if loop else inside)
    x = keras.Input((5, 7, 3))
    read = check(functional(x, keras.layers.TimeDistributed(keras.Model(inside, y))(x)))
    assert read.macs == 5 * 7 * (3 * 4 + loop * 4 * 3 * 6)
    assert read.macs_per_step == read.macs // 5


def test_time_distributed_embedding() -> None:
    import keras

    ids = keras.Input((4, 5))
    words = keras.layers.TimeDistributed(keras.layers.Embedding(11, 3))(ids)
    check(functional(ids, words))
