"""Masks: made, handed on, merged, used and dropped as in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras_models import randomize
from reader_harness import Array, check, functional

from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.source_model import Call, KerasLayer, KerasModel, ModelInput, TensorRef
from edgernn.reference import evaluate

# Keras says so for every layer that drops a mask.
pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")

# Right-padded, left-padded, with holes, all steps, none.
MASKS = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [0, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
CELLS = ["LSTM", "GRU", "SimpleRNN"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True, "return_state": True},
    {"return_sequences": True, "go_backwards": True},
    {"zero_output_for_mask": True},
    {"zero_output_for_mask": True, "return_sequences": True, "go_backwards": True},
]


def masked(features: int = 3, value: float = 0.0, seed: int = 0, masks: Array = MASKS) -> Array:
    """Random sequences whose masked steps are `value`."""
    x = np.random.default_rng(seed).normal(size=(*masks.shape, features)).astype("float32")
    x[~masks] = value
    return x


def states(count: int, units: int) -> list[Array]:
    return list(np.random.default_rng(1).normal(size=(count, len(MASKS), units)).astype("float32"))


@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_recurrent_layers(options: dict[str, Any], value: float) -> None:
    import keras

    x = keras.Input((5, 3))
    y = keras.layers.Masking(value)(x)
    check(functional(x, [y, *[getattr(keras.layers, cell)(4, **options)(y) for cell in CELLS]]), [masked(value=value)])


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional(merge_mode: str | None) -> None:
    import keras

    x = keras.Input((5, 3))
    y = keras.layers.Masking()(x)
    outputs = []
    for cell, options in (("LSTM", {}), ("GRU", {"return_state": True}), ("SimpleRNN", {"return_sequences": True})):
        layer = keras.layers.Bidirectional(getattr(keras.layers, cell)(4, **options), merge_mode)
        outputs.append(layer(y))
    check(functional(x, outputs), [masked()])


def test_stack_of_cells() -> None:
    import keras

    x = keras.Input((5, 3))
    cells = [keras.layers.LSTMCell(4), keras.layers.GRUCell(3)]
    check(functional(x, keras.layers.RNN(cells, return_sequences=True)(keras.layers.Masking()(x))), [masked()])


def test_embedding() -> None:
    import keras

    ids = keras.Input((5,), dtype="int32")
    y = keras.layers.Embedding(11, 4, mask_zero=True)(ids)
    outputs = [keras.layers.GRU(3)(y), keras.layers.GlobalAveragePooling1D()(y)]
    x = np.random.default_rng(0).integers(1, 11, MASKS.shape).astype("int32") * MASKS
    check(functional(ids, outputs), [x[:4]])  # the mean of no steps is NaN


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_mask_as_a_model_input(dtype: str) -> None:
    import keras

    x, mask = keras.Input((5, 3)), keras.Input((5,), dtype=dtype)
    y = keras.layers.LSTM(4, return_sequences=True)(x, mask=mask)
    outputs = [y, keras.layers.GRU(3)(y), keras.layers.GlobalAveragePooling1D()(x, mask=mask)]
    check(functional([x, mask], outputs), [masked()[:4], MASKS[:4].astype(dtype)])


@pytest.mark.parametrize("sequences", [True, False])
def test_given_states_beside_a_mask(sequences: bool) -> None:
    """Keras ignores the input's own mask then, but not a given one, whose first masked steps give zeros."""
    import keras

    x, mask = keras.Input((5, 3)), keras.Input((5,), dtype="bool")
    h, c = keras.Input((4,)), keras.Input((4,))
    masking = keras.layers.Masking()
    y = masking(x)
    options = {"return_sequences": sequences}
    outputs = [
        keras.layers.LSTM(4, name="blind", **options)(y, initial_state=[h, c]),
        keras.layers.LSTM(4, name="seeing", **options)(y, initial_state=[h, c], mask=mask),
        keras.layers.LSTM(4, name="seeing_its_own", **options)(y, initial_state=[h, c], mask=masking.compute_mask(x)),
        keras.layers.Bidirectional(keras.layers.GRU(4, **options), name="both")(y, initial_state=[h, c], mask=mask),
        keras.layers.Bidirectional(keras.layers.GRU(4, **options), name="both_blind")(y, initial_state=[h, c]),
    ]
    read = check(functional([x, h, c, mask], outputs), [masked(), *states(2, 4), MASKS])
    assert [note.split("'")[1] for note in read.notes] == ["blind", "both_blind"]


# What is between Masking and the GRU decides whether the GRU sees a mask.
BETWEEN: dict[str, Callable[[Any], Any]] = {
    "Dense": lambda k: k.Dense(3),
    "Activation": lambda k: k.Activation("tanh"),
    "BatchNormalization": lambda k: k.BatchNormalization(),
    "LayerNormalization": lambda k: k.LayerNormalization(),
    "Normalization": lambda k: k.Normalization(mean=1.0, variance=2.0),
    "Rescaling": lambda k: k.Rescaling(2.0, offset=1.0),
    "ReLU": lambda k: k.ReLU(),
    "PReLU": lambda k: k.PReLU(),
    "Dropout": lambda k: k.Dropout(0.5),
    "Identity": lambda k: k.Identity(),
    "TimeDistributed": lambda k: k.TimeDistributed(k.Dense(3)),
    "TimeDistributed loop": lambda k: k.TimeDistributed(k.PReLU()),
    "LSTM": lambda k: k.LSTM(3, return_sequences=True),
    "LSTM backwards": lambda k: k.LSTM(3, return_sequences=True, go_backwards=True),
    "Bidirectional": lambda k: k.Bidirectional(k.LSTM(3, return_sequences=True)),
    "Masking": lambda k: k.Masking(),
    "Conv1D": lambda k: k.Conv1D(3, 2, padding="same"),
    "Reshape": lambda k: k.Reshape((5, 3)),
    "Permute": lambda k: k.Permute((2, 1)),
    "MaxPooling1D": lambda k: k.MaxPooling1D(2, strides=1),
    "ZeroPadding1D": lambda k: k.ZeroPadding1D(1),
    "UpSampling1D": lambda k: k.UpSampling1D(2),
}


def test_which_layers_hand_a_mask_on() -> None:
    import keras

    x = keras.Input((5, 3))
    y = keras.layers.Masking()(x)
    outputs = [
        keras.layers.GRU(2, name=f"behind_{k}")(make(keras.layers)(y)) for k, make in enumerate(BETWEEN.values())
    ]
    read = check(functional(x, outputs), [masked()])
    assert sum("drops the mask" in note for note in read.notes) == 6


MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"]


@pytest.mark.parametrize("second", ["masked alike", "masked otherwise", "not masked"])
def test_merged_masks(second: str) -> None:
    import keras

    a, b = keras.Input((5, 3)), keras.Input((5, 3))
    masking = keras.layers.Masking()
    left, right = masking(a), {"masked alike": masking(a), "masked otherwise": masking(b), "not masked": b}[second]
    outputs = []
    for name in MERGES:
        y = getattr(keras.layers, name)()([left, right])
        zeros = keras.layers.LSTM(2, return_sequences=True, zero_output_for_mask=True, name=f"sequence_{name}")
        outputs += [keras.layers.GRU(2, name=f"last_{name}")(y), zeros(y)]
    other = masked(seed=1, masks=np.roll(MASKS, 1, axis=0))
    check(functional([a, b], outputs), [masked(), other])


@pytest.mark.parametrize("second_is_masked", [True, False])
def test_sequences_one_after_the_other(second_is_masked: bool) -> None:
    """Older files do not hold the operations that a newer Keras adds for masks, so the reader makes them."""
    import keras

    gru = keras.layers.GRU(2, name="gru")
    gru.build((None, 9, 3))
    randomize(gru)
    weights = dict(zip(("kernel", "recurrent_kernel", "bias"), gru.get_weights(), strict=True))
    second = "other" if second_is_masked else "b"
    source = KerasModel(
        "concatenated",
        (
            KerasLayer("Masking", "one", {}),
            KerasLayer("Masking", "other", {}),
            KerasLayer("Concatenate", "both", {"axis": 1}),
            KerasLayer("GRU", "gru", gru.get_config(), weights),
        ),
        (
            Call("one", 0, (TensorRef("a", 0, 0),), {}, 1),
            Call("other", 0, (TensorRef("b", 0, 0),), {}, 1),
            Call("both", 0, (TensorRef("one", 0, 0), TensorRef(second, 0, 0)), {}, 1),
            Call("gru", 0, (TensorRef("both", 0, 0),), {}, 1),
        ),
        (ModelInput("a", (5, 3), "float32"), ModelInput("b", (4, 3), "float32")),
        (TensorRef("gru", 0, 0),),
        ("gru",),
    )
    first_mask, second_mask = MASKS, np.roll(MASKS, 1, axis=0)[:, 1:]
    a, b = masked(), masked(seed=1, masks=second_mask)
    mask = np.concatenate([first_mask, second_mask | (not second_is_masked)], axis=1)
    expected = gru(np.concatenate([a, b], axis=1), mask=mask)
    outputs = evaluate(read_keras(source).graph, {"a": a, "b": b})
    np.testing.assert_allclose(outputs["gru"], expected, atol=1e-6)


def test_masks_go_into_and_out_of_nested_models() -> None:
    import keras

    x = keras.Input((5, 3))
    inside = keras.Input((5, 3))
    block = keras.Model(inside, keras.layers.LSTM(3, return_sequences=True)(keras.layers.Dense(3)(inside)))
    head = keras.Sequential([keras.layers.Masking(), keras.layers.Dense(3)])
    check(
        functional(x, [keras.layers.GRU(2)(block(keras.layers.Masking()(x))), keras.layers.GRU(2)(head(x))]), [masked()]
    )


def test_masks_of_sequences_of_sequences() -> None:
    """The words of every sentence, each with a mask of its own."""
    import keras

    ids = keras.Input((4, 5), dtype="int32")
    words = keras.layers.Embedding(11, 3, mask_zero=True)(ids)
    sentences = keras.layers.TimeDistributed(keras.layers.LSTM(2))(words)
    x = np.random.default_rng(0).integers(1, 11, (2, 4, 5)).astype("int32") * MASKS[:4]
    check(functional(ids, keras.layers.Dense(3)(sentences)), [x])


def test_mask_reads_the_model_input() -> None:
    """A mask must be taken before the input is quantized."""
    import keras

    from edgernn.converters.keras import read_model
    from edgernn.graph import operators as ops

    x = keras.Input((5, 3))
    y = keras.layers.Masking(2.0)(keras.layers.Dropout(0.5)(x))
    read = read_model(functional(x, keras.layers.GRU(2)(y)))
    (node,) = [node for node in read.graph.nodes if isinstance(node.operator, ops.Differs)]
    assert node.inputs == read.graph.inputs
    assert node.operator == ops.Differs(2.0, rows=True)
