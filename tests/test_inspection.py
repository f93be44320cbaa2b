"""The verb `inspect`: Keras files, our artifacts, those of other tools, and damaged ones."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import random
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_models import artifact, folder, stock_artifact

import edgernn
from edgernn.cli.main import run
from edgernn.converters.tflite.counting import count, guessed_scheme
from edgernn.converters.tflite.flatbuffer import (
    TfModel,
    TfOperator,
    TfSignature,
    TfSubgraph,
    TfTensor,
    encode,
    schema,
)
from edgernn.converters.tflite.reader import read_tflite
from edgernn.errors import InputError

Captured = pytest.CaptureFixture[str]
SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")
# Of gru.keras: GRU 3 H (F + H + 2) and Dense 3 (17 + 1).
PARAMETERS, MACS_PER_STEP = 3 * 17 * (5 + 17 + 2) + 3 * 18, 3 * 17 * (5 + 17)
MACS = 9 * MACS_PER_STEP + 3 * 17


def test_a_keras_file_is_shown_layer_by_layer(capsys: Captured) -> None:
    assert run(["inspect", str(folder() / "gru.keras"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["version"], document["kind"]) == ("edgernn.inspect", 1, "keras")
    assert document["counted"] == "keras"
    assert (document["parameters"], document["macs"]) == (PARAMETERS, MACS)
    assert document["macs_per_step"] == MACS_PER_STEP
    assert document["bytes"] == (folder() / "gru.keras").stat().st_size
    assert document["weight_bytes"] == 4 * PARAMETERS
    gru, dense = document["layers"]
    assert (gru["class"], gru["output_shape"], gru["parameters"]) == ("GRU", [17], PARAMETERS - 54)
    assert (dense["class"], dense["output_shape"], dense["parameters"], dense["macs"]) == ("Dense", [3], 54, 51)
    assert document["operators"] == {}
    assert document["inputs"] == [{"name": "signal", "shape": [9, 5], "dtype": "float32", "scale": 0, "zero_point": 0}]


def test_keras_counts_the_same_parameters() -> None:
    import keras

    for name in ("gru.keras", "lstm.h5", "regression.keras"):
        model = keras.saving.load_model(folder() / name, compile=False)
        found = edgernn.inspect(folder() / name)
        assert found.parameters == model.count_params()
        assert edgernn.inspect(model).layers == found.layers


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_artifact_says_what_the_keras_model_had(scheme: str, capsys: Captured) -> None:
    path = artifact(scheme, "phone")
    assert run(["inspect", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["counted"], document["scheme"]) == ("tflite", "metadata", scheme)
    assert (document["parameters"], document["macs"]) == (PARAMETERS, MACS)
    assert document["macs_per_step"] == MACS_PER_STEP
    assert document["bytes"] == path.stat().st_size
    assert 0 < document["weight_bytes"] < document["bytes"]
    assert document["operators"]["WHILE"] == 1
    assert document["metadata"]["form"] == "while"
    assert document["layers"] == []


@pytest.mark.parametrize(
    ("scheme", "target"), [*((s, "phone") for s in SCHEMES), ("int8", "micro"), ("int16x8", "micro")]
)
def test_counted_in_the_file_it_is_about_the_same(scheme: str, target: str) -> None:
    """Merged biases make it fewer parameters, and a loop may take several steps at a time."""
    file = read_tflite(artifact(scheme, target))
    counted = count(file)
    assert 0.95 * PARAMETERS < counted.parameters < 1.1 * PARAMETERS
    assert counted.macs is not None
    assert MACS <= counted.macs < 1.35 * MACS  # the last iteration may compute steps that are thrown away
    assert guessed_scheme(file) == scheme


def test_files_of_other_tools_are_counted(capsys: Captured) -> None:
    assert run(["inspect", str(stock_artifact()), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["counted"], document["scheme"], document["metadata"]) == ("file", "float32", {})
    assert document["macs"] == MACS
    assert document["macs_per_step"] == MACS_PER_STEP
    assert 0.95 * PARAMETERS < document["parameters"] <= PARAMETERS
    assert document["operators"]["WHILE"] == 1
    assert run(["inspect", str(sine())]) == 0
    shown = capsys.readouterr().out
    assert "counted in the file's operators" in shown
    assert "FULLY_CONNECTED" in shown
    assert re.search(r"parameters +321$", shown, re.MULTILINE)  # 16 + 16, 16 x 16 + 16, 16 + 1


def sine() -> Path:
    """A float model of three dense layers, which comes with the TFLite-Micro interpreter."""
    spec = importlib.util.find_spec("tflite_micro")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "python" / "tflite_micro" / "sine_float.tflite"


@pytest.mark.parametrize("which", ["stock", "ours"])
def test_the_reader_sees_what_the_official_classes_see(which: str) -> None:
    path = stock_artifact() if which == "stock" else artifact("int8", "phone")
    ours, official = read_tflite(path), schema().Model.GetRootAs(path.read_bytes(), 0)
    assert len(ours.subgraphs) == official.SubgraphsLength()
    assert ours.description == (official.Description() or b"").decode()
    names = {value: key for key, value in vars(schema().BuiltinOperator).items() if isinstance(value, int)}
    kinds = {value: key.lower() for key, value in vars(schema().TensorType).items() if isinstance(value, int)}
    for index, graph in enumerate(ours.subgraphs):
        other = official.Subgraphs(index)
        assert graph.inputs == tuple(int(k) for k in other.InputsAsNumpy())
        assert (len(graph.tensors), len(graph.operators)) == (other.TensorsLength(), other.OperatorsLength())
        for k, tensor in enumerate(graph.tensors):
            theirs = other.Tensors(k)
            assert tensor.name == (theirs.Name() or b"").decode()
            assert tensor.shape == (tuple(theirs.ShapeAsNumpy().tolist()) if theirs.ShapeLength() else ())
            assert tensor.dtype == kinds[theirs.Type()]
            assert tensor.data_bytes == official.Buffers(theirs.Buffer()).DataLength()
            form = theirs.Quantization()
            assert len(tensor.scales) == (form.ScaleLength() if form else 0)
        for k, operator in enumerate(graph.operators):
            code = official.OperatorCodes(other.Operators(k).OpcodeIndex())
            assert (operator.name, operator.version) == (names[code.BuiltinCode()], code.Version())
            assert operator.inputs == tuple(other.Operators(k).InputsAsNumpy().tolist())
    signature, theirs = ours.signatures[0], official.SignatureDefs(0)
    assert signature.key == theirs.SignatureKey().decode()
    assert signature.inputs == {theirs.Inputs(0).TensorIndex(): theirs.Inputs(0).Name().decode()}


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=4),
    st.sampled_from(["float32", "int8", "int16", "int32"]),
    st.text(max_size=8),
)
def test_what_the_encoder_writes_the_reader_reads(shapes: list[tuple[int, int]], dtype: str, name: str) -> None:
    tensors = [
        TfTensor(
            shape,
            dtype,
            np.arange(shape[0] * shape[1]).reshape(shape).astype(dtype) if k % 2 else None,
            (0.5,) if dtype == "int8" else (),
            k if dtype == "int8" else 0,
            name=name,
        )
        for k, shape in enumerate(shapes)
    ]
    operator = TfOperator("ADD", (0, -1), (len(tensors) - 1,))
    graph = TfSubgraph("main", tensors, [operator], (0,), (len(tensors) - 1,))
    signature = TfSignature("serve", 0, (("in", 0),), (("out", len(tensors) - 1),))
    file = read_tflite(encode(TfModel((graph,), (signature,), "words")))
    assert [tensor.shape for tensor in file.main.tensors] == shapes
    assert {tensor.name for tensor in file.main.tensors} == {name}
    for written, read in zip(tensors, file.main.tensors, strict=True):
        assert file.data(read) == (b"" if written.data is None else written.data.tobytes())
        assert (read.scale, read.zero_point) == ((0.5, written.zero_point) if dtype == "int8" else (0.0, 0))
    assert dataclasses.asdict(file.main.operators[0]) == {
        "name": "ADD", "version": 1, "inputs": (0, -1), "outputs": (len(tensors) - 1,), "subgraphs": (),
        "variable": "", "custom": False, "activation": "NONE", "bias_type": "", "powers_of_two": True,
        "intermediates": ()
    }  # fmt: skip
    assert file.metadata == {}
    assert file.description == "words"
    assert file.names((0,)) == ("in",)


# --- bad files ---


def test_files_that_are_none(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "empty.tflite").write_bytes(b"")
    (tmp_path / "text.tflite").write_text("not a model")
    (tmp_path / "text.keras").write_text("not a model")
    for name, words in {
        "missing.tflite": "must be an existing file",
        "empty.tflite": "Found: an empty file",
        "text.tflite": "must be a .tflite model. Found: another kind of file",
        "text.keras": "must be a Keras model",
        ".": "must be a file. Found: a folder",
    }.items():
        assert run(["inspect", str(tmp_path / name)]) == 2
        error, hint = capsys.readouterr().err.splitlines()
        assert error.startswith("error: ")
        assert words in error
        assert hint.startswith("hint: ")


@pytest.mark.parametrize("which", ["stock", "ours"])
def test_a_truncated_or_damaged_artifact_is_refused_or_read_and_nothing_else(which: str) -> None:
    content = (stock_artifact() if which == "stock" else artifact()).read_bytes()
    dice, errors = random.Random(3), []
    variants = [content[:size] for size in range(0, len(content), 61)]
    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 2, 5))):
            position = dice.randrange(len(content))
            damaged[position] = dice.choice((0, 1, 127, 128, 255, damaged[position] ^ (1 << dice.randrange(8))))
        variants.append(bytes(damaged))
    for variant in variants:
        try:
            edgernn.inspect(variant)
        except InputError as error:
            errors.append(error)
    assert len(errors) > len(content) // 61
    assert all("\n" not in error.message and error.hint for error in errors)


@given(st.binary(max_size=200))
def test_random_bytes_behind_the_mark_are_refused(tail: bytes) -> None:
    with pytest.raises(InputError):
        read_tflite(b"\x18\0\0\0TFL3" + tail)


def test_a_vector_that_is_claimed_over_and_over_does_not_cost_minutes() -> None:
    """The encoder stores equal vectors once, so that here 400 subgraphs share one list of 5000 inputs."""
    graph = TfSubgraph("main", [TfTensor((1, 2), "float32")], [], (0,) * 5000, (0,))
    content = encode(TfModel((graph,) * 400))
    assert len(content) < 40_000
    with pytest.raises(InputError, match="vectors overlap"):
        read_tflite(content)


def _while(cond: int, body: int) -> TfOperator:
    return TfOperator("WHILE", (0,), (0,), schema().WhileOptionsT(condSubgraphIndex=cond, bodySubgraphIndex=body))


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        (TfOperator("ADD", (0, 9), (0,)), r"a tensor of ADD is number 9 of 1"),
        (TfOperator("ADD", (0, -2), (0,)), r"a tensor of ADD is number -2 of 1"),
        (("WHILE", 0, 7), r"a subgraph of WHILE is number 7 of 1"),
        (("WHILE", 0, 0), r"subgraph 0 runs itself"),
    ],
)
def test_parts_that_do_not_fit_are_named(operator: TfOperator | tuple[str, int, int], message: str) -> None:
    made = operator if isinstance(operator, TfOperator) else _while(*operator[1:])
    graph = TfSubgraph("main", [TfTensor((1, 2), "float32")], [made], (0,), (0,))
    with pytest.raises(InputError, match=rf"must be a complete .tflite model. Found: damaged or truncated: {message}"):
        read_tflite(encode(TfModel((graph,))))


def test_weights_of_another_size_than_their_shape_are_refused() -> None:
    content = bytearray(artifact("float32", "phone").read_bytes())
    file = read_tflite(bytes(content))
    tensor = next(t for graph in file.subgraphs for t in graph.tensors if t.data_bytes > 1000)
    position, size = file.buffers[tensor.buffer]
    assert struct.unpack_from("<I", content, position - 4)[0] == size
    struct.pack_into("<I", content, position - 4, size - 4)
    with pytest.raises(InputError, match=rf"has {size - 4} bytes of float32"):
        read_tflite(bytes(content))


def test_metadata_that_is_no_metadata_is_ignored() -> None:
    for words in ("", "[1]", '"text"', "[" * 5000, '{"edgernn": 0, "parameters": "many"}', '{"parameters": 3}'):
        graph = TfSubgraph("main", [TfTensor((1, 2), "float32")], [], (0,), (0,))
        found = edgernn.inspect(encode(TfModel((graph,), (), words)))
        assert (found.counted, found.parameters) == ("file", 0)
