"""Features of unequal ranges: raw units, with a normalization in the model or with weights that make up for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import randomize
from numpy.typing import NDArray

import edgernn
from edgernn.converters.keras import read_model
from edgernn.graph import Builder, Graph, Value
from edgernn.graph import operators as ops
from edgernn.input_types import input_harm
from edgernn.passes import fold_ahead, simplify, without_masked_steps
from edgernn.passes.equalize import equalize
from edgernn.passes.front import float_front, split_front
from edgernn.reference import evaluate

Array = NDArray[Any]


def waves(samples: int, steps: int, features: int, seed: int = 0) -> Array:
    """Smooth, of mean 0 and deviation about 1."""
    r = np.random.default_rng(seed)
    t, shape = np.arange(steps)[None, :, None], (samples, 1, features)
    found = np.sin(t / r.uniform(2, 12, shape) + r.uniform(0, 6, shape)) * r.uniform(0.7, 1.7, shape)
    return (found + r.normal(0, 0.3, (samples, steps, features))).astype("f4")


def in_units(x: Array, ratio: float, offset: float, seed: int = 1) -> tuple[Array, Array]:
    """The same in other units, the largest `ratio` times the smallest; and the units."""
    r, count = np.random.default_rng(seed), x.shape[-1]
    unit = ratio ** (r.permutation(count) / max(count - 1, 1))
    return (x * unit + unit * r.uniform(-offset, offset, count)).astype("f4"), unit


def keras_model(kind: str, cell: str, x: Array, unit: Array) -> Any:
    """A model of raw units."""
    import keras

    layers, width = keras.layers, x.shape[-1]
    recurrent = getattr(layers, cell)(13)
    first: list[Any] = []
    if kind in ("normalization", "masked", "sentinel", "stack"):
        known = x[(x != -999).any(-1) & (x != 0).any(-1)]
        first = [layers.Normalization(mean=known.mean(0), variance=known.var(0))]
    if kind in ("masked", "sentinel"):
        first.insert(0, layers.Masking(-999.0 if kind == "sentinel" else 0.0))
    if kind == "batch normalization":
        first = [layers.BatchNormalization()]
    if kind == "conv":
        first = [layers.Conv1D(6, 3, padding="same", activation="relu")]
    if kind == "both ways":
        recurrent = layers.Bidirectional(recurrent)
    if kind == "stack":
        more = [getattr(layers, cell)(9, return_sequences=True), layers.BatchNormalization(), recurrent]
        model = keras.Sequential([keras.Input(x.shape[1:]), *first, *more, layers.Dense(3)])
    else:
        model = keras.Sequential([keras.Input(x.shape[1:]), *first, recurrent, layers.Dense(3)])
    randomize(model, 5)
    if kind == "batch normalization":
        rows = x.reshape(-1, width)
        first[0].set_weights([np.ones(width), np.zeros(width), rows.mean(0), rows.var(0)])
    elif kind in ("normalization", "masked", "sentinel", "stack"):
        normal = next(layer for layer in first if isinstance(layer, layers.Normalization))
        known = x[(x != -999).any(-1) & (x != 0).any(-1)]
        for weight, value in zip(normal.weights, (known.mean(0), known.var(0)), strict=False):
            weight.assign(value)
    else:  # the first weights make up for the units, as training on raw data has it
        layer = first[0] if first else recurrent
        weights = layer.get_weights()
        for k, weight in enumerate(weights):
            if width in weight.shape[-2:-1] and k in (0, 3):
                weights[k] = weight / unit[:, None]
        layer.set_weights(weights)
    return model


KINDS = ("normalization", "batch normalization", "raw weights", "conv", "masked", "sentinel", "both ways", "stack")


def made(kind: str, cell: str, ratio: float, width: int = 5, steps: int = 18) -> tuple[Any, Array]:
    offset = 30 if "normalization" in kind or kind in ("masked", "sentinel", "stack") else 0
    x, unit = in_units(waves(150, steps, width), ratio, offset)
    if kind in ("masked", "sentinel"):
        x[::2, steps - 5 :] = 0 if kind == "masked" else -999
    return keras_model(kind, cell, x, unit), x


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_rewritten_computes_the_same(kind: str) -> None:
    model, x = made(kind, "GRU", 1e3)
    graph = simplify(read_model(model).graph)
    samples = {graph.inputs[0].name: x}
    expected = evaluate(graph, samples)
    front, rest, given = float_front(graph, samples)
    assert front.nodes
    for found in (evaluate(rest, given), evaluate(front.before(fold_ahead(rest, given)), samples)):
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, atol=2e-4)
    reach = [np.abs(array.reshape(-1, array.shape[-1])).max(0) for array in given.values() if array.dtype.kind == "f"]
    assert all(each.max() < 30 * each.min() for each in reach)  # they were a thousandfold


@pytest.mark.parametrize("kind", [KINDS[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])])
@pytest.mark.parametrize("options", [{}, {"target": "micro"}, {"format": "c"}], ids=["phone", "micro", "c"])
def test_no_unit_is_too_small_for_eight_bits(kind: str, options: dict[str, str], tmp_path: Any) -> None:
    """Against the same model on features of like ranges, whose quantization has nothing to do with units."""
    errors = []
    for ratio in (1.0, 1e4):
        model, x = made(kind, "GRU", ratio)
        path = tmp_path / f"model{ratio:g}"
        edgernn.convert(model, path, quantize="int8", calibration=x[:100], **options)
        checked = edgernn.verify(model, path, x[100:], oracle="reference")
        assert checked.spread_error is not None
        errors.append(checked.spread_error)
    assert errors[1] < 1.3 * errors[0] + 0.003
    assert errors[1] < (0.1 if not options else 0.02)


def test_a_stream_of_raw_units_answers_as_its_window(tmp_path: Any) -> None:
    model, x = made("normalization", "LSTM", 1e4)
    expected = np.asarray(model.predict(x[100:110], verbose=0))
    for number, options in enumerate(({}, {"target": "micro"}, {"format": "c"})):
        path = tmp_path / f"stream{number}"
        edgernn.convert(model, path, quantize="int8", streaming=True, calibration=x[:100], **options)
        with edgernn.StreamingSession(path) as session:
            answers = []
            for window in x[100:110]:
                session.reset()
                answers.append([session.step(frame) for frame in window][-1])
        assert np.sqrt(np.mean((np.array(answers) - expected) ** 2)) < 0.05 * expected.std()


def test_the_type_of_inputs_changes_only_where_nobody_chose_it() -> None:
    model, x = made("normalization", "GRU", 1e4)
    chosen = edgernn.convert(model, quantize="int8", target="micro", calibration=x[:60])
    assert (chosen.io, chosen.notes[0]) == ("float32", chosen.io_reason)
    assert "costs" in chosen.io_reason
    kept = edgernn.convert(model, quantize="int8", target="micro", calibration=x[:60], io="int8")
    assert (kept.io, kept.io_reason) == ("int8", "")
    assert any("--io float32" in note for note in kept.notes)
    like, x = made("raw weights", "GRU", 1.0)
    for options in ({"target": "micro"}, {"format": "c"}):
        found = edgernn.convert(like, quantize="int8", calibration=x[:60], measure=False, **options)
        assert (found.io, found.io_reason, found.notes) == ("int8", "", ())


def test_an_input_that_changes_nothing_does_no_harm() -> None:
    """A feature whose weights are nothing may have no steps at all."""
    b = Builder("m")
    x = b.input("x", (7, 3))
    kernel = np.array([[1, 0.5, 0], [-0.5, 1, 0]], "f4")
    y = b.apply(ops.Affine(1, bias=False), x, b.constant("kernel", kernel))
    graph = b.finish(y)
    samples = {"x": waves(50, 7, 3) * np.array([1, 1, 1e-4], "f4")}
    harm = input_harm(graph, samples, "int8")
    assert harm is not None
    assert (harm.feature, harm.steps < 1, harm.error < 0.02) == (2, True, True)
    kernel[:, 2] = 1e4
    worse = input_harm(graph, samples, "int8")
    assert worse is not None
    assert worse.error > 0.2


@st.composite
def chains(draw: st.DrawFn) -> tuple[Graph, dict[str, Array]]:
    """An input, sums and products with constants behind it, and something that reads the last."""
    r = np.random.default_rng(draw(st.integers(0, 99)))
    b, width = Builder("m"), draw(st.integers(1, 4))
    x: Value = b.input("x", (6, width))
    array = (r.normal(size=(9, 6, width)) * 10.0 ** r.integers(-3, 4, width)).astype("f4")
    values = [x]
    for k in range(draw(st.integers(0, 4))):
        function: ops.BinaryFunction = draw(st.sampled_from(["add", "sub", "mul", "div"]))
        shape = draw(st.sampled_from([(1,), (width,)]))
        constant = b.constant(f"c{k}", (r.uniform(0.5, 3, shape) * r.choice([-1, 1], shape)).astype("f4"))
        values.append(b.apply(ops.Binary(function), values[-1], constant))
    last = values[-1]
    match draw(st.sampled_from(["dense", "conv", "padded", "twice", "function"])):
        case "dense":
            parts = [r.normal(size=(3, width)).astype("f4"), r.normal(size=3).astype("f4")]
            y = b.apply(ops.Affine(1, bias=True), last, *(b.constant(f"k{i}", p) for i, p in enumerate(parts)))
        case "conv" | "padded" as form:
            padded = b.apply(ops.Pad(1, 1), last) if form == "padded" else last
            y = b.apply(ops.Conv(1, 1, bias=False), padded, b.constant("k", r.normal(size=(2, 3, width)).astype("f4")))
        case "twice":
            kernel = b.constant("k", r.normal(size=(3, width)).astype("f4"))
            y = b.apply(ops.Affine(2, bias=False), last, draw(st.sampled_from(values)), kernel, kernel)
        case _:
            y = b.apply(ops.Unary("relu"), last)
    outputs = [y, draw(st.sampled_from(values[1:]))] if len(values) > 1 and draw(st.booleans()) else [y]
    return b.finish(*outputs), {"x": array}


@settings(deadline=None, max_examples=150)
@given(chains())
def test_rewrites_keep_what_is_computed(case: tuple[Graph, dict[str, Array]]) -> None:
    graph, samples = case
    expected = evaluate(graph, samples)
    front, rest, given = float_front(graph, samples)
    results = [
        evaluate(rest, given),
        evaluate(front.before(rest), samples),
        evaluate(fold_ahead(graph, samples), samples),
        evaluate(equalize(graph, samples), samples),
        evaluate(split_front(graph)[0].before(split_front(graph)[1]), samples),
    ]
    for found in results:
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=1e-4 * np.abs(array).max() + 1e-6)


def test_a_normalization_of_like_features_costs_no_operator() -> None:
    x = waves(60, 10, 4) * np.array([1, 1.5, 2, 3], "f4") - 6
    model = keras_model("normalization", "GRU", x, np.ones(4))
    graph = simplify(read_model(model).graph)
    graph = fold_ahead(graph, {graph.inputs[0].name: x})
    assert not any(isinstance(node.operator, ops.Binary) for node in graph.nodes)


def test_steps_that_a_mask_leaves_out_take_no_room() -> None:
    b = Builder("m")
    x, mask = b.input("x", (5, 2)), b.input("mask", (5,), "bool")
    keep = b.apply(ops.Reshape((5, 1)), mask)
    shifted = b.apply(ops.Binary("sub"), x, b.constant("mean", np.ones(2, "f4")))
    chosen = b.apply(ops.Select(), keep, shifted, b.constant("zero", np.zeros(1, "f4")))
    samples = {"x": waves(8, 5, 2), "mask": np.ones((8, 5), bool)}
    samples["x"][:, 3:], samples["mask"][:, 3:] = -999, False
    found = without_masked_steps(b.finish(chosen), samples)
    assert np.abs(found["x"]).max() < 5
    np.testing.assert_array_equal(found["x"][:, :3], samples["x"][:, :3])
    kept = without_masked_steps(b.finish(chosen, shifted), samples)  # somebody reads them
    np.testing.assert_array_equal(kept["x"], samples["x"])
