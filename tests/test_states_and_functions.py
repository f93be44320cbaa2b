"""States keep their room whatever reads them, and functions in 16 bits are as exact as 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrent_graphs import graph_of, noise, sigmoid, tanh

from edgernn.calibration import calibrate
from edgernn.cells import LSTM, Gates, SimpleRNN, run
from edgernn.compiler import Options, compile_graph
from edgernn.converters.c.compile import lower
from edgernn.converters.c.reference import evaluate_integers
from edgernn.converters.c.rules import CArithmetic
from edgernn.converters.tflite.arithmetic import TfliteArithmetic
from edgernn.devices.host.session import open_session
from edgernn.graph import Builder, Graph, Scan, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.passes import join_operands, separate_operands, simplify
from edgernn.quantization import Plan, quantize
from edgernn.reference import UNARY, evaluate
from edgernn.targets import TARGETS

FUNCTIONS = ("elu", "selu", "gelu", "gelu_tanh", "softplus", "softsign", "mish", "exponential", "silu", "hard_silu")
PLANS = {
    "micro": Plan(TfliteArithmetic(), "int16", "int8", "int16", "int8", 8.0, True, False, "minmax", sharing=8.0),
    "phone": Plan(TfliteArithmetic(), "int8", "int8", "int8", "int8", 8.0, True, False, "minmax"),
    "int16x8": Plan(TfliteArithmetic(), "int16", "int16", "int16", "int16", 8.0, True, False, "minmax"),
    "c": Plan(CArithmetic(), "int16", "int16", "int16", "int8", np.inf, False, True, "minmax", power_of_two=True),
}


def counter(steps: int, units: int = 3, gain: float = 4.0) -> Graph:
    """An LSTM with open gates, whose cell state adds up tanh(gain x); the state is the answer."""
    kernel, bias = np.zeros((1, 4 * units), "f4"), np.full(4 * units, 12.0, "f4")
    kernel[0, 2 * units : 3 * units] = gain * np.linspace(-1, 1, units)
    bias[2 * units : 3 * units] = 0
    b = Builder("model")
    x = b.input("x", (steps, 1))
    b.layer = "count"
    cell = LSTM(Gates.split(LSTM.order, kernel, np.zeros((units, 4 * units), "f4"), bias), tanh, sigmoid)
    return b.finish(run(b, [cell], x).states[1])


def events(steps: int, samples: int = 24, seed: int = 0) -> dict[str, np.ndarray]:
    """Ones at random, in some samples at nearly every step."""
    random = np.random.default_rng(seed)
    return {"x": (random.random((samples, steps, 1)) < np.linspace(0.02, 1, samples)[:, None, None]).astype("f4")}


def loop(graph: Graph) -> Scan:
    (scan,) = (node.operator for node in graph.nodes if isinstance(node.operator, Scan))
    return scan


def holds(value: Value) -> float:
    assert value.quantization is not None
    return 32767 * value.quantization.scale


@pytest.mark.parametrize("target", list(PLANS))
@given(size=st.floats(0.5, 1000), kind=st.sampled_from(["lstm", "simple-rnn", "gru-after", "gru-before"]))
@settings(max_examples=12, deadline=None)
def test_a_state_of_16_bits_holds_more_than_was_seen(target: str, size: float, kind: str) -> None:
    """Of whatever size it is, though a function reads it that is exact on another scale only."""
    graph = map_bodies(simplify(graph_of(kind, steps=5)), join_operands if target != "phone" else separate_operands)
    statistics = calibrate(graph, noise(graph))
    states = loop(graph).body.inputs[: loop(graph).carries]
    factor = size / statistics.ranges[states[-1]].largest
    ranges = dict(statistics.ranges)
    for value in (*states, *loop(graph).body.outputs):  # as if its inputs had made it so large
        seen = ranges[value]
        ranges[value] = type(seen)(seen.low * factor, seen.high * factor, seen.cells, seen.counts)
    enlarged = type(statistics)(ranges, statistics.moments)
    integer = quantize(graph, enlarged, PLANS[target], float_io=False)
    for state, typed in zip(states, loop(integer).body.inputs, strict=False):
        if typed.dtype == "int16":
            assert holds(typed) >= 1.25 * ranges[state].largest * (1 - 1e-6)
    for node in loop(integer).body.nodes:
        if isinstance(node.operator, ops.Unary) and node.output.dtype == "int16" and target != "c":
            assert node.inputs[0].quantization is not None
            assert node.inputs[0].quantization.scale in (2.0**-12, 2.0**-11), "else the kernel is not exact"


@pytest.mark.parametrize(
    ("steps", "allowed"), [(40, 0.02), (100, 0.02), pytest.param(1000, 0.05, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("target", ["micro", "int16x8", "c"])
def test_a_counter_counts_as_far_as_it_was_seen_to(target: str, steps: int, allowed: float) -> None:
    graph, seen, later = counter(steps), events(steps), events(steps, 5, seed=1)
    (expected,) = evaluate(graph, later).values()
    if target == "c":
        lowered, _ = lower(graph, "int8", "int16", "minmax", seen)
        (x,), (y,) = lowered.inputs, lowered.outputs
        assert x.quantization is not None
        assert y.quantization is not None
        (found,) = evaluate_integers(lowered, {x.name: x.quantization.quantize(later["x"], x.dtype)}).values()
        found = y.quantization.dequantize(found)
    else:
        found = answers(graph, seen, later["x"], "int16x8" if target == "int16x8" else "int8", "micro")
    error = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert error < allowed, f"{error:.1%}"


def answers(graph: Graph, seen: dict[str, np.ndarray], x: np.ndarray, scheme: Any, target: str) -> np.ndarray:
    """Of the artifact with 16-bit inputs and outputs, or as real numbers."""
    device = TARGETS[target]
    content = compile_graph(graph, Options(scheme, device, device.form, "int16", "minmax"), seen, {})
    session = open_session(content, "micro" if target == "micro" else "litert")
    given_x, output = session.inputs[0], session.outputs[0]
    found = []
    for row in x:
        codes = np.clip(np.round(row / given_x.scale), -32768, 32767).astype("i2")
        found.append(session.run({given_x.name: codes[None]})[output.name][0] * output.scale)
        session.reset()
    return np.stack(found)


@pytest.mark.parametrize("target", ["phone", "micro"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_in_16_bits_are_exact_to_more_than_8(function: ops.UnaryFunction, target: str) -> None:
    """One of 5 by 7 numbers; the error is far below a step of 8 bits."""
    b = Builder("model")
    graph = b.finish(b.apply(ops.Unary(function, 0.7 if function == "elu" else 0.0), b.input("x", (5, 7))))
    seen = {"x": 1.5 * np.random.default_rng(1).standard_normal((60, 5, 7)).astype("f4")}
    x = 1.5 * np.random.default_rng(2).standard_normal((4, 5, 7)).astype("f4")
    x[0] = np.linspace(-3, 3, 35).reshape(5, 7)
    expected = UNARY[function](x, 0.7)
    found = answers(graph, seen, x, "int16x8", target)
    assert np.abs(found - expected).max() < 0.004 * np.ptp(expected)
    assert abs(float((found - expected).mean())) < 0.0005 * np.ptp(expected)


@pytest.mark.parametrize("function", ["elu", "softplus", "mish"])
def test_a_cell_of_such_a_function_errs_little_over_many_steps(function: ops.UnaryFunction) -> None:
    random = np.random.default_rng(3)
    b = Builder("model")
    x = b.input("x", (60, 3))
    gates = Gates.split(("h",), random.normal(0, 0.4, (3, 9)), 0.9 * np.eye(9), random.uniform(-0.1, 0, 9))
    graph = b.finish(run(b, [SimpleRNN(gates, lambda body, v: body.apply(ops.Unary(function, 1.0), v))], x).last)
    seen, later = ({"x": random.standard_normal((50, 60, 3)).astype("f4")} for _ in range(2))
    (expected,) = evaluate(graph, {"x": later["x"][:6]}).values()
    found = answers(graph, seen, later["x"][:6], "int16x8", "micro")
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.02 * expected.std()
