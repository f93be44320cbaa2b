"""Small Keras models that are more than a row of layers; see `keras_models`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Builder = Callable[[Any], Any]


def _two_inputs_two_outputs(k: Any) -> Any:
    a, b = k.Input((7, 5), name="left"), k.Input((7, 3), name="right")
    joined = k.layers.Concatenate()([k.layers.GRU(4, return_sequences=True)(a), b])
    state = k.layers.LSTM(3, name="memory")(joined)
    outputs = [k.layers.Dense(2, name="first")(state), k.layers.Dense(1, name="second")(state)]
    return k.Model([b, a], outputs)  # inputs in another order than their layers


def _dict_inputs_outputs(k: Any) -> Any:
    a, b = k.Input((7, 5), name="speech"), k.Input((3,), name="age")
    state = k.layers.Concatenate()([k.layers.LSTM(4)(a), b])
    outputs = {"word": k.layers.Dense(2, name="d1")(state), "accent": k.layers.Dense(3, name="d2")(state)}
    return k.Model({"speech": a, "age": b}, outputs)


def _shared_layer(k: Any) -> Any:
    a, b = k.Input((7, 5)), k.Input((7, 5))
    twin = k.layers.LSTM(3, name="twin")
    return k.Model([a, b], k.layers.Subtract()([twin(a), twin(b)]))


def _called_many_times(k: Any) -> Any:
    x = k.Input((7, 5))
    again = k.layers.GRU(5, return_sequences=True, name="again")
    first = again(x)
    return k.Model(x, [again(again(first)), k.layers.Add()([first, x])])


def _encoder_decoder(k: Any) -> Any:
    source, target = k.Input((7, 5), name="source"), k.Input((6, 2), name="target")
    _, h, c = k.layers.LSTM(4, return_state=True, name="encoder")(source)
    decoded = k.layers.LSTM(4, return_sequences=True, name="decoder")(target, initial_state=[h, c])
    return k.Model([source, target], k.layers.Dense(3)(decoded))


def _bidirectional_states(k: Any) -> Any:
    x = k.Input((7, 5))
    _, *states = k.layers.Bidirectional(k.layers.GRU(3, return_state=True))(x)
    y = k.layers.Bidirectional(k.layers.GRU(3, return_sequences=True))(x, initial_state=states)
    return k.Model(x, [y, *states])


def _explicit_mask(k: Any) -> Any:
    x, mask = k.Input((7, 5)), k.Input((7,), dtype="bool", name="valid")
    return k.Model([x, mask], k.layers.LSTM(3)(x, mask=mask))


def _implicit_mask(k: Any) -> Any:
    words, other = k.Input((9,), dtype="int32", name="words"), k.Input((9, 3), name="other")
    embedded = k.layers.Embedding(11, 4, mask_zero=True)(words)
    joined = k.layers.Concatenate()([embedded, k.layers.Masking()(other)])
    first = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(joined)
    second = k.layers.GRU(3, return_sequences=True)(first)
    return k.Model([words, other], k.layers.TimeDistributed(k.layers.Dense(2))(second))


def _inner(k: Any, name: str) -> Any:
    x = k.Input((7, 4))
    y = k.layers.Dense(4, activation="relu")(x)
    z = k.layers.GRU(4, return_sequences=True)(y)
    return k.Model(x, k.layers.Add()([z, x]), name=name)


def _nested(k: Any) -> Any:
    x = k.Input((7, 4))
    inner = _inner(k, "block")
    head = k.Sequential([k.Input((7, 4)), k.layers.LSTM(3), k.layers.Dense(2)], name="head")
    y = inner(inner(x))
    return k.Model(x, [head(y), head(x)])


def _nested_deep(k: Any) -> Any:
    x = k.Input((7, 4))
    middle = k.Model(x, k.layers.Dense(4)(_inner(k, "deepest")(x)), name="middle")
    return k.Sequential([k.Input((7, 4)), middle, k.layers.LSTM(2)])


def _nested_two_inputs(k: Any) -> Any:
    a, b = k.Input((7, 4), name="a"), k.Input((4,), name="b")
    pair = k.Model({"b": b, "a": a}, [k.layers.LSTM(4)(a), k.layers.Dense(4)(b)], name="pair")
    x, y = k.Input((7, 4), name="x"), k.Input((4,), name="y")
    left, right = pair({"a": x, "b": y})
    return k.Model([x, y], [k.layers.Multiply()([left, right]), right])


def _layer_in_two_models(k: Any) -> Any:
    x = k.Input((7, 4))
    shared = k.layers.Dense(4, name="everywhere")
    block = k.Model(x, k.layers.Dense(4)(shared(x)), name="block")
    y = k.Input((7, 4))
    return k.Model(y, k.layers.Dense(1)(shared(block(y))))


def _frozen(k: Any) -> Any:
    block = _inner(k, "block")
    block.layers[1].trainable = False
    model = k.Sequential(
        [
            k.Input((7, 4)),
            block,
            k.layers.BatchNormalization(),
            k.Sequential([k.layers.Dense(4), k.layers.BatchNormalization(), k.layers.Dense(2)], name="tail"),
            k.layers.LSTM(3),
        ]
    )
    model.layers[1].trainable = False
    model.layers[2].layers[0].trainable = False
    return model


def _frozen_whole(k: Any) -> Any:
    """A frozen model with a layer thawed again inside: Keras then keeps the plain order of the weights."""
    tail = k.Sequential([k.Input((7, 4)), k.layers.BatchNormalization(), k.layers.Dense(2)], name="tail")
    tail.trainable = False
    tail.layers[1].trainable = True
    return k.Sequential([k.Input((7, 4)), tail])


def _adapted(k: Any) -> Any:
    model = k.Sequential([k.Input((7, 5)), k.layers.Normalization(), k.layers.LSTM(3)])
    model.layers[0].adapt(np.random.default_rng(1).normal(3.0, 2.0, (11, 7, 5)).astype(np.float32))
    return model


def _return_state_last(k: Any) -> Any:
    x = k.Input((None, 5), name="frames")
    return k.Model(x, k.layers.LSTM(3, return_state=True, return_sequences=True, name="lstm")(x))


def _bfloat16(k: Any) -> Any:
    recurrent = k.layers.SimpleRNN(3, dtype="bfloat16", recurrent_initializer="zeros")
    return k.Sequential([k.Input((7, 5)), recurrent, k.layers.Dense(2)])


def _stateful(k: Any) -> Any:
    return k.Sequential([k.Input(batch_shape=(1, 7, 5)), k.layers.LSTM(3, stateful=True), k.layers.Dense(2)])


def _merges(k: Any) -> Any:
    a, b = k.Input((7, 5)), k.Input((7, 5))
    names = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"]
    merged = [getattr(k.layers, name)()([a, b]) for name in names]
    return k.Model([a, b], [*merged, k.layers.Dot(axes=(2, 2), normalize=True)([a, b])])


def _bidirectional(merge_mode: str | None, **options: Any) -> Builder:
    def make(k: Any) -> Any:
        x = k.Input((7, 5), name="signal")
        return k.Model(x, k.layers.Bidirectional(k.layers.LSTM(3, **options), merge_mode=merge_mode)(x))

    return make


FUNCTIONAL: dict[str, Builder] = {
    "normalization_adapted": _adapted,
    "bidirectional": _bidirectional("concat", return_sequences=True),
    "bidirectional_none": _bidirectional(None, return_state=True),
    "bidirectional_ave": _bidirectional("ave"),
    "two_inputs_two_outputs": _two_inputs_two_outputs,
    "dict_inputs_outputs": _dict_inputs_outputs,
    "shared_layer": _shared_layer,
    "called_many_times": _called_many_times,
    "initial_state_keyword": _encoder_decoder,
    "bidirectional_states": _bidirectional_states,
    "explicit_mask": _explicit_mask,
    "implicit_mask": _implicit_mask,
    "nested": _nested,
    "nested_deep": _nested_deep,
    "nested_two_inputs": _nested_two_inputs,
    "layer_in_two_models": _layer_in_two_models,
    "frozen": _frozen,
    "frozen_whole": _frozen_whole,
    "return_state_last": _return_state_last,
    "bfloat16": _bfloat16,
    "stateful": _stateful,
    "merges": _merges,
}
