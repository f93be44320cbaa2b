"""Scales, types, weights and ties of integer graphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrent_graphs import KINDS, graph_of, noise

from edgernn.calibration import calibrate
from edgernn.compiler import Options, compile_graph
from edgernn.converters.tflite.arithmetic import TfliteArithmetic
from edgernn.converters.tflite.reader import read_tflite
from edgernn.graph import Graph, Quantization, Scan, map_bodies
from edgernn.graph import operators as ops
from edgernn.passes import join_operands, separate_operands, simplify
from edgernn.quantization import Plan, quantize
from edgernn.quantization.rounding import round_to_data
from edgernn.quantization.scales import from_range
from edgernn.ranges import CLIP_METHODS, ClipMethod, Range, clip, with_room
from edgernn.targets import TARGETS, Scheme

MICRO = Plan(
    TfliteArithmetic(), "int16", "int8", "int16", "int8", 1.5, wide_bias=True, per_channel=False, clip="minmax"
)
PHONE = Plan(TfliteArithmetic(), "int8", "int8", "int8", "int8", 1.5, wide_bias=True, per_channel=False, clip="minmax")


def integers(kind: str, plan: Plan, *, last: bool = True) -> Graph:
    graph = map_bodies(simplify(graph_of(kind, last=last)), join_operands if plan is MICRO else separate_operands)
    return quantize(graph, calibrate(graph, noise(graph)), plan, float_io=False)


@given(
    low=st.floats(-100, 100),
    width=st.floats(0.01, 200),
    dtype=st.sampled_from(["int8", "int16"]),
    fraction=st.floats(0, 1),
)
def test_rounding_is_within_half_a_step(low: float, width: float, dtype: str, fraction: float) -> None:
    values = np.linspace(low, low + width, 11, dtype="f4")
    form = from_range(Range.of(values), dtype, "minmax")  # type: ignore[arg-type]
    real = np.asarray([low + fraction * width])
    error = abs(float(form.dequantize(form.quantize(real, dtype))[0]) - real[0])
    assert error <= form.scale * 0.5001 + 1e-4 * abs(real[0]) + form.scale * (1 if dtype == "int8" else 0) * 0.5
    assert form.dequantize(form.quantize(np.zeros(1), dtype))[0] == 0, "zero must be exact"


@given(st.integers(1, 6), st.integers(1, 9), st.booleans())
@settings(max_examples=40, deadline=None)
def test_rounding_to_data_serves_the_data_better(rows: int, columns: int, per_channel: bool) -> None:
    random = np.random.default_rng(rows * 100 + columns)
    kernel, bias = random.normal(size=(rows, columns)), random.normal(size=rows)
    x = random.normal(size=(200, columns)) @ random.normal(size=(columns, columns)) + random.normal(size=columns)
    v = np.concatenate([x, np.ones((200, 1))], axis=1)
    largest = np.abs(kernel).max(axis=1) if per_channel else np.asarray([np.abs(kernel).max()])
    scales = largest / 7  # coarse, so that rounding matters
    weights, shifted = round_to_data(kernel, scales, v.T @ v / len(v), bias)
    step = scales.reshape(-1, 1)
    nearest = np.clip(np.round(kernel / step), -127, 127) * step

    def error(w: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean((x @ w.T + b - x @ kernel.T - bias) ** 2))

    assert weights.dtype == np.int8
    assert error(weights * step, shifted) <= error(nearest, bias) * 1.05 + 1e-9


@pytest.mark.parametrize("method", CLIP_METHODS)
def test_clipping_keeps_the_bulk(method: str) -> None:
    values = np.append(np.random.default_rng(0).standard_normal(20000), 40.0).astype("f4")
    low, high = clip(Range.of(values), method, bits=8)  # type: ignore[arg-type]
    if method == "minmax":
        assert high == 40
    else:
        assert 2.5 < high < 40
    assert low <= -2.5


@pytest.mark.parametrize("plan", [MICRO, PHONE], ids=["micro", "phone"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_state_enters_and_leaves_with_one_scale(kind: str, plan: Plan) -> None:
    graph = integers(kind, plan)
    (node,) = [node for node in graph.nodes if isinstance(node.operator, Scan)]
    scan = node.operator
    assert isinstance(scan, Scan)
    for k in range(scan.carries):
        forms = {
            (value.dtype, value.quantization)
            for value in (node.inputs[k], node.outputs[k], scan.body.inputs[k], scan.body.outputs[k])
        }
        assert len(forms) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_float_is_left(kind: str) -> None:
    graph = integers(kind, MICRO, last=False)
    for node in graph.walk():
        for value in (*node.inputs, *node.outputs):
            assert value.dtype != "float32", value.name


@pytest.mark.parametrize("kind", KINDS)
def test_a_micro_computes_in_16_bits_and_stores_sequences_in_8(kind: str) -> None:
    graph = integers(kind, MICRO, last=False)
    (node,) = [node for node in graph.nodes if isinstance(node.operator, Scan)]
    assert isinstance(node.operator, Scan)
    assert {value.dtype for value in node.operator.body.inputs[: node.operator.carries]} == {"int16"}
    assert node.outputs[-1].dtype == "int8"


def test_a_cell_state_that_grows_gets_16_bits_on_a_phone() -> None:
    graph = map_bodies(simplify(graph_of("lstm")), separate_operands)
    statistics = calibrate(graph, noise(graph))
    for limit, wanted in ((1e9, {"int8"}), (1e-3, {"int16"})):
        integer = quantize(graph, statistics, replace(PHONE, free_state=limit), float_io=False)
        (node,) = [node for node in integer.nodes if isinstance(node.operator, Scan)]
        assert isinstance(node.operator, Scan)
        assert {node.operator.body.inputs[1].dtype, node.operator.body.outputs[1].dtype} == wanted


def test_sigmoid_and_tanh_have_the_scales_that_the_kernels_check() -> None:
    for plan, sigmoid, tanh in (
        (MICRO, Quantization((1 / 32768,)), Quantization((1 / 32768,))),
        (PHONE, Quantization((1 / 256,), -128), Quantization((1 / 128,))),
    ):
        for node in integers("lstm", plan).walk():
            if isinstance(node.operator, ops.Unary):
                wanted = sigmoid if node.operator.function == "sigmoid" else tanh
                assert node.output.quantization == wanted


def test_an_accumulator_that_could_overflow_gets_64_bits() -> None:
    graph = simplify(graph_of("gru-after", features=1500, units=2, steps=2))
    graph = map_bodies(graph, separate_operands)
    wide = quantize(graph, calibrate(graph, noise(graph, samples=4)), MICRO, float_io=False)
    biases = {
        node.inputs[2].dtype: np.abs(node.inputs[1].constant.astype("i8")).sum(axis=1).max()
        for node in wide.walk()
        if isinstance(node.operator, ops.Affine)
    }
    for dtype, magnitude in biases.items():
        assert (magnitude * 32768 >= 2**31) <= (dtype == "int64")


def test_outputs_get_a_margin_but_never_cross_zero() -> None:
    positive = Range.of(np.linspace(0, 1, 100, dtype="f4"))
    assert with_room(positive).low == 0
    assert 1.1 <= with_room(positive).high < 1.2


def test_a_tensor_that_was_always_zero_has_an_ordinary_scale() -> None:
    form = from_range(Range.of(np.zeros(5, "f4")), "int8", "minmax")
    assert 1e-3 < form.scale < 1


@pytest.mark.parametrize("kind", KINDS)
def test_shared_scales_are_few_and_hardly_coarser(kind: str) -> None:
    graph = map_bodies(simplify(graph_of(kind, features=6, units=12)), join_operands)
    statistics = calibrate(graph, noise(graph))
    own, shared = (
        [
            value
            for node in quantize(graph, statistics, replace(MICRO, sharing=sharing), float_io=False).walk()
            for value in node.outputs
            if value.dtype == "int16" and value.quantization is not None
        ]
        for sharing in (1.0, 8.0)
    )
    factors = [b.quantization.scale / a.quantization.scale for a, b in zip(own, shared, strict=True)]  # type: ignore[union-attr]
    assert min(factors) >= 1
    assert max(factors) <= 8
    before, after = ({value.quantization for value in values} for values in (own, shared))
    assert len(after) < len(before) or kind == "simple-rnn"


def test_a_state_and_a_16_bit_answer_keep_their_scale() -> None:
    graph = map_bodies(simplify(graph_of("gru-after", features=6, units=12)), join_operands)
    statistics = calibrate(graph, noise(graph))
    plan = replace(MICRO, inputs="int16")
    own, shared = (quantize(graph, statistics, replace(plan, sharing=s), float_io=False) for s in (1.0, 1000.0))
    kept = []
    for integer in (own, shared):
        (scan,) = [node.operator for node in integer.nodes if isinstance(node.operator, Scan)]
        assert isinstance(scan, Scan)
        kept.append([value.quantization for value in (*scan.body.inputs, *integer.outputs)])
    assert kept[0] == kept[1]


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("target", ["phone", "micro"])
@pytest.mark.parametrize("kind", ["lstm", "gru-after", "gru-before"])
def test_biases_beside_16_bit_inputs_have_64_bits(kind: str, target: str, scheme: Scheme) -> None:
    """Kernels that are faster than the reference's read 64 bits there, whatever the file says."""
    graph = graph_of(kind, features=5, units=7, steps=6)
    device = TARGETS[target]
    file = read_tflite(compile_graph(graph, Options(scheme, device, device.form, "int8", "mse"), noise(graph), {}))
    for part in file.subgraphs:
        for operator in part.operators:
            if operator.name == "FULLY_CONNECTED":
                assert operator.version <= 7, "a runtime of 2020 reads it"
                x, _, bias = (part.tensors[index] if index >= 0 else None for index in operator.inputs)
                if x is not None and bias is not None:
                    assert bias.dtype == ("int64" if x.dtype == "int16" else "int32")


@pytest.mark.parametrize("method", CLIP_METHODS)
def test_an_answer_is_never_clipped(method: ClipMethod) -> None:
    graph = map_bodies(simplify(graph_of("gru-after", last=True)), separate_operands)
    statistics = calibrate(graph, noise(graph))
    (answer,) = quantize(graph, statistics, replace(PHONE, clip=method), float_io=False).outputs
    seen = statistics.ranges[graph.outputs[0]]
    assert answer.quantization is not None
    low, high = answer.quantization.dequantize(np.asarray([-128, 127], "int32"))
    assert low <= 1.1 * seen.low + answer.quantization.scale
    assert high >= 1.1 * seen.high - answer.quantization.scale
