"""Recurrent layers, with every option, against Keras."""

from __future__ import annotations

from typing import Any

import pytest
from keras_models import randomize
from reader_harness import check, functional

from edgernn.converters.keras.layers.activations import ACTIVATIONS

CELLS = ["LSTM", "GRU", "SimpleRNN"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True},
    {"return_state": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"go_backwards": True},
    {"use_bias": False},
    {"unroll": True, "dropout": 0.3, "recurrent_dropout": 0.3},
]


def _name(options: object) -> str:
    return "-".join(map(str, options)) or "plain" if isinstance(options, dict) else str(options)


@pytest.mark.parametrize("options", OPTIONS, ids=_name)
@pytest.mark.parametrize("cell", CELLS)
def test_options(cell: str, options: dict[str, Any]) -> None:
    import keras

    x = keras.Input((6, 5))
    check(functional(x, getattr(keras.layers, cell)(7, **options)(x)))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("steps", "features", "units"), [(1, 1, 1), (17, 1, 17), (1, 17, 1)])
def test_odd_sizes(cell: str, steps: int, features: int, units: int) -> None:
    import keras

    x = keras.Input((steps, features))
    check(functional(x, getattr(keras.layers, cell)(units, return_sequences=True)(x)))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_reset(reset_after: bool, use_bias: bool) -> None:
    import keras

    x = keras.Input((6, 5))
    check(functional(x, keras.layers.GRU(4, reset_after=reset_after, use_bias=use_bias)(x)))


def test_every_activation_of_a_cell() -> None:
    import keras

    x = keras.Input((3, 3))
    outputs = []
    for name in sorted(name for name in ACTIVATIONS if not name.startswith("keras_2_")):
        outputs.append(keras.layers.LSTM(3, recurrent_activation=name, name=f"lstm_gate_{name}")(x))
        outputs.append(keras.layers.GRU(3, recurrent_activation=name, name=f"gru_gate_{name}")(x))
        if name != "exponential":  # of a state that is fed back, it overflows
            outputs += [getattr(keras.layers, cell)(3, activation=name, name=f"{cell}_{name}")(x) for cell in CELLS]
    check(functional(x, outputs))


@pytest.mark.parametrize("options", OPTIONS[:4], ids=_name)
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(merge_mode: str | None, options: dict[str, Any]) -> None:
    import keras

    x = keras.Input((6, 5))
    options = {key: value for key, value in options.items() if key != "go_backwards"}
    layers = [keras.layers.Bidirectional(getattr(keras.layers, cell)(3, **options), merge_mode) for cell in CELLS]
    check(functional(x, [layer(x) for layer in layers]))


def test_bidirectional_with_its_own_backward_layer() -> None:
    import keras

    x = keras.Input((6, 5))
    outputs = []
    for sequences in (True, False):
        one = keras.layers.LSTM(3, return_sequences=sequences, activation="relu")
        other = keras.layers.GRU(3, return_sequences=sequences, go_backwards=True)
        outputs.append(keras.layers.Bidirectional(one, backward_layer=other)(x))
        one = keras.layers.LSTM(3, return_sequences=sequences, go_backwards=True)
        other = keras.layers.LSTM(3, return_sequences=sequences, use_bias=False)
        outputs.append(keras.layers.Bidirectional(one, backward_layer=other)(x))
    check(functional(x, outputs))


def test_initial_states() -> None:
    import keras

    x, h, c = keras.Input((5, 3)), keras.Input((4,)), keras.Input((4,))
    layers = keras.layers
    outputs = [
        layers.LSTM(4, return_sequences=True)(x, initial_state=[h, c]),
        layers.GRU(4, go_backwards=True)(x, initial_state=h),
        layers.SimpleRNN(4)(x, initial_state=[c]),
        layers.Bidirectional(layers.LSTM(4, return_state=True))(x, initial_state=[h, c, c, h]),
        layers.Bidirectional(layers.GRU(4))(x, initial_state=[c, h]),
    ]
    check(functional([x, h, c], outputs))


def test_encoder_decoder() -> None:
    import keras

    source, target = keras.Input((7, 5)), keras.Input((4, 3))
    _, h, c = keras.layers.LSTM(6, return_state=True)(source)
    decoded = keras.layers.LSTM(6, return_sequences=True)(target, initial_state=[h, c])
    words = keras.layers.Dense(9, activation="softmax")(decoded)
    read = check(functional([source, target], words))
    assert read.macs_per_step == 4 * 6 * (5 + 6) + 4 * 6 * (3 + 6) + 6 * 9


def test_cells_and_stacks_of_cells() -> None:
    import keras

    x = keras.Input((5, 3))
    layers = keras.layers

    def stack() -> list[Any]:
        return [layers.LSTMCell(4), layers.GRUCell(3, reset_after=False), layers.SimpleRNNCell(5), layers.LSTMCell(2)]

    outputs = [
        layers.RNN(layers.GRUCell(4), return_sequences=True, go_backwards=True)(x),
        layers.RNN(layers.LSTMCell(4, activation="relu", use_bias=False), return_state=True)(x),
        layers.RNN(stack(), return_sequences=True)(x),
        layers.RNN(stack(), return_state=True)(x),
        layers.RNN(layers.StackedRNNCells([layers.SimpleRNNCell(2)]))(x),
        layers.Bidirectional(layers.RNN(stack(), return_sequences=True), merge_mode="mul")(x),
    ]
    check(functional(x, outputs))


def test_stacked_layers_of_different_cells() -> None:
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((5, 3)),
            layers.LSTM(4, return_sequences=True),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.Dropout(0.5),
            layers.SimpleRNN(5, return_sequences=True, go_backwards=True),
            layers.GRU(2),
        ]
    )
    randomize(model)
    check(model)


def test_stateful_starts_from_zero_and_says_so() -> None:
    import keras

    x = keras.Input(batch_shape=(3, 5, 3))
    model = functional(x, keras.layers.LSTM(4, stateful=True, name="remembering")(x))
    read = check(model)
    (note,) = read.notes
    assert note.startswith("layer 'remembering': is stateful; on a whole window, every call starts from zero states;")
    assert "--streaming" in note


@pytest.mark.parametrize("both", [False, True])
def test_what_is_stateful_and_reads_backwards_is_promised_no_stream(both: bool) -> None:
    import keras

    x = keras.Input(batch_shape=(3, 5, 3))
    layers = keras.layers
    inner = layers.LSTM(4, stateful=True, go_backwards=not both)
    (note,) = check(functional(x, (layers.Bidirectional(inner) if both else inner)(x))).notes
    assert "starts every call from zero states." in note
    assert "stream" not in note
