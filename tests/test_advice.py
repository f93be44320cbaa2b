"""Advice for the tensors that harm most: the cause is the one that was put in, and what is advised helps."""

from __future__ import annotations

import numpy as np
import pytest
from test_explanation import FEW, named
from test_precision import lasting, signal

import edgernn
from edgernn.measuring import keep_aside
from edgernn.samples import Samples

Array = np.ndarray


def test_new_samples_beyond_what_the_others_reach_are_told() -> None:
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((20, 1), name="x"), keras.layers.GRU(16), keras.layers.Dense(1)])
    for seed in range(40):
        x = signal(60, 20, 1, seed)
        x[0] *= 6
        rest, aside = keep_aside(Samples({"x": x}, None))
        if np.abs(aside.inputs["x"]).max() > np.abs(rest.inputs["x"]).max():
            break
    found = edgernn.explain(model, x, strict=True)
    ends = min(rest.inputs["x"].min(), 0), rest.inputs["x"].max()
    outside = np.mean((aside.inputs["x"] < ends[0]) | (aside.inputs["x"] > ends[1]))
    tensor = named(found, "x")
    assert tensor.beyond == pytest.approx(outside, rel=0.1)
    assert (tensor.saturation or 0) > 0.5
    assert "which the other samples do not reach: calibrate with samples that hold such extremes" in tensor.advice


def test_clipping_that_harms_is_named() -> None:
    import keras

    model = keras.Sequential([keras.Input((20, 4), name="x"), keras.layers.Dense(1, name="y")])
    model.layers[0].set_weights([np.ones((4, 1)), np.zeros(1)])
    x = signal(FEW, 20, 4, 0)
    x[3, 7] *= 40
    found = edgernn.explain(model, x, clip="percentile", strict=True, io="float32")
    assert found.tensors[0].advice.endswith("clipping is to blame: --clip minmax keeps all that calibration saw.")
    assert found.settings.clip == "percentile"


def test_a_few_numbers_far_out_are_named() -> None:
    import keras

    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((40, 4), name="x"), keras.layers.GRU(16), keras.layers.Dense(1, name="y")])
    x = signal(200, 40, 4, 0)
    x[3, 7] *= 60
    advice = named(edgernn.explain(model, x, strict=True), "x").advice
    assert "99.9 % of its numbers lie within" in advice
    assert "errors of measurement, or try --clip percentile" in advice


@pytest.mark.parametrize("shared", [True, False])
def test_features_of_unequal_ranges_are_named(shared: bool) -> None:
    """Where they share a scale, as they do where a function reads them first; else each has its own: all is well."""
    import keras

    keras.utils.set_random_seed(3)
    first = [keras.layers.ReLU()] if shared else []
    recurrent = keras.layers.GRU(16)
    model = keras.Sequential([keras.Input((20, 3), name="x"), *first, recurrent, keras.layers.Dense(1, name="y")])
    x = signal(90, 20, 3, 0) * np.array([1, 200, 100], "f4")
    kernel, *others = recurrent.get_weights()
    recurrent.set_weights([kernel / np.array([[1], [200], [100]]), *others])
    advice = named(edgernn.explain(model, x, target="micro", io="int8", strict=True), "x").advice
    assert ("feature 0 has" in advice) == shared
    assert ("take --io float32, or scale the features alike" in advice) == shared


def test_weights_far_out_are_named_and_so_are_unlike_rows() -> None:
    import keras

    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((20, 3), name="x"), keras.layers.LSTM(33), keras.layers.Dense(2, name="y")])
    kernel, recurrent, bias = model.layers[0].get_weights()
    recurrent[5, 7] = 14.0
    model.layers[0].set_weights([kernel, recurrent, bias])
    x = signal(90, 20, 3, 0)
    found = edgernn.explain(model, x, quantize="int16x8", target="micro", strict=True)
    assert "its largest weight is" in found.tensors[0].advice
    assert found.tensors[0].kind == "weights"
    gates = np.repeat([1, 1, 0.02, 1], 33)
    recurrent[5, 7] = 0.1
    model.layers[0].set_weights([kernel * gates * 2, recurrent * gates, bias * gates])
    worst = edgernn.explain(model, x, quantize="int16x8", target="micro", max_error=0.5).tensors[0]
    assert "one scale serves all rows" in worst.advice
    limit = float(worst.advice.split("--max-error ")[1].split()[0])
    followed = edgernn.explain(model, x, quantize="int16x8", target="micro", max_error=limit)
    assert (followed.tensors[0].error or 1) < 0.5 * (worst.error or 0)


def test_advice_to_widen_works() -> None:
    model, x = lasting(), signal(120, 90, 4, 2)
    whole = edgernn.explain(model, x, strict=True)
    assert whole.measured is not None
    strict = whole.tensors[0]
    assert "leave --strict out" in strict.advice
    assert strict.dtype == "int8"
    widened = edgernn.explain(model, x)
    assert (widened.tensors[0].error or 1) < 0.5 * (strict.error or 0)
    loose = edgernn.explain(model, x, max_error=2 * whole.measured.error).tensors[0]
    limit = float(loose.advice.split("--max-error ")[1].split()[0])
    followed = edgernn.explain(model, x, max_error=limit)
    assert all(tensor.name != loose.name or tensor.dtype == "int16" for tensor in followed.tensors)
