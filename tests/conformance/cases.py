"""The models of the conformance table: cells with their options, and every layer around them.

Random weights, non-zero biases, odd sizes; each case is a function from the Keras module to a model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras_models import randomize

Build = Callable[[Any], Any]
STEPS, FEATURES = 6, 5


@dataclass(frozen=True)
class Case:
    """One row: a model, and what stands in its way.

    Attributes:
        build: makes the model.
        wide_tolerance: the same for 16-bit activations; functions without a 16-bit kernel go through 8 bits.
        int8_tolerance: relative error allowed in the int8 scheme on a phone, whose states have 8 bits.
        refused: per scheme, a piece of the rule's message.
        mask: whether the samples have masked steps, and of which kind.
    """

    build: Build
    int8_tolerance: float = 0.12
    wide_tolerance: float = 3e-2
    refused: tuple[tuple[str, str], ...] = ()
    mask: str = ""


def sequence(
    *layers: Callable[[Any], Any], shape: tuple[int, ...] = (STEPS, FEATURES), dtype: str = "float32"
) -> Build:
    """A Sequential model with random weights."""

    def build(keras: Any) -> Any:
        model = keras.Sequential(
            [keras.Input(shape, dtype=dtype, name="x"), *(layer(keras.layers) for layer in layers)]
        )
        randomize(model, 3)
        return model

    return build


def functional(wire: Callable[[Any, Any], Any], shape: tuple[int, ...] = (STEPS, FEATURES)) -> Build:
    """A functional model of one input with random weights."""

    def build(keras: Any) -> Any:
        x = keras.Input(shape, name="x")
        model = keras.Model(x, wire(keras.layers, x))
        randomize(model, 3)
        return model

    return build


def cell(name: str, units: int = 4, **options: Any) -> Build:
    """One recurrent layer, and a Dense behind it unless it returns a sequence."""
    return sequence(lambda k: getattr(k, name)(units, **options), lambda k: k.Dense(3))


def _cells() -> dict[str, Case]:
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "rnn": ("SimpleRNN", {}),
        "lstm": ("LSTM", {}),
        "gru": ("GRU", {}),
        "gru-before": ("GRU", {"reset_after": False}),
    }
    options: dict[str, dict[str, Any]] = {
        "plain": {},
        "one-unit": {"units": 1},
        "17-units": {"units": 17},
        "no-bias": {"use_bias": False},
        "sequences": {"return_sequences": True},
        "backwards": {"go_backwards": True},
        "backwards-sequences": {"go_backwards": True, "return_sequences": True},
        "unroll": {"unroll": True},
        "stateful-off-dropout": {"dropout": 0.3, "recurrent_dropout": 0.2},
    }
    cases = {
        f"{kind}/{option}": Case(cell(name, **{**base, **extra}))
        for kind, (name, base) in kinds.items()
        for option, extra in options.items()
    }
    for function in ("relu", "sigmoid", "linear", "hard_sigmoid", "elu", "softsign", "silu", "gelu", "softplus"):
        cases[f"rnn/{function}"] = Case(cell("SimpleRNN", activation=function), int8_tolerance=0.2, wide_tolerance=5e-2)
        cases[f"gru/{function}"] = Case(cell("GRU", activation=function), int8_tolerance=0.2, wide_tolerance=5e-2)
    cases["lstm/hard-sigmoid"] = Case(cell("LSTM", recurrent_activation="hard_sigmoid"))
    cases["lstm/one-feature"] = Case(sequence(lambda k: k.LSTM(3), shape=(7, 1)))
    cases["gru/one-step"] = Case(sequence(lambda k: k.GRU(3), shape=(1, 5)))
    cases["gru/eleven-steps"] = Case(sequence(lambda k: k.GRU(3, return_sequences=True), shape=(11, 2)))
    return cases


def _wiring() -> dict[str, Case]:
    def states(layers: Any, x: Any) -> Any:
        y, h, c = layers.LSTM(4, return_state=True)(x)
        return [layers.Dense(2, name="head")(y), h, c]

    def encoder_decoder(layers: Any, x: Any) -> Any:
        _, state = layers.GRU(5, return_state=True)(x)
        return layers.GRU(5, return_sequences=True)(layers.RepeatVector(3)(state), initial_state=state)

    def bidirectional(merge: str | None) -> Callable[[Any, Any], Any]:
        def wire(layers: Any, x: Any) -> Any:
            y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=merge)(x)
            return list(y) if merge is None else layers.Dense(2)(y)

        return wire

    cases = {
        f"bidirectional/{merge}": Case(functional(bidirectional(merge))) for merge in ("concat", "sum", "mul", "ave")
    }
    cases["bidirectional/none"] = Case(functional(bidirectional(None)))
    cases["bidirectional/last"] = Case(sequence(lambda k: k.Bidirectional(k.GRU(3))))
    cases["states"] = Case(functional(states))
    cases["encoder-decoder"] = Case(functional(encoder_decoder))
    cases["stacked"] = Case(
        sequence(lambda k: k.LSTM(5, return_sequences=True), lambda k: k.GRU(3), lambda k: k.Dense(2, "softmax"))
    )
    cases["stacked-lstm"] = Case(sequence(lambda k: k.LSTM(5, return_sequences=True), lambda k: k.LSTM(3)))
    cases["stacked-cells"] = Case(sequence(lambda k: k.RNN([k.LSTMCell(4), k.GRUCell(3)], return_sequences=True)))
    cases["one-cell"] = Case(sequence(lambda k: k.RNN(k.GRUCell(3))))
    return cases


def _masks() -> dict[str, Case]:
    def two_masks(layers: Any, x: Any) -> Any:
        a, b = layers.Masking(0.0)(x), layers.Masking(-1.5)(x)
        return layers.LSTM(3)(layers.Concatenate()([a, b]))

    def masked(name: str, kind: str) -> Case:
        def recurrent(layers: Any) -> Any:
            return getattr(layers, name)(4, return_sequences=kind == "left")

        return Case(sequence(lambda k: k.Masking(0.0), recurrent, lambda k: k.Dense(2)), mask=kind)

    return {
        f"mask-{kind}/{name}": masked(name, kind)
        for kind in ("right", "left", "scattered", "all")
        for name in ("LSTM", "GRU")
    } | {
        "mask-value": Case(sequence(lambda k: k.Masking(-1.5), lambda k: k.GRU(3)), mask="value"),
        "mask-merged": Case(functional(two_masks), mask="value"),
        "mask-bidirectional": Case(
            sequence(lambda k: k.Masking(0.0), lambda k: k.Bidirectional(k.LSTM(3, return_sequences=True))),
            mask="right",
        ),
        "mask-embedding": Case(
            sequence(lambda k: k.Embedding(9, 4, mask_zero=True), lambda k: k.LSTM(3), shape=(STEPS,), dtype="int32"),
            mask="ids",
        ),
        "mask-one-step": Case(
            sequence(lambda k: k.Masking(), lambda k: k.LSTM(7, return_sequences=True), shape=(1, FEATURES)),
            mask="value",
        ),
        "mask-two-steps": Case(
            sequence(
                lambda k: k.Masking(-1.5), lambda k: k.GRU(7, return_sequences=True), lambda k: k.LSTM(5), shape=(2, 5)
            ),
            mask="value",
        ),
        "mask-stacked-cells": Case(
            sequence(lambda k: k.Masking(), lambda k: k.RNN([k.LSTMCell(4), k.GRUCell(3)])), mask="right"
        ),
        "mask-sentences": Case(sentences, mask="ids"),
        "mask-padded-ids": Case(
            sequence(
                lambda k: k.Reshape((STEPS, 1)),
                lambda k: k.ZeroPadding1D((1, 2)),
                lambda k: k.Reshape((STEPS + 3,)),
                lambda k: k.Embedding(9, 4, mask_zero=True),
                lambda k: k.GRU(3),
                shape=(STEPS,),
                dtype="int32",
            ),
            mask="ids",
        ),
        "mask-pooling": Case(
            sequence(
                lambda k: k.Masking(0.0),
                lambda k: k.LSTM(3, return_sequences=True),
                lambda k: k.GlobalAveragePooling1D(),
            ),
            mask="right",
        ),
    }


def sentences(keras: Any) -> Any:
    """A masked text in every step of another loop."""
    k = keras.layers
    words = keras.Sequential([keras.Input((STEPS,), dtype="int32"), k.Embedding(9, 4, mask_zero=True), k.LSTM(5)])
    x = keras.Input((4, STEPS), dtype="int32", name="x")
    model = keras.Model(x, k.GRU(3)(k.TimeDistributed(words)(x)))
    randomize(model, 3)
    return model


def _layers() -> dict[str, Case]:
    def front(*layers: Callable[[Any], Any], shape: tuple[int, ...] = (12, 5)) -> Case:
        return Case(sequence(*layers, lambda k: k.GRU(3), shape=shape), int8_tolerance=0.2)

    def behind(*layers: Callable[[Any], Any]) -> Case:
        return Case(sequence(lambda k: k.GRU(5, return_sequences=True), *layers), int8_tolerance=0.2)

    def two(name: str, **options: Any) -> Case:
        def wire(layers: Any, x: Any) -> Any:
            a, b = layers.GRU(3, return_sequences=True)(x), layers.Dense(3, "tanh")(x)
            return getattr(layers, name)(**options)([a, b])

        return Case(functional(wire), int8_tolerance=0.2)

    cases = {
        "conv/valid": front(lambda k: k.Conv1D(4, 3)),
        "conv/same-stride": front(lambda k: k.Conv1D(4, 3, strides=2, padding="same", activation="relu")),
        "conv/causal-dilated": front(lambda k: k.Conv1D(4, 3, dilation_rate=2, padding="causal")),
        "conv/depthwise": front(lambda k: k.DepthwiseConv1D(3, depth_multiplier=2, padding="same")),
        "conv/separable": front(lambda k: k.SeparableConv1D(4, 3, strides=2)),
        "conv/no-bias": front(lambda k: k.Conv1D(4, 3, use_bias=False), lambda k: k.BatchNormalization()),
        "pool/max": front(lambda k: k.MaxPooling1D(2)),
        "pool/average-same": front(lambda k: k.AveragePooling1D(3, strides=2, padding="same")),
        "pool/max-same": front(lambda k: k.MaxPooling1D(3, strides=2, padding="same")),
        "pad-crop-up": front(
            lambda k: k.ZeroPadding1D((2, 1)), lambda k: k.Cropping1D((1, 2)), lambda k: k.UpSampling1D(2)
        ),
        "batchnorm-first": front(lambda k: k.BatchNormalization()),
        "layernorm": front(lambda k: k.LayerNormalization()),
        "rescaling": front(lambda k: k.Rescaling(0.5, 0.25)),
        "dense-first": front(lambda k: k.Dense(4, "relu"), lambda k: k.Dropout(0.5)),
        "permute": front(lambda k: k.Permute((2, 1))),
        "permute-ids": Case(
            sequence(
                lambda k: k.Permute((2, 1)),
                lambda k: k.Embedding(9, 3),
                lambda k: k.Reshape((5, 6)),
                lambda k: k.GRU(3),
                shape=(2, 5),
                dtype="int32",
            )
        ),
        "global-max": behind(lambda k: k.GlobalMaxPooling1D()),
        "global-average": behind(lambda k: k.GlobalAveragePooling1D()),
        "flatten": behind(lambda k: k.Flatten(), lambda k: k.Dense(3)),
        "reshape": behind(lambda k: k.Reshape((3, 10)), lambda k: k.Dense(2)),
        "time-distributed": behind(lambda k: k.TimeDistributed(k.Dense(4, "sigmoid"))),
        "batchnorm": behind(lambda k: k.BatchNormalization(), lambda k: k.Dense(2)),
        "softmax": behind(lambda k: k.Softmax()),
        "repeat": Case(
            sequence(lambda k: k.GRU(5), lambda k: k.RepeatVector(3), lambda k: k.LSTM(2, return_sequences=True))
        ),
        "dot": two("Dot", axes=(2, 2)),
        "concatenate": two("Concatenate"),
    }
    for name in ("LSTM", "GRU"):
        cases[f"time-distributed/{name}"] = Case(time_distributed(name), int8_tolerance=0.2)
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"):
        cases[f"merge/{name}"] = two(name)
    for function in (
        "relu",
        "relu6",
        "elu",
        "selu",
        "gelu",
        "silu",
        "softplus",
        "softsign",
        "hard_sigmoid",
        "exponential",
        "mish",
        "leaky_relu",
        "hard_silu",
    ):
        cases[f"activation/{function}"] = behind(lambda k: k.Dense(4), activation(function))
    return cases


def time_distributed(name: str) -> Build:
    """A recurrent layer in every step of another sequence: a loop in a loop."""
    return sequence(lambda k: k.TimeDistributed(getattr(k, name)(3)), lambda k: k.GRU(2), shape=(4, 5, 3))


def activation(function: str) -> Callable[[Any], Any]:
    """An Activation layer."""
    return lambda layers: layers.Activation(function)


CASES: dict[str, Case] = {**_cells(), **_wiring(), **_masks(), **_layers()}
