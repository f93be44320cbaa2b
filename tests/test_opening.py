"""What convert has written is opened before it is kept: planted faults never reach a disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from kernel_files import constant, one_operator, options, tensor

import edgernn
from edgernn import conversion, opening
from edgernn.converters.tflite.flatbuffer import TfModel, TfOperator, TfSignature, TfSubgraph, encode
from edgernn.errors import InternalError


def too_new() -> bytes:
    """An operator of a version that no runtime knows."""
    weights, bias = constant(np.ones((3, 4)), "float32"), constant(np.ones(3), "float32")
    given, answer = tensor((1, 4), "float32"), tensor((1, 3), "float32")
    return one_operator("FULLY_CONNECTED", [given, weights, bias], [answer], None, version=99)


def aborting() -> bytes:
    """A 16-bit ADD, one of whose scales is 2^15 times that of its sum."""
    inputs = [tensor((1, 4), "int16", 1.0), tensor((1, 4), "int16", 2.0**-15)]
    table = options("Add", potScaleInt16=False)
    return one_operator("ADD", inputs, [tensor((1, 4), "int16", 2.0**-15)], table, version=3)


def endless() -> bytes:
    """A WHILE whose condition always holds."""
    table = options("While", condSubgraphIndex=1, bodySubgraphIndex=2)
    value = tensor((1, 4), "float32")
    main = TfSubgraph("", [value, value], [TfOperator("WHILE", (0,), (1,), table)], (0,), (1,))
    condition = TfSubgraph("", [value, constant([True], "bool")], [], (0,), (1,))
    body = TfSubgraph("", [value, value], [TfOperator("TANH", (0,), (1,))], (0,), (1,))
    return encode(TfModel((main, condition, body)))


def not_a_number() -> bytes:
    """0 / 0, of a model that has nothing of the kind."""
    zeros = constant(np.zeros((1, 4)), "float32")
    return one_operator("DIV", [zeros, zeros], [tensor((1, 4), "float32")])


def model() -> keras.Model:
    return keras.Sequential([keras.Input((5, 4)), keras.layers.GRU(3), keras.layers.Dense(2)])


def convert_written(content: bytes, output: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> InternalError:
    """Convert a model with a compiler that writes something else."""
    output.write_bytes(b"the old one")
    monkeypatch.setattr(conversion, "write_artifact", lambda *_: content)
    monkeypatch.setattr(conversion, "keep_promise", lambda *_: None)  # the rules would find some of these before
    with pytest.raises(InternalError) as caught:
        edgernn.convert(model(), output, target=target)
    assert output.read_bytes() == b"the old one"
    assert list(output.parent.iterdir()) == [output]
    assert "this is a fault of edgernn: please report it" in caught.value.hint
    return caught.value


@pytest.mark.parametrize("target", ["phone", "micro"])
@pytest.mark.parametrize(
    ("write", "found"),
    [
        (aborting, "it crashed (SIGABRT)"),
        (endless, "no end within 0.5 s of processor time"),
        (not_a_number, "NaN or infinite in 'output_0'"),
    ],
)
def test_a_bad_file_is_not_kept(
    write: Callable[[], bytes], found: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_SECONDS", 0.5)
    error = convert_written(write(), tmp_path / "model.tflite", monkeypatch, target)
    assert found in error.message
    assert ("TFLite-Micro" if target == "micro" else "LiteRT") in error.message


def test_what_litert_refuses_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = convert_written(too_new(), tmp_path / "model.tflite", monkeypatch, "phone")
    assert "FULLY_CONNECTED" in error.message
    assert "99" in error.message


def test_what_micro_refuses_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = one_operator("LESS", [tensor((1, 4), "int16", 0.1)] * 2, [tensor((1, 4), "bool")])
    error = convert_written(comparison, tmp_path / "model.tflite", monkeypatch, "micro")
    assert "int16" in error.message.lower()


def test_every_signature_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = tensor((1, 4), "float32")
    numbers = [constant(np.ones((1, 4)), "int16", scale) for scale in (1.0, 2.0**-15)]
    table = options("Add", potScaleInt16=False)
    main = TfSubgraph("", [value, value], [TfOperator("TANH", (0,), (1,))], (0,), (1,))
    reset = TfSubgraph("", [*numbers, tensor((1, 4), "int16", 2.0**-15)], [TfOperator("ADD", (0, 1), (2,), table, 3)])
    signatures = (TfSignature("serve", 0, (("x", 0),), (("y", 1),)), TfSignature("reset", 1, (), ()))
    content = encode(TfModel((main, reset), signatures))
    error = convert_written(content, tmp_path / "model.tflite", monkeypatch, "phone")
    assert "it crashed (SIGABRT)" in error.message


def test_bytes_that_are_no_artifact_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = edgernn.convert(model()).content
    for content in (b"", b"hello", good[: len(good) // 2]):
        error = convert_written(content, tmp_path / "model.tflite", monkeypatch, "phone")
        assert "must run on LiteRT" in error.message


@pytest.mark.parametrize("state", ["io", "internal"])
@pytest.mark.parametrize("target", ["phone", "micro"])
def test_a_stream_is_opened(state: str, target: str, tmp_path: Path) -> None:
    made = edgernn.convert(model(), tmp_path / "a.tflite", streaming=True, state=state, target=target)
    assert made.notes == ()


@pytest.mark.parametrize(
    ("target", "lacking", "notes"),
    [
        ("phone", {"litert"}, ["LiteRT, which is not installed here: pip install 'edgernn[runtime]'."]),
        ("micro", {"micro"}, ["TFLite-Micro, which is not installed here: pip install 'edgernn[micro]'."]),
        ("micro", {"litert"}, []),
        ("micro", set(), []),
    ],
)
def test_a_runtime_that_is_not_there_is_told(
    target: str, lacking: set[str], notes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = opening.runtime_module
    monkeypatch.setattr(opening, "runtime_module", lambda runtime: None if runtime in lacking else module(runtime))
    made = edgernn.convert(model(), tmp_path / "model.tflite", target=target)
    assert [note.partition(" on ")[2] for note in made.notes] == notes
    assert (tmp_path / "model.tflite").exists()


def test_the_command_says_whose_fault_it_is(tmp_path: Path) -> None:
    model().save(tmp_path / "model.keras")
    (tmp_path / "bad").write_bytes(aborting())
    code = (
        "import sys; from edgernn import conversion; from edgernn.cli.main import main\n"
        "content = open('bad', 'rb').read(); conversion.write_artifact = lambda *_: content\n"
        "conversion.keep_promise = lambda *_: None\n"
        "sys.argv = ['edgernn', 'convert', 'model.keras', '-o', 'model.tflite']; main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "error: artifact: must run on LiteRT, before it is kept. Found: it crashed (SIGABRT)" in done.stderr
    assert "this is a fault of edgernn: please report it" in done.stderr
    assert not (tmp_path / "model.tflite").exists()
