"""Features of unequal ranges: raw units, with a normalization in the model or with weights that make up for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from unequal_units import KINDS, chains, keras_model, last_answers, made, waves

import edgernn
from edgernn.converters.keras import read_model
from edgernn.graph import Builder, Graph
from edgernn.graph import operators as ops
from edgernn.input_types import input_harm
from edgernn.passes import fold_ahead, simplify, without_masked_steps
from edgernn.passes.equalize import equalize
from edgernn.passes.front import float_front, split_front
from edgernn.reference import evaluate

Array = NDArray[Any]


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
def test_no_unit_is_too_small_for_eight_bits(kind: str, options: dict[str, Any], tmp_path: Any) -> None:
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
    every: tuple[dict[str, Any], ...] = ({}, {"target": "micro"}, {"format": "c"})
    for number, options in enumerate(every):
        path = tmp_path / f"stream{number}"
        edgernn.convert(model, path, quantize="int8", streaming=True, calibration=x[:100], **options)
        answers = last_answers(path, x[100:110])
        assert np.sqrt(np.mean((answers - expected) ** 2)) < 0.05 * expected.std()


def test_the_type_of_inputs_changes_only_where_nobody_chose_it() -> None:
    model, x = made("normalization", "GRU", 1e4)
    chosen = edgernn.convert(model, quantize="int8", target="micro", calibration=x[:60])
    assert (chosen.io, chosen.notes[0]) == ("float32", chosen.io_reason)
    assert "costs" in chosen.io_reason
    kept = edgernn.convert(model, quantize="int8", target="micro", calibration=x[:60], io="int8")
    assert (kept.io, kept.io_reason) == ("int8", "")
    assert any("--io float32" in note for note in kept.notes)
    like, x = made("raw weights", "GRU", 1.0)
    integers: tuple[dict[str, Any], ...] = ({"target": "micro"}, {"format": "c"})
    for options in integers:
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
