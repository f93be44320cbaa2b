"""Where a file's bytes go and what its operators hold: by hand, and so that every byte counts once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_models import artifact, folder, stock_artifact
from test_inspection import sine

from edgernn.converters.tflite.accounting import CATEGORIES, _Owners, account, weight_bytes_by_type
from edgernn.converters.tflite.counting import count
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSignature, TfSubgraph, TfTensor, encode, schema
from edgernn.converters.tflite.layout import model_layout
from edgernn.converters.tflite.liveness import peak_activation_bytes
from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.weighted import FileLayer, layers
from edgernn.devices.host.resolver import resolver
from edgernn.errors import InputError
from edgernn.targets import SCHEMES

OURS = [
    *((scheme, "phone", model) for scheme in SCHEMES for model in ("gru.keras", "lstm.h5")),
    *((scheme, "micro", model) for scheme in ("float32", "int8", "int16x8") for model in ("gru.keras", "lstm.h5")),
]


@cache
def stock_files() -> dict[str, Path]:
    """What TensorFlow's own converter makes of a small convolutional model, in four schemes, and of a text model."""
    where = Path(tempfile.mkdtemp(dir=folder()))
    program = (
        "import sys, pathlib, numpy as np, keras, tensorflow as tf\n"
        "from benchmarks.stock import stock_converter\n"
        "where = pathlib.Path(sys.argv[1])\n"
        "x = keras.Input((8, 3), batch_size=1, name='x')\n"
        "y = keras.layers.Flatten()(keras.layers.Conv1D(4, 3, activation='relu')(x))\n"
        "model = keras.Model(x, keras.layers.Dense(2)(y))\n"
        "samples = np.random.default_rng(0).standard_normal((8, 8, 3)).astype('f4')\n"
        "for scheme in ('float32', 'float16', 'dynamic', 'int8'):\n"
        "    content = stock_converter(model, scheme, samples).convert()\n"
        "    (where / f'{scheme}.tflite').write_bytes(content)\n"
        "ids = keras.Input((6,), batch_size=1, dtype='int32')\n"
        "y = keras.layers.LSTM(3, unroll=True)(keras.layers.Embedding(11, 4)(ids))\n"
        "(where / 'text.tflite').write_bytes(stock_converter(keras.Model(ids, y), 'float32', None).convert())\n"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", program, str(where)], check=True, capture_output=True, cwd=root)
    return {"gru": stock_artifact(), "sine": sine(), **{path.stem: path for path in where.glob("*.tflite")}}


def check(file: TfliteFile) -> dict[str, int]:
    """The parts, once they are what they must be of any file."""
    parts, by_type, rows, counted = account(file), weight_bytes_by_type(file), layers(file), count(file)
    assert tuple(parts) == CATEGORIES
    assert sum(parts.values()) == len(file.content)
    assert sum(by_type.values()) == parts["weights"] + parts["biases"] + parts["constants"] == file.weight_bytes
    assert sum(row.weight_bytes for row in rows) == parts["weights"]
    assert sum(row.bias_bytes for row in rows) == parts["biases"]
    assert sum(row.parameters for row in rows) == counted.parameters
    assert sum(row.macs * (row.executions or 0) for row in rows) == counted.macs
    return parts


def unclaimed(content: bytes) -> bytes:
    """The bytes that nothing points to, data of buffers aside."""
    owners = _Owners(content)
    owners.table(owners.source.root(), model_layout())
    for position, size in read_tflite(content).buffers:
        owners.claim(position - 4, size + 4, "weights")
    return bytes(np.frombuffer(content, np.uint8)[8:][owners.map[8:] == CATEGORIES.index("padding")])


@pytest.mark.parametrize(("scheme", "target", "model"), OURS)
def test_every_byte_of_ours_counts_once(scheme: str, target: str, model: str) -> None:
    file = read_tflite(artifact(scheme, target, model))
    parts = check(file)
    assert parts["metadata"] > len(json.dumps(file.own, separators=(",", ":")))
    assert 0 < parts["padding"] < 12 * len(file.buffers), "data begin at multiples of 16"
    assert not any(unclaimed(file.content))


@pytest.mark.parametrize("name", ["gru", "sine", "float32", "float16", "dynamic", "int8", "text"])
def test_every_byte_of_other_tools_files_counts_once(name: str) -> None:
    file = read_tflite(stock_files()[name])
    parts = check(file)
    assert min(parts["weights"], parts["names"], parts["tensors"], parts["operators"], parts["metadata"]) > 0
    assert not any(unclaimed(file.content))


def test_weights_and_biases_by_hand() -> None:
    """z and r of a GRU read the sums of their two biases; the candidate keeps both of its own. Dense has 3."""
    matrices, biases = 3 * 17 * (5 + 17) + 3 * 17, 4 * 17 + 3
    for scheme, target, width in (("float32", "phone", 4), ("float16", "phone", 2), ("int8", "micro", 1)):
        parts = account(read_tflite(artifact(scheme, target)))
        assert (parts["weights"], parts["biases"]) == (width * matrices, (8 if width == 1 else 4) * biases)
    lstm, biases = 4 * 7 * (5 + 7) + 3 * 7, 4 * 7 + 3
    for scheme, target, width in (("float32", "micro", 4), ("int8", "micro", 1), ("int16x8", "micro", 1)):
        parts = account(read_tflite(artifact(scheme, target, "lstm.h5")))
        assert (parts["weights"], parts["biases"]) == (width * lstm, (8 if width == 1 else 4) * biases)


def test_types_by_hand() -> None:
    assert weight_bytes_by_type(read_tflite(artifact("float16", "phone", "lstm.h5")))["float16"] == 2 * 357
    assert weight_bytes_by_type(read_tflite(artifact("int16x8", "phone", "lstm.h5")))["int64"] == 8 * 31
    found = weight_bytes_by_type(read_tflite(stock_files()["int8"]))
    assert found["int8"] == 4 * 3 * 3 + 2 * 4 * 6
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_small_file_by_hand() -> None:
    kernel, bias = np.arange(6, dtype="int8").reshape(2, 3), np.arange(2, dtype="int32")
    tensors = [
        TfTensor((1, 3), "int8", None, (0.5,), name="sound"),
        TfTensor((2, 3), "int8", kernel, (0.25, 0.125)),
        TfTensor((2,), "int32", bias),
        TfTensor((1, 2), "int8", None, (0.5,), name="word"),
        TfTensor((1,), "int32", np.array([7], "int32")),
    ]
    graph = TfSubgraph("", tensors, [TfOperator("FULLY_CONNECTED", (0, 1, 2), (3,))], (0,), (3,))
    signature = TfSignature("serve", 0, (("sound", 0),), (("word", 3),))
    file = read_tflite(encode(TfModel((graph,), (signature,), "kept as it is")))
    parts = check(file)
    assert (parts["weights"], parts["biases"], parts["constants"]) == (6, 8, 4)
    assert parts["names"] == (4 + 6) + (4 + 5) + (4 + 6)  # "sound" and "word" are stored once, and "serve"
    scales, zero_points = (4 + 4) + (4 + 8), (4 + 8) + (4 + 16)
    assert parts["quantization"] - scales - zero_points == 12 + 12  # two tables of three offsets
    assert parts["metadata"] == 4 + 14  # the description
    assert layers(file) == (FileLayer(0, 0, "FULLY_CONNECTED", (1, 2), "int8", 8, 6, 8, 6, 1),)


def test_options_of_operators_belong_to_them() -> None:
    s = schema()
    plain = TfOperator("RESHAPE", (0,), (0,))
    shaped = TfOperator("RESHAPE", (0,), (0,), s.ReshapeOptionsT(newShape=[1] * 500))
    handle = TfOperator("VAR_HANDLE", (), (0,), s.VarHandleOptionsT(container="", sharedName="v" * 2000))

    def parts(operator: TfOperator) -> dict[str, int]:
        return check(read_tflite(encode(TfModel((TfSubgraph("", [TfTensor((1,), "int32")], [operator]),)))))

    assert 2000 <= parts(shaped)["operators"] - parts(plain)["operators"] < 2050
    assert 2000 <= parts(handle)["operators"] - parts(plain)["operators"] < 2050
    assert parts(shaped)["padding"] < 40


def test_a_table_of_a_function_is_no_weight_but_an_embedding_is() -> None:
    for shape, weights in (((256,), 0), ((64, 4), 256)):
        tensors = [TfTensor(shape, "int8", np.zeros(shape, "int8")), TfTensor((1,), "int32"), TfTensor((1,), "int8")]
        graph = TfSubgraph("", tensors, [TfOperator("GATHER", (0, 1), (2,))], (1,), (2,))
        file = read_tflite(encode(TfModel((graph,))))
        parts = check(file)
        assert (parts["weights"], parts["constants"]) == (weights, 256 - weights)
        assert count(file).parameters == weights


def test_rows_of_a_gru_by_hand() -> None:
    """Projections of the window before the loop, of z and r together; products of the state inside, nine times."""
    rows = layers(read_tflite(artifact("int8", "phone")))
    seen = [
        (row.subgraph, row.output_shape, row.weight_bytes, row.bias_bytes, row.macs, row.executions) for row in rows
    ]
    assert seen == [
        (0, (1, 9, 34), 34 * 5, 4 * 34, 9 * 34 * 5, 1),
        (0, (1, 9, 17), 17 * 5, 4 * 17, 9 * 17 * 5, 1),
        (0, (1, 3), 3 * 17, 4 * 3, 3 * 17, 1),
        (2, (1, 34), 34 * 17, 4 * 34, 34 * 17, 9),
        (2, (1, 17), 17 * 17, 4 * 17, 17 * 17, 9),
    ]
    assert {row.name for row in rows} == {"FULLY_CONNECTED"}
    assert {row.dtype for row in rows} == {"int8"}


def test_rows_of_other_tools_files_by_hand() -> None:
    rows = layers(read_tflite(stock_files()["dynamic"]))
    assert [(row.name, row.parameters, row.macs, row.executions) for row in rows] == [
        ("CONV_2D", 4 * 3 * 3 + 4, 6 * 4 * 3 * 3, 1),
        ("FULLY_CONNECTED", 2 * 24, 2 * 24, 1),  # untrained: its bias is zero, and the converter leaves it out
    ]
    rows = layers(read_tflite(stock_files()["text"]))
    assert (rows[0].name, rows[0].parameters) == ("GATHER", 11 * 4)
    assert sum(row.macs for row in rows) == 4 * 3 * (6 * 4 + 5 * 3)  # the first state is zero, and left out
    assert sum(row.parameters for row in rows) == 11 * 4 + 4 * 3 * (4 + 3) + 4 * 3
    shared = [row for row in rows if row.macs and not row.parameters]
    assert shared  # each of the steps multiplies by the same weights, which count for the first
    assert {row.dtype for row in shared} == {"float32"}


def test_a_loop_of_unknown_length_has_no_number_of_executions() -> None:
    kernel = TfTensor((2, 2), "float32", np.ones((2, 2), "f4"))
    state, turns, goes_on = TfTensor((1, 2), "float32"), TfTensor((), "int32"), TfTensor((), "bool")
    options = schema().WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
    main = TfSubgraph("", [turns, state], [TfOperator("WHILE", (0, 1), (0, 1), options)], (0, 1), (1,))
    cond = TfSubgraph("", [turns, state, goes_on], [TfOperator("LESS", (0, 0), (2,))], (0, 1), (2,))
    product = TfOperator("FULLY_CONNECTED", (1, 3), (2,))
    body = TfSubgraph("", [turns, state, state, kernel], [product], (0, 1), (0, 2))
    file = read_tflite(encode(TfModel((main, cond, body))))
    (row,) = layers(file)
    assert (row.subgraph, row.macs, row.executions, row.parameters) == (2, 4, None, 4)
    assert (count(file).macs, count(file).macs_per_step) == (None, 4)


def test_parts_of_the_official_encoder_count_too() -> None:
    """It shares nothing, and it writes what ours never writes: sparsity, intermediate tensors, custom options."""
    s = schema()
    model = s.ModelT.InitFromPackedBuf(artifact("float32", "micro").read_bytes(), 0)
    tensor, operator = model.subgraphs[0].tensors[0], model.subgraphs[0].operators[0]
    tensor.shapeSignature, tensor.hasRank = [-1, 9, 5], True
    axis = s.DimensionMetadataT()
    axis.arraySegmentsType, axis.arraySegments = s.SparseIndexVector.Uint16Vector, s.Uint16VectorT()
    axis.arraySegments.values = list(range(1, 300))
    tensor.sparsity = s.SparsityParametersT()
    tensor.sparsity.traversalOrder, tensor.sparsity.dimMetadata = [0, 1, 2], [axis]
    operator.intermediates, operator.customOptions = [0] * 100, [1] * 400
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    file = read_tflite(bytes(builder.Output()))
    before, parts = account(read_tflite(artifact("float32", "micro"))), check(file)
    assert parts["weights"] == before["weights"]
    assert parts["tensors"] - before["tensors"] > 2 * 299
    assert parts["operators"] - before["operators"] > 400 + 4 * 100
    assert not any(unclaimed(file.content))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4), st.booleans()), min_size=1, max_size=5),
    st.sampled_from(["float32", "int8", "int16", "int32"]),
    st.text(max_size=8),
    st.text(max_size=20),
)
def test_every_byte_of_any_file_counts_once(
    shapes: list[tuple[int, int, bool]], dtype: str, name: str, words: str
) -> None:
    tensors = [
        TfTensor((a, b), dtype, np.full((a, b), 3, dtype) if filled else None, (0.5,), 1, name=name)
        for a, b, filled in shapes
    ]
    operators = [TfOperator("ADD", (k, k), (0,)) for k in range(len(tensors))]
    file = read_tflite(encode(TfModel((TfSubgraph(name, tensors, operators),), description=words)))
    check(file)
    assert not any(unclaimed(file.content))


@pytest.mark.parametrize("which", ["stock", "ours"])
def test_of_a_damaged_file_all_bytes_count_or_it_is_refused(which: str) -> None:
    content = (stock_artifact() if which == "stock" else artifact()).read_bytes()
    dice, read = random.Random(5), 0
    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 2, 5))):
            position = dice.randrange(len(content))
            damaged[position] = dice.choice((0, 1, 127, 128, 255, damaged[position] ^ (1 << dice.randrange(8))))
        try:
            file = read_tflite(bytes(damaged))
            assert sum(account(file).values()) == len(content)
            layers(file)
            weight_bytes_by_type(file)
            peak_activation_bytes(file)
            resolver(file)
            read += 1
        except InputError:
            continue
    assert read > 100
