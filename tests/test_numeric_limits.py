"""Models of extreme but finite weights and samples are converted, and what is written runs: no kernel aborts or wraps.

The runtimes end the process where a scale is none that they can compute with, so they run in a process of their own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_files import answers, one_operator, options, tensor
from recurrent_graphs import KINDS, graph_of

from edgernn.compiler import Options, compile_graph
from edgernn.converters.tflite.kernels import MICRO, check
from edgernn.converters.tflite.reader import read_tflite
from edgernn.errors import UnsupportedError
from edgernn.graph import Graph, Node, Scan, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.reference import evaluate
from edgernn.targets import TARGETS, Io, Scheme

Array = np.ndarray[Any, Any]
WAYS: tuple[tuple[Scheme, str, Io], ...] = (
    ("int8", "micro", "int8"),
    ("int16x8", "micro", "int16"),
    ("int8", "phone", "float32"),
    ("int16x8", "phone", "float32"),
)
_RUN = """
import sys
import numpy as np
from edgernn.devices.host.session import open_session
from pathlib import Path
session = open_session(Path(sys.argv[1]).read_bytes(), sys.argv[2])
x = np.load(sys.argv[3])
answers = []
for sample in x:
    session.reset()
    (given,), (wanted,) = session.inputs, session.outputs
    answers.append(wanted.dequantize(session.run({given.name: given.quantize(sample[None])})[wanted.name])[0])
np.save(sys.argv[4], np.array(answers))
"""


def ran(content: bytes, runtime: str, x: Array, place: Path) -> Array:
    """What a runtime answers in a process of its own; a failure of the test if that dies."""
    (place / "m.tflite").write_bytes(content)
    np.save(place / "x.npy", x)
    command = [sys.executable, "-c", _RUN, *(str(place / name) for name in ("m.tflite",)), runtime]
    done = subprocess.run([*command, str(place / "x.npy"), str(place / "y.npy")], capture_output=True, text=True)
    assert done.returncode == 0, f"{runtime} ends with {done.returncode}: {done.stderr[-300:]}"
    return np.asarray(np.load(place / "y.npy"))


def with_function(graph: Graph, function: str, weights: float, biases: float) -> Graph:
    """The graph with its weights and biases times a factor, and another function for tanh."""

    def changed(part: Graph) -> Graph:
        known: dict[Value, Value] = {}

        def scaled(value: Value) -> Value:
            if value.data is None or value.dtype != "float32":
                return value
            factor = weights if len(value.shape) > 1 else biases
            return known.setdefault(value, Value(value.name, value.shape, value.dtype, value.data * np.float32(factor)))

        nodes = []
        for node in part.nodes:
            operator = node.operator
            if isinstance(operator, ops.Unary) and operator.function == "tanh":
                operator = ops.Unary(function)  # type: ignore[arg-type]
            inputs = node.inputs if isinstance(operator, Scan) else tuple(scaled(value) for value in node.inputs)
            nodes.append(Node(operator, inputs, node.outputs, node.layer))
        return Graph(part.name, part.inputs, part.outputs, tuple(nodes))

    return map_bodies(graph, changed)


def check_way(graph: Graph, x: Array, scheme: Scheme, target: str, io: Io, place: Path) -> dict[str, Array]:
    """Convert, check the contract, and run on all runtimes of the target."""
    device = TARGETS[target]
    content = compile_graph(graph, Options(scheme, device, device.form, io, "minmax"), {"x": x}, {})
    assert check(read_tflite(content), (*MICRO, "LiteRT") if target == "micro" else ("LiteRT",)) == ()
    return {r: ran(content, r, x[:2], place) for r in (("litert", "micro") if target == "micro" else ("litert",))}


@pytest.mark.parametrize(("scheme", "target", "io"), WAYS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(KINDS),
    function=st.sampled_from(["relu", "tanh", "elu"]),
    weights=st.sampled_from([1e-6, 0.1, 3.0, 30.0, 1e4]),
    biases=st.sampled_from([0.0, 1.0, 1e4]),
    size=st.sampled_from([1e-5, 1.0, 1e3, 1e6]),
)
def test_extreme_models_run(
    kind: str,
    function: str,
    weights: float,
    biases: float,
    size: float,
    scheme: Scheme,
    target: str,
    io: Io,
    tmp_path: Path,
) -> None:
    graph = with_function(graph_of(kind, features=3, units=5, steps=4), function, weights, biases)
    x = (size * np.random.default_rng(3).standard_normal((12, 4, 3))).astype("f4")
    try:
        found = check_way(graph, x, scheme, target, io, tmp_path)
    except UnsupportedError as error:
        if "must be within" not in str(error):  # a rule of calibration; no kernel's
            raise
        return
    assert all(np.isfinite(array).all() for array in found.values())


@pytest.mark.parametrize(("scheme", "target", "io"), WAYS)
@pytest.mark.parametrize("weights", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("depthwise", [False, True])
def test_extreme_convolutions_run(
    depthwise: bool, weights: float, scheme: Scheme, target: str, io: Io, tmp_path: Path
) -> None:
    """One scale per channel, and more than the 516 columns whose sums may pass 32 bits."""
    random, channels = np.random.default_rng(5), 130
    x = Value("x", (9, channels), "float32")
    y = Value("y", (5, channels if depthwise else 4), "float32")
    shape = (5, channels) if depthwise else (4, 5, channels)
    kernel = Value("kernel", shape, "float32", (weights * np.sign(random.standard_normal(shape))).astype("f4"))
    bias = Value("bias", y.shape[1:], "float32", random.standard_normal(y.shape[1:]).astype("f4"))
    operator = ops.DepthwiseConv(1, 1, True) if depthwise else ops.Conv(1, 1, True)
    graph = Graph("convolution", (x,), (y,), (Node(operator, (x, kernel, bias), (y,)),))
    data = random.standard_normal((8, 9, channels)).astype("f4")
    wanted = evaluate(graph, {"x": data[:2]})["y"]
    for runtime, found in check_way(graph, data, scheme, target, io, tmp_path).items():
        assert np.abs(found - wanted).max() <= 0.1 * np.abs(wanted).max(), runtime


@pytest.mark.parametrize(("scheme", "target", "io"), [way for way in WAYS if way[:2] != ("int8", "phone")])
@pytest.mark.parametrize("weights", [4.0, 40.0])
def test_a_large_relu_lstm_answers(weights: float, scheme: Scheme, target: str, io: Io, tmp_path: Path) -> None:
    """Its gates saturate and its candidate does not: they do not share a scale that clips one or drowns the other.

    Not with the states of 8 bits that a phone's int8 has: they span three decades here.
    """
    graph = with_function(graph_of("lstm", features=4, units=6, steps=3), "relu", weights, 1.0)
    x = np.random.default_rng(3).standard_normal((32, 3, 4)).astype("f4")
    wanted = evaluate(graph, {"x": x[:2]})[graph.outputs[0].name]
    for runtime, found in check_way(graph, x, scheme, target, io, tmp_path).items():
        assert np.abs(found - wanted).max() <= 0.1 * np.abs(wanted).max(), runtime


@pytest.mark.parametrize("runtime", ["micro", "litert"])
@pytest.mark.parametrize(
    ("code", "scale", "right"), [("TANH", 4.9, True), ("TANH", 64.6, False), ("LOGISTIC", 64.6, False)]
)
def test_where_functions_wrap(code: str, scale: float, right: bool, runtime: str) -> None:
    content = one_operator(code, [tensor((1, 2), "int16", scale)], [tensor((1, 2), "int16", 2.0**-15)], None, 3)
    assert (check(read_tflite(content)) == ()) == right
    x = np.array([[30000, -30000]], "int16")
    high, low = answers(content, runtime, x)[0][0].tolist()
    assert (high > low) == right


@pytest.mark.parametrize("runtime", ["micro", "litert"])
@pytest.mark.parametrize(("code", "table"), [("QUANTIZE", "Quantize"), ("ABS", "Abs"), ("RELU", None)])
@pytest.mark.parametrize(("ratio", "right"), [(2.0**14, True), (2.0**16, False)])
def test_where_rescaling_wraps(code: str, table: str | None, ratio: float, right: bool, runtime: str) -> None:
    inputs = [tensor((1, 1), "int16", 1.0)]
    outputs = [tensor((1, 1), "int16", 1 / ratio)]
    content = one_operator(code, inputs, outputs, options(table) if table else None, 2 if code == "QUANTIZE" else 3)
    assert (check(read_tflite(content)) == ()) == right
    assert (answers(content, runtime, np.array([[30000]], "int16"))[0].item() == 32767) == right
