"""Calibration that cannot be right is told, and nothing is said of what is healthy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras_models import randomize
from numpy.typing import NDArray

import edgernn
from edgernn.calibration_notes import calibration_notes
from edgernn.converters.keras import read_model
from edgernn.graph import Builder, Graph
from edgernn.graph import operators as ops

Array = NDArray[Any]
R = np.random.default_rng(3)


def graph(width: int = 3, mean: Array | None = None, gain: Array | None = None) -> Graph:
    b = Builder("m")
    x = b.input("x", (16, width))
    y = b.apply(ops.Binary("sub"), x, b.constant("mean", np.zeros(width, "f4") if mean is None else mean))
    y = b.apply(ops.Binary("mul"), y, b.constant("gain", np.ones(width, "f4") if gain is None else gain))
    return b.finish(b.apply(ops.Unary("tanh"), y))


def normal(count: int = 60, width: int = 3) -> Array:
    return R.normal(size=(count, 16, width)).astype("f4")


def with_fixed(number: float) -> Array:
    x = normal()
    x[..., 2] = number
    return x


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (normal(), []),
        (normal(49), ["49 samples"]),
        (normal() * 0, ["never changes (0)"]),
        (with_fixed(7.0), ["feature 2 never changed"]),
        (normal() * 1000, ["features 0, 1, 2 look like other units"]),
        (normal() + 273, ["features 0, 1, 2 look like other units"]),
        (np.eye(3, dtype="f4")[R.integers(0, 2, (60, 16))], []),  # one of the rows of a one-hot code is rare
    ],
)
def test_odd_samples_are_told(x: Array, words: list[str]) -> None:
    notes = calibration_notes(graph(), {"x": x})
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


@pytest.mark.parametrize("ratio", [1, 1e4])
def test_raw_units_that_the_model_knows_are_healthy(ratio: float) -> None:
    unit = np.array([1, ratio, ratio**0.5], "f4")
    x = normal() * unit + 20 * unit
    assert calibration_notes(graph(3, 20 * unit, 1 / unit), {"x": x}) == ()


def test_a_weight_that_stands_out_is_told() -> None:
    b = Builder("m")
    kernel = R.normal(size=(30, 40)).astype("f4")
    x = b.input("x", (40,))
    built = b.finish(b.apply(ops.Affine(1, bias=False), x, b.constant("kernel", kernel)))
    samples = {"x": R.normal(size=(60, 40)).astype("f4")}
    assert calibration_notes(built, samples) == ()
    kernel[3, 5] = 200
    (note,) = calibration_notes(built, samples)
    assert "largest weight" in note


def test_steps_behind_a_mask_are_no_other_units() -> None:
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((16, 3)), layers.Masking(), layers.Normalization(mean=[50.0] * 3, variance=[1.0] * 3),
         layers.GRU(4), layers.Dense(2)]
    )  # fmt: skip
    randomize(model, 1)
    for weight, value in zip(model.layers[1].weights, (np.full(3, 50.0), np.ones(3)), strict=False):
        weight.assign(value)
    x = normal() + 50
    x[:, 4:] = 0
    assert calibration_notes(read_model(model).graph, {read_model(model).graph.inputs[0].name: x}) == ()
    result = edgernn.convert(model, quantize="int8", calibration=x[:20])
    assert any("20 samples" in note for note in result.notes)
    assert not edgernn.convert(model, quantize="dynamic", calibration=x[:20], measure=False).notes


def answering(shift: float, sign: float = 1.0) -> tuple[Any, Array]:
    """A linear answer, which is the first input's last step, moved so that the nearest to zero is at that distance."""
    import keras

    model = keras.Sequential([keras.Input((16, 3), name="x"), keras.layers.Cropping1D((15, 0)), keras.layers.Flatten()])
    x = normal(90)
    model.add(keras.layers.Dense(1, name="y"))
    bias = shift - float((sign * x[:, -1, 0]).min())
    model.layers[-1].set_weights([np.array([[1], [0], [0]], "f4"), np.array([bias * sign], "f4")])
    return model, x


@pytest.mark.parametrize(
    ("shift", "sign", "options", "words"),
    [
        (0.05, 1, {}, "no answer 'y' is below 0, the nearest is 0.05; one that is becomes 0"),
        (0.05, -1, {}, "no answer 'y' is above 0, the nearest is -0.05"),
        (0.05, 1, {"target": "micro"}, "no answer 'y' is below 0"),
        (3.0, 1, {}, ""),  # so far from zero that none will pass it
        (-0.5, 1, {}, ""),  # some have
        (0.05, 1, {"quantize": "int16x8"}, ""),  # has both sides
    ],
)
def test_a_side_that_no_answer_was_on_is_told_where_one_may_be(
    shift: float, sign: float, options: dict[str, Any], words: str
) -> None:
    model, x = answering(shift, sign)
    notes = edgernn.convert(model, calibration=x, measure=False, **{"quantize": "int8", **options}).notes
    found = [note for note in notes if "no answer" in note]
    assert len(found) == bool(words)
    assert all(words in note for note in found)


def test_what_cannot_be_negative_needs_no_other_side() -> None:
    import keras

    model, x = answering(0.05)
    relu = keras.Sequential([*model.layers, keras.layers.ReLU()])
    relu.build((None, 16, 3))
    notes = edgernn.convert(relu, quantize="int8", calibration=x, measure=False).notes
    assert not any("no answer" in note for note in notes)
