"""Every rule of the reader has a model that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from reader_harness import functional

from edgernn.converters.keras import read_model
from edgernn.converters.keras.layers import READERS
from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.rules import RULES
from edgernn.converters.keras.source_model import Call, KerasLayer, KerasModel, ModelInput, TensorRef
from edgernn.errors import UnsupportedError

pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask:UserWarning")


def by_keras(*makes: Callable[[Any], Any], shape: Sequence[int] = (5, 4), dtype: str = "float32") -> Callable[[], Any]:
    """A Keras model of a few layers in a row; the last one, 'culprit', breaks the rule."""

    def make() -> Any:
        import keras

        x = y = keras.Input(tuple(shape), dtype=dtype)
        for layer in makes:
            y = layer(keras.layers)(y)
        return functional(x, y)

    return make


def by_hand(
    class_name: str,
    shapes: Sequence[tuple[int, ...]],
    weights: Mapping[str, tuple[int, ...]] | None = None,
    states: int = 0,
    negative: Sequence[str] = (),
    **config: Any,
) -> Callable[[], KerasModel]:
    """A model that Keras itself would not build, or only in another version; the last inputs may be states."""

    def make() -> KerasModel:
        inputs = tuple(ModelInput(f"x{k}", shape, "float32") for k, shape in enumerate(shapes))
        refs = tuple(TensorRef(model_input.name, 0, 0) for model_input in inputs)
        arrays = {
            role: np.full(shape, -1 if role in negative else 1, np.float32) for role, shape in (weights or {}).items()
        }
        layer = KerasLayer(class_name, "culprit", config, arrays)
        first, given = refs[: len(refs) - states], refs[len(refs) - states :]
        call = Call("culprit", 0, first, {"initial_state": given} if given else {}, 1)
        return KerasModel("m", (layer,), (call,), inputs, (TensorRef("culprit", 0, 0),), ("y",))

    return make


def _masks_of_two_shapes() -> Any:
    import keras

    a, b = keras.Input((5, 4)), keras.Input((3, 5, 4))
    masking = keras.layers.Masking()
    return functional([a, b], keras.layers.Add(name="culprit")([masking(a), keras.layers.Masking()(b)]))


def _computed_ids() -> Any:
    import keras

    x = keras.Input((5, 4))
    return functional(x, keras.layers.Embedding(7, 3, name="culprit")(keras.layers.Dense(4, activation="relu")(x)))


def _mask_of_another_shape(make: Callable[[Any], Any]) -> Callable[[], Any]:
    def model() -> Any:
        import keras

        x, mask = keras.Input((5, 4)), keras.Input((5, 1), dtype="bool")
        return functional([x, mask], make(keras.layers)(x, mask=mask))

    return model


CELL = {"kernel": (4, 3), "recurrent_kernel": (3, 3)}

BREAKING: dict[str, list[Callable[[], Any]]] = {
    "input_is_a_sequence": [
        by_hand("Conv1D", [(2, 5, 4)], filters=3, kernel_size=[2]),
        by_hand("GRU", [(5,)], units=3),
        by_hand("Cropping1D", [(5,)], cropping=[1, 1]),
    ],
    "input_has_steps": [by_hand("TimeDistributed", [(5,)])],
    "input_is_a_vector": [by_hand("RepeatVector", [(5, 4)], n=3)],
    "axes_are_there": [
        by_hand("Softmax", [(5, 4)], axis=3),
        by_hand("Concatenate", [(5, 4), (5, 4)], axis=-4),
        by_hand("Dot", [(4,), (4,)], axes=[1, 2]),
    ],
    "axes_are_not_the_batch": [
        by_keras(lambda k: k.Softmax(axis=0, name="culprit")),
        by_hand("Concatenate", [(5, 4), (5, 4)], axis=0),
        by_hand("BatchNormalization", [(5, 4)], {"moving_mean": (4,), "moving_variance": (4,)}, axis=-3),
    ],
    "order_is_of_the_inputs_axes": [by_hand("Permute", [(5, 4)], dims=[3, 1, 2])],
    "reshape_keeps_all_elements": [
        by_hand("Reshape", [(5, 4)], target_shape=[3, 7]),
        by_hand("Reshape", [(5, 4)], target_shape=[3, -1]),
    ],
    "merged_shapes_fit": [
        by_hand("Add", [(5, 4), (5, 3)]),
        by_hand("Concatenate", [(5, 4), (6, 4)], axis=2),
        by_hand("Concatenate", [(5, 4), (4,)]),
    ],
    "dot_axes_fit": [by_hand("Dot", [(5, 4), (4, 5)], axes=[2, 2])],
    "scale_fits": [
        by_hand("Rescaling", [(5, 4)], scale=[1.0] * 3),
        by_hand("Rescaling", [(4,)], scale=1.0, offset=[[1.0] * 4]),
    ],
    "states_fit": [by_hand("SimpleRNN", [(5, 4), (2,)], CELL, 1, units=3)],
    "weights_fit": [
        by_hand("SimpleRNN", [(5, 3)], CELL, units=3),
        by_hand("Dense", [(3,)], {"kernel": (4, 2)}, units=2),
        by_hand("Conv1D", [(5, 3)], {"kernel": (2, 4, 6)}, filters=6, kernel_size=2),
        by_hand("BatchNormalization", [(5, 4)], {"moving_mean": (5,), "moving_variance": (5,)}),
        by_hand("LayerNormalization", [(5, 4)], {"gamma": (4, 5)}, axis=[1, 2]),
        by_hand("PReLU", [(5, 4)], {"alpha": (2, 4)}),
        by_hand("Normalization", [(5, 4)], {"mean": (3,), "variance": (3,)}),
        by_hand("DepthwiseConv1D", [(5, 4)], {"depthwise_kernel": (2, 3, 1)}, kernel_size=2),
    ],
    "activation_is_listed": [
        by_keras(lambda k: k.Dense(3, activation="celu", name="culprit")),
        by_keras(lambda k: k.LSTM(3, recurrent_activation="log_sigmoid", name="culprit")),
        by_keras(lambda k: k.Activation("squareplus", name="culprit")),
    ],
    "data_is_channels_last": [
        by_keras(lambda k: k.MaxPooling1D(2, data_format="channels_first", name="culprit")),
        by_keras(lambda k: k.GlobalAveragePooling1D(data_format="channels_first", name="culprit")),
        by_keras(lambda k: k.Flatten(data_format="channels_first", name="culprit")),
    ],
    "groups_are_one": [by_keras(lambda k: k.Conv1D(4, 2, groups=2, name="culprit"))],
    "relu_has_no_threshold": [by_keras(lambda k: k.ReLU(threshold=0.5, name="culprit"))],
    "variance_is_not_negative": [
        by_hand("BatchNormalization", [(5, 4)], {"moving_mean": (4,), "moving_variance": (4,)}, epsilon=-1.0),
        by_hand("BatchNormalization", [(5, 4)], {"moving_mean": (4,), "moving_variance": (4,)}, epsilon=-1.5),
        by_hand("Normalization", [(5, 4)], {"mean": (4,), "variance": (4,)}, negative=("variance",)),
    ],
    "softmax_has_one_axis": [by_keras(lambda k: k.Softmax(axis=[1, 2], name="culprit"))],
    "softmax_has_no_mask": [by_keras(lambda k: k.Masking(), lambda k: k.Softmax(name="culprit"), shape=(4, 4))],
    "inputs_are_floats": [
        by_keras(lambda k: k.Rescaling(0.1, name="culprit"), dtype="uint8"),
        by_keras(lambda k: k.Flatten(), lambda k: k.Dense(3, name="culprit"), dtype="int32"),
        by_keras(lambda k: k.GRU(3, name="culprit"), dtype="bool"),
    ],
    "ids_are_an_input": [_computed_ids],
    "mask_is_per_step": [
        _mask_of_another_shape(lambda k: k.LSTM(3, name="culprit")),
        _mask_of_another_shape(lambda k: k.Bidirectional(k.GRU(3), name="culprit")),
    ],
    "unrolled_layer_masks_forwards": [
        by_keras(
            lambda k: k.Masking(),
            lambda k: k.Bidirectional(k.GRU(3, unroll=True, return_sequences=True), name="culprit"),
        ),
    ],
    "masks_fit_together": [_masks_of_two_shapes],
    "dot_has_at_most_two_axes": [by_hand("Dot", [(5, 4, 3), (3,)], axes=[3, 1])],
    "window_fits": [
        by_hand("Conv1D", [(5, 4)], {"kernel": (6, 4, 3)}, filters=3, kernel_size=[6]),
        by_hand("MaxPooling1D", [(5, 4)], pool_size=[6]),
        by_hand("DepthwiseConv1D", [(5, 4)], {"depthwise_kernel": (3, 4, 1)}, kernel_size=3, dilation_rate=3),
    ],
    "cropping_leaves_something": [by_hand("Cropping1D", [(5, 4)], cropping=[2, 3])],
}
"""The breaking models of each rule."""

ROWS = [(name, make) for name, makes in BREAKING.items() for make in makes]


def read(model: Any) -> None:
    read_keras(model) if isinstance(model, KerasModel) else read_model(model)


def test_every_rule_has_a_breaking_model() -> None:
    assert list(BREAKING) == [rule.name for rule in RULES]
    assert all(BREAKING.values())


@pytest.mark.parametrize(("name", "make"), ROWS, ids=[f"{name}-{k}" for k, (name, _) in enumerate(ROWS)])
def test_breaking_model(name: str, make: Callable[[], Any]) -> None:
    (rule,) = [rule for rule in RULES if rule.name == name]
    with pytest.raises(UnsupportedError) as caught:
        read(make())
    ((message, hint),) = caught.value.broken
    assert message.startswith("layer 'culprit': ")
    assert rule.sentence.rstrip(".").lower() in message.lower()
    assert ". Found: " in message
    assert hint == rule.hint
    assert caught.value.exit_status == 2


def test_unknown_class_names_the_closest_one() -> None:
    with pytest.raises(
        UnsupportedError, match=r"layer 'culprit': class must be a supported one\. Found: Convolution1D"
    ):
        read(by_hand("Convolution1D", [(5, 4)])())
    with pytest.raises(UnsupportedError) as caught:
        read(by_hand("GRUV2", [(5, 4)])())
    assert caught.value.hint == "the closest supported class is GRU."


def test_all_broken_rules_are_gathered() -> None:
    """Those of one layer, of layers behind it, of nested models and of wrapped layers."""
    import keras

    x = keras.Input((9, 4))
    inner = keras.Sequential(
        [keras.layers.ReLU(threshold=1.0, name="relu"), keras.layers.Softmax([1, 2], name="soft")], name="inner"
    )
    y = keras.layers.Conv1D(4, 3, groups=2, activation="celu", padding="same", name="conv")(x)
    y = keras.layers.Bidirectional(keras.layers.LSTM(3, activation="glu", return_sequences=True), name="both")(y)
    y = inner(y)
    z = keras.layers.TimeDistributed(keras.Sequential([keras.layers.ReLU(threshold=2.0)]), name="each")(x)
    w = keras.layers.Flatten(data_format="channels_first", name="flat")(x)
    with pytest.raises(UnsupportedError) as caught:
        read_model(functional(x, [y, z, w]))
    places = [message.split("'")[1] for message, _ in caught.value.broken]
    assert [place.split("/")[0] for place in places] == [
        "conv",
        "conv",
        "both",
        "both",
        "inner",
        "inner",
        "each",
        "flat",
    ]
    assert "inner/relu" in places
    assert len(str(caught.value).splitlines()) == 8


def test_rules_about_shapes_are_gathered_too() -> None:
    import keras

    x = keras.Input((4, 3), dtype="int32")
    y = keras.Input((None, 3))
    outputs = [
        keras.layers.Dense(2, name="dense")(x),
        keras.layers.LSTM(2, name="lstm")(keras.layers.Conv1D(2, 7, name="conv")(y)),  # the LSTM's input is unknown
        keras.layers.ReLU(threshold=1.0, name="relu")(x),
    ]
    with pytest.raises(UnsupportedError) as caught:
        read_model(functional([x, y], outputs), steps=5)
    assert {message.split("'")[1] for message, _ in caught.value.broken} == {"dense", "conv", "relu"}


def test_the_table_of_readers_covers_what_the_source_lets_through() -> None:
    from edgernn.converters.keras import known

    assert set(READERS) == known.SUPPORTED - known.MODELS - set(known.CELLS) - {"StackedRNNCells", "InputLayer"}
