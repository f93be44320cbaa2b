"""Rules of rounding and pooling that a file's size or an average error would hardly show, each by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recurrent_graphs import graph_of, noise

from edgernn.compiler import Options, compile_graph
from edgernn.converters.tflite.reader import read_tflite
from edgernn.graph import Graph, Quantization, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.quantization.rounding import round_to_data
from edgernn.quantization.scales import ScaleGroups
from edgernn.quantization.weights import quantize_bias, quantize_kernel
from edgernn.ranges import Range
from edgernn.targets import MICRO, PHONE, Scheme, Target

PRODUCT = ops.Affine(1, bias=True)


@given(st.integers(0, 10_000), st.sampled_from(["int8", "int16"]), st.booleans())
def test_a_bias_is_the_nearest_integer(seed: int, dtype: str, wide: bool) -> None:
    random = np.random.default_rng(seed)
    x = Value("x", (4,), dtype, quantization=Quantization((0.01,)))  # type: ignore[arg-type]
    weights = random.normal(size=(6, 4)).astype("f4")
    kernel = quantize_kernel(Value("w", weights.shape, "float32", weights), PRODUCT, per_channel=bool(seed % 2))
    real = random.normal(size=6).astype("f4")
    bias = quantize_bias(Value("b", (6,), "float32", real), x, kernel, PRODUCT, wide=wide)
    assert bias.quantization is not None
    errors = bias.constant - real.astype("f8") / np.asarray(bias.quantization.scales)
    assert np.abs(errors).max() <= 0.5 + 1e-9
    assert np.abs(errors.mean()) < 0.4, "rounding down would be off by a half on average"


@given(st.integers(0, 10_000))
def test_weights_never_reach_minus_128(seed: int) -> None:
    """Also where making good what others lost would push one there."""
    random = np.random.default_rng(seed)
    kernel = random.uniform(-1, 1, (5, 8))
    kernel[:, seed % 8] = -1.0  # already the least integer
    v = np.append(
        random.normal(size=(300, 1)) @ np.ones((1, 8)) + 1e-3 * random.normal(size=(300, 8)), np.ones((300, 1)), 1
    )
    integers, _ = round_to_data(kernel, np.asarray([1 / 127]), v.T @ v / len(v), random.normal(size=5))
    assert integers.min() == -127
    assert integers.max() <= 127


def test_making_good_does_push_weights_beyond_their_range() -> None:
    """The test above tells something: without a limit, -128 and less would come out."""
    least = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        kernel = random.uniform(-1, 1, (5, 8))
        kernel[:, 1:] = -1.0
        kernel[:, 0] = -0.4 / 127 * random.integers(1, 200, 5)
        v = random.normal(size=(300, 1)) @ np.ones((1, 8)) + 1e-3 * random.normal(size=(300, 8))
        integers, _ = round_to_data(kernel, np.asarray([1 / 126.4]), v.T @ v / len(v))
        least.append(integers.min())
    assert min(least) == -127


values = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20).map(lambda v: np.asarray(v, "f4"))


@given(values, values)
def test_the_union_of_two_ranges_holds_both(a: np.ndarray, b: np.ndarray) -> None:
    both = Range.of(a).union(Range.of(b))
    whole = np.concatenate([a, b])
    assert (both.low, both.high, both.largest) == (whole.min(), whole.max(), np.abs(whole).max())
    of_whole = Range.of(whole)
    np.testing.assert_array_equal(both.cells, of_whole.cells)
    np.testing.assert_array_equal(both.counts, of_whole.counts)
    assert both.low == Range.of(b).union(Range.of(a)).low


@pytest.mark.parametrize("first", [0, 1])
def test_tied_tensors_have_a_scale_for_both(first: int) -> None:
    """Whichever is tied to which."""
    small, large = Value("small", (3,)), Value("large", (3,))
    groups = ScaleGroups()
    groups.add(small, "int8", Range.of(np.asarray([-1.0, 0.5], "f4")))
    groups.add(large, "int8", Range.of(np.asarray([-0.5, 9.0], "f4")))
    pair = [small, large]
    assert groups.tie(pair[first], pair[1 - first])
    form = groups.quantization(small, "minmax", power_of_two=False)
    assert form == groups.quantization(large, "minmax", power_of_two=False)
    ends = form.dequantize(np.asarray([-128, 127], "int8"))
    assert ends[0] <= -1.0 + form.scale
    assert ends[1] >= 9.0 - form.scale


def with_biases(graph: Graph, size: float) -> Graph:
    """The LSTM of a graph with all biases at so much: large ones open its gates, and its cell state counts steps."""

    def change(body: Graph) -> Graph:
        def value_of(value: Value) -> Value:
            if value.data is None or value.data.ndim != 1:
                return value
            return replace(value, data=np.full_like(value.data, size))

        nodes = (replace(node, inputs=tuple(map(value_of, node.inputs))) for node in body.nodes)
        return replace(body, nodes=tuple(nodes))

    return map_bodies(graph, change)


def carried(content: bytes) -> list[str]:
    """The types of the states that a WHILE carries."""
    file = read_tflite(content)
    loop = next(op for op in file.main.operators if op.name == "WHILE")
    return [file.main.tensors[k].dtype for k in loop.inputs[1:3]]


def test_a_phone_keeps_a_cell_state_in_16_bits_only_where_it_grows() -> None:
    for size, expected in ((0.1, "int8"), (6.0, "int16")):
        graph = with_biases(graph_of("lstm", steps=20), size)
        content = compile_graph(graph, Options("int8", PHONE, "while", "float32", "minmax"), noise(graph), {})
        assert expected in carried(content)
        assert ("int16" in carried(content)) is (expected == "int16")


@pytest.mark.parametrize(("scheme", "target"), [("int16x8", PHONE), ("int8", MICRO), ("int16x8", MICRO)])
@pytest.mark.parametrize("kind", ["gru-after", "lstm"])
def test_a_product_of_16_bit_inputs_has_the_version_that_knows_them(kind: str, scheme: Scheme, target: Target) -> None:
    """7: the first whose kernel takes int16 by int8 (TensorFlow 2.3); older readers must refuse the file."""
    graph = graph_of(kind, features=5, units=20)
    file = read_tflite(compile_graph(graph, Options(scheme, target, target.form, "int16", "minmax"), noise(graph), {}))
    found = {
        operator.version
        for subgraph in file.subgraphs
        for operator in subgraph.operators
        if operator.name == "FULLY_CONNECTED" and subgraph.tensors[operator.inputs[0]].dtype == "int16"
    }
    assert found == {7}
