"""Integer inputs that somebody asks for, of features with units of their own: each feature is rounded by itself."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from numpy.typing import NDArray
from unequal_units import chains, last_answers, made

import edgernn
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.c import read_c_project
from edgernn.devices.host.session import open_session
from edgernn.devices.linux.feed import feed_of
from edgernn.errors import InputError
from edgernn.feature_units import read_units
from edgernn.graph import Graph
from edgernn.passes import split_units
from edgernn.reference import evaluate
from edgernn.running import read_artifact

Array = NDArray[Any]


def by_hand(document: Any, scale: float, zero_point: int, dtype: str, x: Array) -> Array:
    """Integers as an artifact's description asks for them."""
    shared = (x.astype("f8") - np.array(document["offset"])) * np.array(document["factor"])
    limits = np.iinfo(dtype)
    integers: Array = np.clip(np.round(shared / scale) + zero_point, limits.min, limits.max).astype(dtype)
    return integers


def litert_by_hand(content: bytes, x: Array) -> tuple[Array, list[str]]:
    """The answers of an artifact that is fed with what its description and LiteRT say of it; the types of its ends."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    features = read_tflite(content).own["features"][given["name"]]
    scale, zero_point = given["quantization"]
    integers = by_hand(features, scale, zero_point, np.dtype(given["dtype"]).name, x)
    found = []
    for sample in integers:
        interpreter.set_tensor(given["index"], sample[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(wanted["index"]))
    scale, zero_point = wanted["quantization"]
    types = [np.dtype(end["dtype"]).name for end in (given, wanted)]
    return (np.concatenate(found).astype("f8") - zero_point) * scale, types


@pytest.mark.parametrize("target", ["phone", pytest.param("micro", marks=pytest.mark.slow)])
@pytest.mark.parametrize("io", ["int8", pytest.param("int16", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "kind", ["normalization", *(pytest.param(k, marks=pytest.mark.slow) for k in ("raw weights", "conv", "both ways"))]
)
def test_integers_that_somebody_asks_for_are_rounded_feature_by_feature(kind: str, io: str, target: str) -> None:
    """Against Keras, on LiteRT; with one scale the same models err by 8 to 89 % of the spread."""
    model, x = made(kind, "GRU", 1e4)
    made_of = edgernn.convert(model, quantize="int8", target=target, io=io, calibration=x[:100])
    assert made_of.io == io
    assert any("feature" in note and "--io float32" in note for note in made_of.notes)
    expected = np.asarray(model.predict(x[100:], verbose=0))
    found, types = litert_by_hand(made_of.content, x[100:])
    assert types == [io, io]
    error = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert error < 0.03
    assert made_of.measured is not None
    assert made_of.measured.error < 0.03


@pytest.mark.parametrize("kind", ["normalization", pytest.param("raw weights", marks=pytest.mark.slow)])
def test_c_says_what_each_feature_stands_for(kind: str, tmp_path: Any) -> None:
    model, x = made(kind, "GRU", 1e4)
    edgernn.convert(model, tmp_path / "m", quantize="int8", io="int8", format="c", calibration=x[:100])
    source = (tmp_path / "m" / "src" / "m.c").read_text(encoding="utf-8")
    header = (tmp_path / "m" / "src" / "m.h").read_text(encoding="utf-8")
    scale, offset = (
        np.array([float(word.strip().rstrip("f")) for word in match.split(",") if word.strip()])
        for name in ("SCALE", "OFFSET")
        for match in re.findall(rf"M_X_{name}\[5\] = {{(.*?)}}", source, re.DOTALL)
    )
    zero_point = int(re.findall(r"define M_X_ZERO_POINT (-?\d+)", header)[0])
    integers = np.clip(np.round((x[100:] - offset) / scale) + zero_point, -128, 127).astype("i1")
    session = open_session(read_c_project(tmp_path / "m"), "c")
    (given,), (wanted,) = session.inputs, session.outputs
    found = np.concatenate([session.run({given.name: sample[None]})[wanted.name] for sample in integers])
    expected = np.asarray(model.predict(x[100:], verbose=0))
    answers = float(re.findall(r"define M_Y_SCALE (\S+)f", header)[0]) * found.astype("f8")
    assert np.sqrt(np.mean((answers - expected) ** 2)) < 0.02 * expected.std()
    with pytest.raises(InputError, match="must have one scale for all of input"):
        feed_of(read_artifact(tmp_path / "m"))


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"target": "micro"}, {"format": "c"}], ids=["phone", "micro", "c"])
def test_a_stream_rounds_its_features_one_by_one(options: dict[str, Any], tmp_path: Any) -> None:
    model, x = made("normalization", "LSTM", 1e4)
    expected = np.asarray(model.predict(x[100:110], verbose=0))
    path = tmp_path / "stream"
    edgernn.convert(model, path, quantize="int8", io="int8", streaming=True, calibration=x[:100], **options)
    answers = last_answers(path, x[100:110])
    assert np.sqrt(np.mean((answers - expected) ** 2)) < 0.05 * expected.std()


@settings(deadline=None, max_examples=150)
@given(chains())
def test_what_is_left_to_the_caller_changes_nothing(case: tuple[Graph, dict[str, Array]]) -> None:
    graph, samples = case
    expected = evaluate(graph, samples)
    units, rest, given = split_units(graph, samples)
    assert [value.name for value in rest.inputs] == ["x"]
    found = evaluate(rest, given)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=1e-4 * np.abs(array).max() + 1e-6)
    for each in units.values():
        again = read_units(each.document)
        assert again is not None
        shared = again.apply(samples["x"])
        np.testing.assert_allclose(shared, given["x"], rtol=1e-4, atol=1e-5 * np.abs(shared).max())
        np.testing.assert_allclose(again.undo(shared), samples["x"], rtol=1e-6, atol=1e-6 * np.abs(samples["x"]).max())


@pytest.mark.parametrize("scheme", ["int16x8", "int8"])
def test_weights_that_make_up_for_units_are_no_integers_by_default(scheme: str) -> None:
    """Weights of unequal features have 8 bits, whatever the input has."""
    model, x = made("raw weights", "GRU", 1e3)
    chosen = edgernn.convert(model, quantize=scheme, target="micro", calibration=x[:100])
    assert (chosen.io, bool(chosen.io_reason)) == ("float32", True)
    checked = edgernn.verify(model, chosen.content, x[100:], oracle="reference")
    assert checked.spread_error is not None
    assert checked.spread_error < 0.02
