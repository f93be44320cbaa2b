"""Float answers of an integer model end in float functions: probabilities that 8 bits would make zero are there."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from streamed_models import streamed
from test_precision import signal

import edgernn
from edgernn.converters.keras import read_model
from edgernn.converters.tflite.arithmetic import FLOAT_KERNELS
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.session import open_session
from edgernn.graph.verify import verify
from edgernn.passes import simplify, split_back
from edgernn.reference import evaluate

Array = np.ndarray
STEPS, FEATURES = 21, 4


def letters(k: Any, h: Any) -> Any:
    """Thirty-one probabilities at each step, most of them far below 1/256."""
    return k.Dense(31, activation="softmax", name="letters")(h)


def rare(k: Any, h: Any) -> Any:
    """The probability of what happens once in some hundred times."""
    return k.Dense(1, activation="sigmoid", name="rare")(k.GlobalAveragePooling1D()(h))


def logits_too(k: Any, h: Any) -> Any:
    logits = k.Dense(13, name="logits")(k.GlobalAveragePooling1D()(h))
    return [logits, k.Softmax(name="sure")(logits)]


def one_of_two(k: Any, h: Any) -> Any:
    return [k.Dense(2, name="size")(k.GlobalAveragePooling1D()(h)), k.Dense(41, activation="softmax", name="kind")(h)]


def read_elsewhere(k: Any, h: Any) -> Any:
    kind = k.Dense(9, activation="softmax", name="kind")(h)
    return [kind, k.Dense(3, activation="softplus", name="behind")(k.GRU(7)(kind))]


def joined(k: Any, h: Any) -> Any:
    """Formulas, tables and copies behind functions."""
    parts = [
        k.Dense(5, activation=name)(k.GlobalAveragePooling1D()(h))
        for name in ("tanh", "elu", "gelu", "softsign", "relu")
    ]
    return k.Reshape((5, 5), name="all")(k.Rescaling(4.0, offset=1.0)(k.Concatenate()(parts)))


def gated(k: Any, h: Any, x: Any) -> Any:
    """What cleans a signal: a mask for each of its numbers."""
    return k.Multiply(name="clean")([k.Dense(FEATURES, activation="sigmoid")(h), x])


ENDS = (letters, rare, logits_too, one_of_two, read_elsewhere, joined, gated)


@cache
def model(end: Any, cell: str) -> Any:
    """A cell with weights that make it sure of some of its answers."""
    import keras

    keras.utils.set_random_seed(3)
    x = keras.Input((STEPS, FEATURES), name="x")
    h = getattr(keras.layers, cell)(27, return_sequences=True)(x)
    made = keras.Model(x, end(keras.layers, h, x) if end is gated else end(keras.layers, h))
    random = np.random.default_rng(4)
    for layer in made.layers:
        if isinstance(layer, keras.layers.Dense):
            kernel, bias = layer.get_weights()
            bias = bias + random.normal(size=bias.shape) - (7 if layer.name == "rare" else 0)
            layer.set_weights([kernel * 9, bias])
    return made


def answers_of(content: bytes, x: Array) -> dict[str, Array]:
    session = open_session(content, "litert")
    (given,) = session.inputs
    ran = [session.run({given.name: given.quantize(sample[None])}) for sample in x]
    return {info.name: np.concatenate([info.dequantize(each[info.name]) for each in ran]) for info in session.outputs}


def expected(made: Any, x: Array) -> list[Array]:
    found = made.predict(x, verbose=0)
    return [np.asarray(each) for each in (found if isinstance(found, list) else [found])]


def paired(found: dict[str, Array], truth: list[Array]) -> list[tuple[Array, Array]]:
    """Each output of Keras with ours of that shape that is nearest."""
    pairs = []
    for each in truth:
        alike = [ours for ours in found.values() if ours.shape == each.shape]
        pairs.append((min(alike, key=lambda ours: float(np.abs(ours - each).mean())), each))
    return pairs


@pytest.mark.parametrize("end", ENDS)
def test_the_parts_of_a_graph_are_the_whole(end: Any) -> None:
    graph = simplify(read_model(model(end, "GRU")).graph)
    back, rest = split_back(graph, FLOAT_KERNELS)
    assert back.graph.nodes
    whole = back.behind(rest)
    verify(whole)
    assert [value.name for value in whole.outputs] == [value.name for value in graph.outputs]
    samples = {"x": signal(6, STEPS, FEATURES, 1)}
    truth = evaluate(graph, samples)
    for name, found in evaluate(whole, samples).items():
        np.testing.assert_allclose(found, truth[name], atol=1e-5)


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_improbable_is_not_impossible(cell: str, scheme: str) -> None:
    """In bits, as who compresses or samples by them counts; against Keras, on LiteRT."""
    made, x = model(letters, cell), signal(150, STEPS, FEATURES, 7)
    content = edgernn.convert(made, quantize=scheme, calibration=x[:100], measure=False).content
    ((found, truth),) = paired(answers_of(content, x[100:]), expected(made, x[100:]))
    assert np.mean(truth < 1 / 512) > 0.1  # which 8 bits make zero
    bits = -np.mean(np.sum(truth * np.log2(truth + 1e-30), axis=-1))
    ours = -np.mean(np.sum(truth * np.log2(np.maximum(found, 1e-7)), axis=-1))
    assert ours < 1.005 * bits


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_rare_events_keep_their_order(cell: str) -> None:
    made, x = model(rare, cell), signal(200, STEPS, FEATURES, 7)
    content = edgernn.convert(made, quantize="int8", calibration=x[:100], measure=False).content
    ((found, truth),) = paired(answers_of(content, x[100:]), expected(made, x[100:]))
    assert np.median(truth) < 1 / 256
    error = np.log(found + 1e-9) - np.log(truth + 1e-9)
    assert np.sqrt(np.mean(error**2)) < 0.06 * np.log(truth).std()


@pytest.mark.parametrize(("end", "measure"), [*((end, False) for end in ENDS), (read_elsewhere, True)])
def test_all_kinds_of_ends_answer_as_keras(end: Any, measure: bool) -> None:
    made, x = model(end, "LSTM"), signal(120, STEPS, FEATURES, 7)
    content = edgernn.convert(made, quantize="int8", calibration=x[:80], measure=measure).content
    for found, truth in paired(answers_of(content, x[80:]), expected(made, x[80:])):
        assert np.sqrt(np.mean((found - truth) ** 2)) < 0.07 * truth.std()


@pytest.mark.parametrize(("end", "target"), [(letters, "phone"), (rare, "micro"), (joined, "phone")])
def test_functions_are_float_but_where_integers_are_wanted(end: Any, target: str) -> None:
    """With --strict nothing between the conversions at either end is float, as NPUs want it."""
    made, x = model(end, "GRU"), signal(60, STEPS, FEATURES, 7)
    options: dict[str, Any] = {"quantize": "int8", "target": target, "io": "float32", "calibration": x}
    for strict in (True, False):
        main = read_tflite(edgernn.convert(made, **options, strict=strict).content).main
        floats = [
            operator.name
            for operator in main.operators
            if operator.name not in ("QUANTIZE", "DEQUANTIZE")
            and any(main.tensors[k].dtype == "float32" for k in (*operator.inputs, *operator.outputs) if k >= 0)
        ]
        assert bool(floats) is not strict


def test_a_stream_ends_in_the_same_functions() -> None:
    made, x = model(letters, "GRU"), signal(100, STEPS, FEATURES, 7)
    options: dict[str, Any] = {"quantize": "int8", "calibration": x[:60], "measure": False}
    (window,) = answers_of(edgernn.convert(made, **options).content, x[60:61]).values()
    stepwise = edgernn.convert(made, streaming=True, **options).content
    found = streamed(edgernn.StreamingSession(stepwise), x[60])
    np.testing.assert_allclose(found, window[0], atol=1e-6)
    assert "SOFTMAX" in [operator.name for operator in read_tflite(stepwise).main.operators]


def test_what_is_explained_is_what_answers_lose_behind_their_functions() -> None:
    """The integers that a softmax takes are to blame for what it makes of them: all alone, by hand in Keras."""
    import keras

    made, x = model(letters, "GRU"), signal(36, STEPS, FEATURES, 7)  # of so few none are kept aside
    explained = edgernn.explain(made, x)
    (logits,) = [tensor for tensor in explained.tensors if tensor.layer == "letters" and tensor.kind != "weights"]
    layer = made.get_layer("letters")
    h = made.layers[1](x)
    real = np.asarray(h) @ layer.get_weights()[0] + layer.get_weights()[1]
    ends = np.iinfo(logits.dtype)
    integers = np.clip(np.round(real / logits.scale) + logits.zero_point, ends.min, ends.max)
    found = np.asarray(keras.ops.softmax(((integers - logits.zero_point) * logits.scale).astype("f4")))
    truth = np.asarray(layer(h))
    assert logits.error == pytest.approx(np.sqrt(np.mean((found - truth) ** 2)) / truth.std(), rel=0.02)
