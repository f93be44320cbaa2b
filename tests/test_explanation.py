"""What `explain` says of tensors, against Keras with one tensor rounded by hand, and against plain counts."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from test_precision import signal

import edgernn
from edgernn.errors import InputError
from edgernn.explanation import Explanation
from edgernn.quantization.explained import BINS, Tensor

Array = np.ndarray
FEW = 36  # samples: of so few none are kept aside, so what is measured is the file itself


def rounded(array: Array, tensor: Tensor) -> Array:
    """By the definition of a quantized tensor, in NumPy."""
    ends = np.iinfo(tensor.dtype)
    integers = np.clip(np.round(array.astype("f8") / tensor.scale) + tensor.zero_point, ends.min, ends.max)
    return np.asarray((integers - tensor.zero_point) * tensor.scale, "f4")


def beyond(array: Array, tensor: Tensor) -> float:
    slack = 0.5 * tensor.scale
    return float(np.mean((array < tensor.least - slack) | (array > tensor.most + slack)))


def error(found: Array, truth: Array) -> float:
    return float(np.sqrt(np.mean((found.astype("f8") - truth) ** 2)) / truth.std())


def named(explained: Explanation, name: str, dtype: str = "int8") -> Tensor:
    (found,) = [tensor for tensor in explained.tensors if tensor.name == name and tensor.dtype == dtype]
    return found


@cache
def stacked() -> Any:
    """A convolution, a GRU of 64 units with initial weights that are not small, and two layers behind it."""
    import keras

    keras.utils.set_random_seed(11)
    model = keras.Sequential(
        [
            keras.Input((30, 5), name="x"),
            keras.layers.Conv1D(24, 3, name="ahead"),
            keras.layers.GRU(64, name="core"),
            keras.layers.Dense(17, activation="relu", name="between"),
            keras.layers.Dense(3, name="answer"),
        ]
    )
    random = np.random.default_rng(5)
    for layer in model.layers:
        layer.set_weights([w * 1.4 + random.normal(size=w.shape) * 0.05 for w in layer.get_weights()])
    return model


def behind(model: Any, index: int, x: Array) -> Array:
    """The layers from one on, in Keras's floats."""
    import keras

    for layer in model.layers[index:]:
        x = layer(keras.ops.convert_to_tensor(x))
    return np.asarray(x)


def ahead(model: Any, index: int, x: Array) -> Array:
    for layer in model.layers[:index]:
        x = layer(x)
    return np.asarray(x)


def gru(layer: Any, x: Array, tensor: Tensor) -> Array:
    """Keras's own cell, step by step, with a state that is rounded when it is made."""
    state = np.zeros((len(x), layer.units), "f4")
    for k in range(x.shape[1]):
        (state,) = layer.cell(x[:, k], [state])[1]
        state = rounded(np.asarray(state), tensor)
    return state


@cache
def explained(target: str, clip: str) -> Explanation:
    found: Explanation = edgernn.explain(stacked(), signal(FEW, 30, 5, 3), target=target, clip=clip, strict=True)
    return found


@pytest.mark.parametrize("clip", ["minmax", "percentile"])
def test_errors_are_those_of_one_tensor_rounded_by_hand(clip: str) -> None:
    model, x = stacked(), signal(FEW, 30, 5, 3)
    truth, found = model.predict(x, verbose=0), explained("phone", clip)
    given = named(found, "x")
    assert given.kind == "input"
    assert given.error == pytest.approx(error(model.predict(rounded(x, given), verbose=0), truth), rel=0.02)
    state = named(found, "core/h")
    assert state.kind == "state"
    by_hand = behind(model, 2, gru(model.layers[1], ahead(model, 1, x), state))
    assert state.error == pytest.approx(error(by_hand, truth), rel=0.05)
    between = named(found, "between/relu")
    by_hand = behind(model, 3, rounded(ahead(model, 3, x), between))
    assert between.error == pytest.approx(error(by_hand, truth), rel=0.02)
    answer = named(found, "answer")
    assert answer.kind == "output"
    assert answer.error == pytest.approx(error(rounded(truth, answer), truth), rel=0.02)


@pytest.mark.parametrize("target", ["phone", "micro"])
def test_shares_beyond_are_counts_over_what_keras_computes(target: str) -> None:
    model, x, found = stacked(), signal(FEW, 30, 5, 3), explained(target, "percentile")
    seen = {"x": x, "ahead/conv": ahead(model, 1, x), "between/relu": ahead(model, 3, x), "answer": ahead(model, 4, x)}
    checked = 0
    for tensor in found.tensors:
        sources = [name for name in tensor.made if name in seen]
        if len(tensor.made) == len(sources) == 1:
            numbers = seen[sources[0]]
            assert tensor.beyond == pytest.approx(beyond(numbers, tensor), abs=2 / numbers.size)
            assert tensor.low == pytest.approx(numbers.min(), abs=1e-5)
            assert tensor.high == pytest.approx(numbers.max(), abs=1e-5)
            checked += 1
    assert checked >= 3
    assert max(tensor.beyond or 0 for tensor in found.tensors if tensor.dtype == "int8") > 3e-4


def test_what_a_loop_holds_is_counted_once_for_every_step() -> None:
    model, x, found = stacked(), signal(FEW, 30, 5, 3), explained("phone", "percentile")
    frames, states = ahead(model, 1, x), []
    state = np.zeros((FEW, 64), "f4")
    for k in range(frames.shape[1]):
        (state,) = model.layers[1].cell(frames[:, k], [state])[1]
        states.append(np.asarray(state))
    tensor = named(found, "core/h")
    assert tensor.beyond == pytest.approx(beyond(np.stack(states), tensor), rel=0.02)
    assert (tensor.beyond or 0) > 2e-4
    bars = tensor.histogram
    assert bars is not None
    assert len(bars.counts) == BINS
    counts, _ = np.histogram(np.stack(states), BINS, (bars.low, bars.high))
    assert sum(bars.counts) == pytest.approx(FEW * 28 * 64)
    assert np.abs(np.cumsum(bars.counts) - np.cumsum(counts)).max() < 0.02 * counts.sum()


def by_hand_lstm(layer: Any, x: Array, tensor: Tensor | None) -> Array:
    """An LSTM's equations in NumPy, its cell state rounded; the last hidden state."""
    kernel, recurrent, bias = layer.get_weights()
    h = c = np.zeros((len(x), layer.units), "f4")
    for k in range(x.shape[1]):
        i, f, g, o = np.split(x[:, k] @ kernel + h @ recurrent + bias, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        c = c if tensor is None else rounded(c, tensor)
        h = o * np.tanh(c)
    return np.asarray(h)


@cache
def two_headed() -> Any:
    """Words, some of them masked, an LSTM of 32 units, and two answers of unlike sizes."""
    import keras

    keras.utils.set_random_seed(4)
    words = keras.Input((21,), name="words", dtype="int32")
    x = keras.layers.Embedding(90, 19, mask_zero=True, name="table")(words)
    x = keras.layers.LSTM(32, name="core")(x)
    heads = keras.layers.Dense(4, name="small")(x), keras.layers.Dense(1, name="large")(x)
    model = keras.Model(words, list(heads))
    random = np.random.default_rng(2)
    for layer in model.layers[1:]:
        layer.set_weights([w * 1.5 + random.normal(size=w.shape) * 0.1 for w in layer.get_weights()])
    return model


def test_the_error_of_several_answers_is_that_of_the_worst_and_masked_steps_are_left_out() -> None:
    model, random = two_headed(), np.random.default_rng(0)
    words = random.integers(1, 90, (FEW, 21)).astype("int32")
    found = edgernn.explain(model, {"words": words}, strict=True)
    cell = named(found, "core/C")
    table, core = model.get_layer("table"), model.get_layer("core")
    rows = table.get_weights()[0][words]
    heads = [model.get_layer("small"), model.get_layer("large")]

    def answers(h: Array) -> list[Array]:
        return [h @ head.get_weights()[0] + head.get_weights()[1] for head in heads]

    truth, by_hand = answers(by_hand_lstm(core, rows, None)), answers(by_hand_lstm(core, rows, cell))
    assert np.allclose(truth[0], model.predict(words, verbose=0)[0], atol=1e-3)
    assert cell.error == pytest.approx(max(map(error, by_hand, truth)), rel=0.05)
    read = named(found, "table/gather")
    by_hand = answers(by_hand_lstm(core, rounded(rows, read), None))
    assert read.error == pytest.approx(max(map(error, by_hand, truth)), rel=0.05)
    rows_alone = named(edgernn.explain(model, {"words": words}, quantize="dynamic"), "table/gather")
    by_hand = answers(by_hand_lstm(core, rounded(rows, rows_alone), None))
    assert rows_alone.error == pytest.approx(max(map(error, by_hand, truth)), rel=0.05)
    masked = words.copy()
    masked[:, 14:] = 0
    short = edgernn.explain(model, {"words": masked}, strict=True)
    truth, by_hand = (answers(by_hand_lstm(core, rows[:, :14], given)) for given in (None, named(short, "core/C")))
    assert named(short, "core/C").error == pytest.approx(max(map(error, by_hand, truth)), rel=0.05)


def test_weights_err_as_those_of_the_file_do_in_keras() -> None:
    from ai_edge_litert.interpreter import Interpreter

    model, x = stacked(), signal(FEW, 30, 5, 3)
    result = edgernn.convert(model, quantize="dynamic", calibration=x, explain=True)
    found = result.explanation
    assert found is not None
    assert {tensor.kind for tensor in found.tensors} == {"weights"}
    assert any("Only weights" in remark for remark in found.remarks)
    interpreter = Interpreter(model_content=result.content)
    details = {each["index"]: each for each in interpreter.get_tensor_details()}
    (product,) = [
        each["inputs"]
        for each in interpreter._get_ops_details()
        if any(tuple(details[k]["shape"]) == (17, 64) and details[k]["dtype"] == np.int8 for k in each["inputs"])
    ]
    scale, _ = details[product[1]]["quantization"]
    kernel, bias = interpreter.get_tensor(product[1]) * scale, interpreter.get_tensor(product[2])
    by_hand = behind(model, 3, np.maximum(ahead(model, 2, x) @ kernel.T + bias, 0))
    tensor = named(found, "between/kernel")
    assert tensor.scale == pytest.approx(scale)
    assert tensor.error == pytest.approx(error(by_hand, model.predict(x, verbose=0)), rel=0.02)


def test_both_directions_are_told_apart_and_all_is_measured_on_samples_kept_aside() -> None:
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.Input((12, 6), name="x"), keras.layers.Bidirectional(keras.layers.LSTM(32), name="both")]
    model = keras.Sequential([*layers, keras.layers.Dense(2, name="y")])
    x = signal(80, 12, 6, 1)
    for options in ({}, {"target": "micro"}, {"format": "c"}, {"quantize": "int16x8"}):
        found = edgernn.explain(model, x, **options)
        assert found.measured is not None
        assert found.measured.aside
        assert all(tensor.error is not None and tensor.beyond is not None for tensor in found.tensors)
        assert all(tensor.layer for tensor in found.tensors if tensor.kind != "input")
        assert len({tensor.name for tensor in found.tensors if tensor.name.startswith("both/C")}) == 2
        errors = [tensor.error or 0 for tensor in found.tensors]
        assert errors == sorted(errors, reverse=True)
        together = float(np.linalg.norm(errors))
        assert 0.4 * together < found.measured.error < 2.5 * together
        assert [bool(tensor.advice) for tensor in found.tensors[:4]] == [True, True, True, False]


def test_without_samples_ranges_of_weights_are_told_and_nothing_is_claimed() -> None:
    found = edgernn.explain(stacked(), quantize="dynamic")
    assert found.measured is None
    assert not found.worst
    assert all(tensor.error is None and tensor.scale > 0 and tensor.low < tensor.high for tensor in found.tensors)
    assert "Nothing was measured: give samples" in found.remarks[-1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantize": "float32"}, "of schemes with integers, int8, int16x8, dynamic. Found: 'float32'"),
        ({"quantize": "float32", "format": "c"}, "Found: 'float32'"),
        ({"quantize": "auto", "measure": False}, "Found: no-measure too"),
        ({"measure": False}, "Found: no-measure too"),
        ({"quantize": "dynamic", "form": "fused"}, "Found: form 'fused'"),
        ({"quantize": "int8"}, "needs calibration samples"),
    ],
)
def test_what_has_nothing_to_explain_is_refused(options: dict[str, Any], words: str) -> None:
    calibration = None if words.startswith("needs") else signal(40, 30, 5, 3)
    with pytest.raises(InputError, match=words):
        edgernn.explain(stacked(), calibration, **options)


@pytest.mark.parametrize("options", [{"target": "micro", "strict": True}, {"format": "c"}], ids=["micro", "c"])
def test_an_input_of_integers_errs_on_a_micro_and_in_c_as_rounded_by_hand(options: dict[str, Any]) -> None:
    model, x = stacked(), signal(FEW, 30, 5, 3)
    found = edgernn.explain(model, x, clip="percentile", **options)
    given = named(found, "x")
    truth = model.predict(x, verbose=0)
    assert given.error == pytest.approx(error(model.predict(rounded(x, given), verbose=0), truth), rel=0.02)
    assert given.beyond == pytest.approx(beyond(x, given), abs=2 / x.size)
    assert (given.beyond or 0) > 3e-4
    state = named(found, "core/h", "int16")
    assert state.kind == "state"
    assert state.error is not None
    assert state.error < 0.2 * (given.error or 0)
