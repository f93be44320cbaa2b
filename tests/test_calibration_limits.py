"""Weights and samples that no scale can follow, and loops that are longer than a look at them needs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from work_counts import calls

from edgernn.calibration import calibrate
from edgernn.cells import Gates, SimpleRNN
from edgernn.cells import run as loop
from edgernn.compiler import Options, compile_graph
from edgernn.converters.c.compile import lower
from edgernn.errors import EdgernnError, UnsupportedError
from edgernn.graph import Builder, Graph
from edgernn.quantization.scales import from_range
from edgernn.quantization.weights_only import white_noise
from edgernn.ranges import CLIP_METHODS, ClipMethod, Range
from edgernn.reference import evaluate
from edgernn.targets import MICRO, PHONE

STEPS, FEATURES, UNITS = 9, 5, 6


def graph(weights: float, bias: float = 0.1, *, steps: int = STEPS, function: str = "tanh") -> Graph:
    """A SimpleRNN with weights up to so much."""
    random = np.random.default_rng(3)
    kernel = np.float32(weights) * random.uniform(-1, 1, (FEATURES, UNITS)).astype("f4")
    recurrent = random.uniform(-0.4, 0.4, (UNITS, UNITS)).astype("f4")
    builder = Builder("m")
    x = builder.input("x", (steps, FEATURES))
    gates = Gates.split(("h",), kernel, recurrent, np.full(UNITS, bias, "f4"))
    return builder.finish(loop(builder, [SimpleRNN(gates, lambda b, v: _function(b, v, function))], x).last)


def _function(builder: Builder, value: Any, name: Any) -> Any:
    from edgernn.graph import operators as ops

    return builder.apply(ops.Unary(name), value)


def samples(size: float) -> dict[str, np.ndarray]:
    with np.errstate(over="ignore"):
        return {"x": np.float32(size) * np.random.default_rng(4).standard_normal((30, STEPS, FEATURES)).astype("f4")}


SIZES = (0.0, 1e-45, 1e-30, 1e-9, 1.0, 1e9, 1e14, 1e16, 1e37)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", ["tanh", "relu"])
@pytest.mark.parametrize("what", ["int8 phone", "int8 micro", "int16x8 micro", "dynamic phone", "int8 c"])
def test_numbers_of_any_size_are_compiled_or_refused_by_name(what: str, function: str) -> None:
    scheme, target = what.split()
    refused = 0
    for weights, size in itertools.product(SIZES, SIZES):
        options: Any = (scheme, PHONE if target == "phone" else MICRO, "while", "float32", "mse")
        try:
            if target == "c":
                lower(graph(weights, function=function), "int8", "int8", "mse", samples(size))
            else:
                assert compile_graph(graph(weights, function=function), Options(*options), samples(size), {})
        except EdgernnError as error:
            refused += error.exit_status == 2
    assert refused < len(SIZES) ** 2 / 2


@pytest.mark.parametrize(
    ("weights", "bias", "size", "message"),
    [
        (1e16, 0.1, 1.0, "weights must be within"),
        (1.0, 1e16, 1.0, "weights must be within"),
        (1e38, 0.1, 1e14, "weights must be within"),
        (1e12, 0.1, 1e12, "what it computes must be within"),
        (1.0, 0.1, 1e30, "input 'x': calibration samples must be within"),
    ],
)
def test_what_is_too_large_is_named(weights: float, bias: float, size: float, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        calibrate(graph(weights, bias), samples(size))
    assert caught.value.hint


def test_a_nan_on_the_way_is_not_lost() -> None:
    with pytest.raises(UnsupportedError, match=r"Found: nan|Found: inf"):
        calibrate(graph(1.0, function="log"), samples(1.0))


def test_a_long_loop_is_looked_at_for_as_long_as_told() -> None:
    long = graph(1.0, steps=30_000)
    noise, _ = white_noise(long)
    assert noise["x"].shape == (1, 30_000, FEATURES)
    brief = graph(1.0, steps=50)
    found, short = calibrate(long, noise, longest=50), calibrate(brief, {"x": noise["x"][:, :50]})
    looked = calls(lambda: calibrate(long, noise, longest=50))
    assert looked < 2 * calls(lambda: calibrate(brief, {"x": noise["x"][:, :50]}))
    (inner,) = (node.operator.body for node in long.nodes if hasattr(node.operator, "body"))
    assert {value.name for value in found.ranges} == {value.name for value in short.ranges}
    moments = {value.name: array for value, array in short.moments.items()}
    for value, array in found.moments.items():
        if value in inner.inputs:
            np.testing.assert_allclose(array, moments[value.name], rtol=1e-6)


@pytest.mark.parametrize("longest", [1, 4, 9, 20])
def test_a_shortened_loop_gives_what_it_would_have_given_so_far(longest: int) -> None:
    builder = Builder("m")
    x = builder.input("x", (STEPS, FEATURES))
    gates = Gates.split(("h",), np.eye(FEATURES, UNITS, dtype="f4"), np.eye(UNITS, dtype="f4") / 2, None)
    model = builder.finish(loop(builder, [SimpleRNN(gates, lambda b, v: v)], x).sequence)
    whole = next(iter(evaluate(model, samples(1.0)).values()))
    part = next(iter(evaluate(model, samples(1.0), longest=longest).values()))
    assert part.shape == whole.shape
    np.testing.assert_array_equal(part[:, :longest], whole[:, :longest])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", CLIP_METHODS)
@given(
    common=st.sampled_from([0.0, -1e-9, 1e-30, 0.5]),
    rare=st.sampled_from([0.0, 1.0, -1.0, 1e-7, 1e12]),
    count=st.integers(1, 6000),
)
def test_a_range_of_any_values_gives_a_scale(method: ClipMethod, common: float, rare: float, count: int) -> None:
    """Of values that are nearly all the same, too."""
    values = np.append(np.full(count, common), rare).astype("f4")
    for dtype in ("int8", "int16"):
        form = from_range(Range.of(values), dtype, method)
        assert np.isfinite(form.scale)
        assert form.scale > 0
        largest = float(np.abs(values).max())
        restored = float(form.dequantize(form.quantize(np.float32([largest, -largest]), dtype)).max())  # type: ignore[arg-type]
        assert restored >= 0.3 * largest or values.max() < largest or largest < 1e-5


def test_percentile_converts_what_is_nearly_always_zero() -> None:
    x = {"x": np.zeros((40, STEPS, FEATURES), "f4")}
    x["x"][0, 0] = 1.0
    assert compile_graph(graph(1.0), Options("int8", PHONE, "while", "float32", "percentile"), x, {})
