"""Faults that give wrong numbers silently in some library of kernels: each written by hand, found, and seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_files import Array, answers, constant, one_operator, options, tensor
from recurrent_graphs import graph_of, noise

from edgernn.compiler import Options, compile_graph
from edgernn.converters.tflite.flatbuffer import TfOperator, TfSubgraph, TfTensor, schema
from edgernn.converters.tflite.kernels import MICRO, Library, check
from edgernn.converters.tflite.reader import read_tflite
from edgernn.streaming.options import StreamOptions
from edgernn.targets import MICRO as MICRO_TARGET

X, W, Y = 2.0**-10, 2.0**-7, 2.0**-9  # scales of input, weights and output


def broken(content: bytes) -> set[str]:
    """The libraries that the file is not for, Ethos-U aside, which runs other operators."""
    return {breach.library for breach in check(read_tflite(content), (*MICRO, "LiteRT"))}


def weights(*shape: int) -> Array:
    return np.random.default_rng(1).integers(-127, 128, shape)


def product(x: str, bias: str, *, channels: bool = False, activation: int = 0) -> bytes:
    scales = (W, W / 8, W / 2, W) if channels else (W,)
    kernel = constant(weights(4, 6), "int8", *scales)
    beside = constant([500, -900, 40, 7], bias, *(X * scale for scale in scales))
    said = {"quantizedBiasType": schema().TensorType.INT32} if bias == "int32" and x == "int16" else {}
    table = options("FullyConnected", fusedActivationFunction=activation, **said)
    return one_operator("FULLY_CONNECTED", [tensor((1, 6), x, X), kernel, beside], [tensor((1, 4), x, Y)], table, 11)


def test_1_a_product_with_a_bias_of_32_bits() -> None:
    assert broken(product("int16", "int32")) == {"CMSIS-NN", "ESP-NN", "HiFi"}
    assert broken(product("int16", "int64")) == set()


def stream(bias: int) -> bytes:
    """A GRU's step as edgernn writes it, its biases narrowed by the schema's own classes."""
    graph = graph_of("gru-after", features=5, units=7, steps=6)
    chosen = Options(
        "int8", MICRO_TARGET, "while-variable", "int8", "mse", StreamOptions(hop=None, lookahead=0, state="io")
    )
    model = schema().ModelT.InitFromPackedBuf(compile_graph(graph, chosen, noise(graph), {}), 0)
    names = schema().TensorType
    for part in model.subgraphs:
        for found in part.tensors:
            if found.type == names.INT64 and bias == 32:
                found.type = names.INT32
                wide = np.asarray(model.buffers[found.buffer].data, "uint8").tobytes()
                narrow = schema().BufferT()
                narrow.data = np.frombuffer(np.frombuffer(wide, "<i8").astype("<i4").tobytes(), "uint8")
                model.buffers.append(narrow)
                found.buffer = len(model.buffers) - 1
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_2_a_stream_with_biases_of_32_bits() -> None:
    assert broken(stream(32)) == {"CMSIS-NN", "ESP-NN", "HiFi"}
    assert broken(stream(64)) == set()


def convolution(code: str, bias: str) -> bytes:
    x, y = tensor((1, 1, 5, 4), "int16", X), tensor((1, 1, 5, 4), "int16", Y)
    kernel = constant(weights(1, 1, 1, 4), "int8", W, W, W, W, axis=3)
    beside = constant([5000, -9000, 400, 700], bias, *[X * W] * 4)
    if code == "DEPTHWISE_CONV_2D":
        table = options("DepthwiseConv2D", padding=1, strideW=1, strideH=1, depthMultiplier=1)
        return one_operator(code, [x, kernel, beside], [y], table, 5)
    kernel = constant(weights(4, 1, 1, 4), "int8", W, W, W, W)
    table = options("TransposeConv", padding=1, strideW=1, strideH=1)
    return one_operator(code, [constant([1, 1, 5, 4], "int32"), kernel, x, beside], [y], table, 3)


@pytest.mark.parametrize(("number", "code"), [(3, "DEPTHWISE_CONV_2D"), (4, "TRANSPOSE_CONV")])
def test_3_and_4_a_convolution_with_a_bias_of_32_bits(number: int, code: str) -> None:
    assert broken(convolution(code, "int32")) == {*MICRO, "LiteRT"}
    assert broken(convolution(code, "int64")) == set()
    x = np.random.default_rng(2).integers(-2000, 2000, (1, 1, 5, 4)).astype("int16")
    wrong, right = (answers(convolution(code, bias), "micro", x)[0].astype(int) for bias in ("int32", "int64"))
    assert np.abs(wrong - right).max() > 1000


def fused_lstm(bias: str) -> bytes:
    units, features = 3, 2
    scales = {"int32": 2.0**-19, "int64": 2.0**-19}
    kernels = [constant(weights(units, features), "int8", W)] * 4 + [constant(weights(units, units), "int8", W)] * 4
    biases = [constant([900 * k - 1000, 300, -70], bias, scales[bias]) for k in range(4)]
    output = TfTensor((1, units), "int16", None, (2.0**-15,), variable=True)
    cell = TfTensor((1, units), "int16", None, (2.0**-11,), variable=True)
    inputs = [
        tensor((1, 4, features), "int16", 2.0**-12),
        *kernels,
        None,
        None,
        None,
        *biases,
        None,
        None,
        output,
        cell,
    ]
    table = options("UnidirectionalSequenceLSTM", fusedActivationFunction=4, timeMajor=False)
    result = [tensor((1, 4, units), "int16", 2.0**-15)]
    return one_operator("UNIDIRECTIONAL_SEQUENCE_LSTM", [*inputs, None, None, None, None], result, table, 4)


def test_5_a_fused_lstm_with_biases_of_32_bits() -> None:
    assert broken(fused_lstm("int32")) == {*MICRO, "LiteRT"}
    assert broken(fused_lstm("int64")) == {"LiteRT"}
    x = np.random.default_rng(2).integers(-8000, 8000, (1, 4, 2)).astype("int16")
    wrong, right = (answers(fused_lstm(bias), "micro", x)[0].astype(int) for bias in ("int32", "int64"))
    assert np.abs(wrong - right).max() > 1000


def test_6_a_product_of_8_bits_with_a_scale_per_channel() -> None:
    assert broken(product("int8", "int32", channels=True)) == {"HiFi"}
    assert broken(product("int8", "int32")) == set()


def test_7_a_product_of_16_bits_with_a_scale_per_channel() -> None:
    assert broken(product("int16", "int64", channels=True)) == {"CMSIS-NN", "ESP-NN", "HiFi"}


def widened(*scales: float) -> bytes:
    table = constant([[100, -50], [100, -50]], "int8", *scales)
    return one_operator("DEQUANTIZE", [table], [tensor((2, 2), "float32")], options("Dequantize"), 5)


def test_8_a_constant_with_a_scale_per_channel_made_float() -> None:
    assert broken(widened(0.5, 0.125)) == set(MICRO)
    assert broken(widened(0.5)) == set()
    (wrong,) = answers(widened(0.5, 0.125), "micro")
    np.testing.assert_allclose(wrong[1], [50, -25])  # not [12.5, -6.25]


def table_of_rows(*scales: float) -> bytes:
    table = constant([[100, -50], [100, -50]], "int8", *scales)
    ids = tensor((2,), "int32")
    return one_operator("EMBEDDING_LOOKUP", [ids, table], [tensor((2, 2), "float32")], None, 3)


def test_9_a_table_with_a_scale_per_row() -> None:
    assert broken(table_of_rows(0.5, 0.125)) == set(MICRO)
    assert broken(table_of_rows(0.5)) == set()
    ids = np.arange(2, dtype="int32")
    np.testing.assert_allclose(answers(table_of_rows(0.5, 0.125), "micro", ids)[0][1], [50, -25])
    np.testing.assert_allclose(answers(table_of_rows(0.5, 0.125), "litert", ids)[0][1], [12.5, -6.25])


def comparison(code: str, dtype: str) -> bytes:
    inputs = [tensor((1, 4), dtype, X), tensor((1, 4), dtype, X)]
    name = {"GREATER": "Greater", "LESS": "Less"}[code]
    return one_operator(code, inputs, [tensor((1, 4), "bool")], options(name), 2)


def test_10_greater_of_16_bits() -> None:
    assert broken(comparison("GREATER", "int16")) == set(MICRO)
    assert broken(comparison("GREATER", "int8")) == set()
    a, b = np.array([[5, -5, 900, 0]], "int16"), np.array([[1, 1, 800, 7]], "int16")
    assert answers(comparison("GREATER", "int16"), "litert", a, b)[0].tolist() == [[True, False, True, False]]
    assert answers(comparison("GREATER", "int16"), "micro", a, b)[0].tolist() != [[True, False, True, False]]


def joined(dtype: str, second: float) -> bytes:
    inputs = [tensor((1, 2), dtype, X), tensor((1, 2), dtype, second)]
    return one_operator("CONCATENATION", inputs, [tensor((1, 4), dtype, X)], options("Concatenation", axis=1), 3)


@pytest.mark.parametrize("runtime", ["micro", "litert"])
def test_11_joining_what_has_different_scales(runtime: str) -> None:
    assert broken(joined("int16", 4 * X)) == {*MICRO, "LiteRT"}
    assert broken(joined("int8", 4 * X)) == {*MICRO, "LiteRT"}
    assert broken(joined("int16", X)) == set()
    x = np.array([[100, 100]], "int16")
    assert answers(joined("int16", 4 * X), runtime, x, x)[0].tolist() == [[100, 100, 100, 100]]  # not 400 at the end


BOTH: set[Library] = {*MICRO, "LiteRT"}
MOVES: dict[str, tuple[list[Any], list[tuple[int, ...]], Any, set[Library]]] = {
    "PAD": ([(1, 4), [[0, 0], [1, 1]]], [(1, 6)], "Pad", BOTH),
    "RESHAPE": ([(1, 4), [2, 2]], [(2, 2)], "Reshape", BOTH),
    "MAXIMUM": ([(1, 4), (1, 4)], [(1, 4)], "MaximumMinimum", BOTH),
    "SELECT_V2": ([bool, (1, 4), (1, 4)], [(1, 4)], "SelectV2", BOTH),
    "SPLIT": ([1, (1, 4)], [(1, 2), (1, 2)], "Split", BOTH),
    "GATHER": ([(1, 4), [1, 2]], [(1, 2)], "Gather", BOTH),
    "PACK": ([(1, 4), (1, 4)], [(1, 2, 4)], "Pack", BOTH),
    "RELU6": ([(1, 4)], [(1, 4)], None, set(MICRO)),
    "MAX_POOL_2D": ([(1, 1, 4, 1)], [(1, 1, 4, 1)], "Pool2D", BOTH),
    "REDUCE_MAX": ([(1, 4), [1]], [(1,)], "Reducer", BOTH),
}
EXTRA: dict[str, dict[str, Any]] = {
    "SPLIT": {"numSplits": 2},
    "GATHER": {"axis": 1},
    "PACK": {"valuesCount": 2, "axis": 1},
    "MAX_POOL_2D": {"strideW": 1, "strideH": 1, "filterWidth": 1, "filterHeight": 1, "padding": 1},
}


def moved(code: str, scale: float) -> bytes:
    """One operator of int8 that only moves integers, whose output has another scale."""
    inputs, outputs, name, _ = MOVES[code]
    made: list[TfTensor | None] = []
    for shape in inputs:
        if shape is bool:
            made.append(tensor((1, 4), "bool"))
        else:
            made.append(tensor(shape, "int8", X) if isinstance(shape, tuple) else constant(shape, "int32"))
    table = options(name, **EXTRA.get(code, {})) if name else None
    return one_operator(
        code, made, [tensor(shape, "int8", scale) for shape in outputs], table, 1 if code == "RESHAPE" else 2
    )


@pytest.mark.parametrize("code", MOVES)
def test_12_moving_integers_to_another_scale(code: str) -> None:
    assert broken(moved(code, 2 * X)) == MOVES[code][3]
    assert broken(moved(code, X)) == set()


@pytest.mark.parametrize("runtime", ["micro", "litert"])
def test_12_the_integers_stay_what_they_were(runtime: str) -> None:
    x = np.array([[100, -100, 8, 0]], "int8")
    assert answers(moved("RESHAPE", 2 * X), runtime, x)[0].reshape(-1).tolist() == [100, -100, 8, 0]


def loop(order: tuple[int, int, int]) -> bytes:
    """A loop over (a, b, c) that counts in the first variable; `order` says which of (a + 1, a, b, c) follow."""
    scalar = [tensor((1,), "int32") for _ in range(3)]
    turns = constant([4], "int32")
    condition = TfSubgraph(
        "", [*scalar, turns, tensor((1,), "bool")], [TfOperator("LESS", (0, 3), (4,), options("Less"))]
    )
    condition.inputs, condition.outputs = (0, 1, 2), (4,)
    step = TfOperator("ADD", (0, 3), (4,), options("Add"))
    body = TfSubgraph("", [*scalar, constant([1], "int32"), tensor((1,), "int32")], [step], (0, 1, 2))
    body.outputs = tuple((4, 0, 1, 2)[k] for k in order)
    table = options("While", condSubgraphIndex=1, bodySubgraphIndex=2)
    inputs = [tensor((1,), "int32") for _ in range(3)]
    return one_operator("WHILE", inputs, [tensor((1,), "int32") for _ in range(3)], table, 1, (condition, body))


@pytest.mark.parametrize("runtime", ["micro", "litert"])
def test_13_a_delay_line_in_a_loop(runtime: str) -> None:
    given = [np.array([k], "int32") for k in (0, 10, 20)]
    assert broken(loop((0, 1, 2))) == {"LiteRT"}
    wanted = [[4], [3], [2]]
    assert ([a.tolist() for a in answers(loop((0, 1, 2)), runtime, *given)] == wanted) == (runtime == "micro")
    assert broken(loop((0, 3, 2))) == {"LiteRT"}  # a swap
    assert broken(loop((0, 2, 3))) == set()  # each stays what it was


@pytest.mark.parametrize("code", ["FULLY_CONNECTED", "ADD"])
def test_14_a_fused_tanh(code: str) -> None:
    def content(activation: int) -> bytes:
        if code == "FULLY_CONNECTED":
            return product("int8", "int32", activation=activation)
        inputs = [tensor((1, 4), "float32"), tensor((1, 4), "float32")]
        return one_operator(
            code, inputs, [tensor((1, 4), "float32")], options("Add", fusedActivationFunction=activation)
        )

    assert broken(content(4)) == {*MICRO, "LiteRT"}
    assert broken(content(1)) == set()
    if code == "ADD":
        x = np.full((1, 4), 3, "float32")
        for runtime in ("micro", "litert"):
            assert answers(content(4), runtime, x, x)[0].tolist() == [[6, 6, 6, 6]]  # not tanh(6)


def test_15_or_of_numbers() -> None:
    def content(dtype: str) -> bytes:
        inputs = [tensor((1, 2), dtype), tensor((1, 2), dtype)]
        return one_operator("LOGICAL_OR", inputs, [tensor((1, 2), "bool")], options("LogicalOr"))

    assert broken(content("int32")) == {"LiteRT"}
    assert broken(content("bool")) == set()
    with pytest.raises(RuntimeError):
        answers(content("int32"), "litert", *[np.zeros((1, 2), "int32")] * 2)
