"""convert, inspect and verify: what they return, what their JSON says, and that both agree with independent counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import randomize

import edgernn
from edgernn.cli.main import run
from edgernn.converters.tflite.flatbuffer import schema
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.session import open_session

STEPS, FEATURES, UNITS, CLASSES = 7, 5, 6, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked GRU classifier with samples and labels; a model of two inputs; one on integer ids."""
    import keras

    place = tmp_path_factory.mktemp("verbs")
    layers = keras.layers
    x = keras.Input((STEPS, FEATURES), name="signal")
    y = layers.Dense(CLASSES, activation="softmax", name="class")(layers.GRU(UNITS)(layers.Masking(0.0)(x)))
    model = keras.Model(x, y)
    randomize(model, 2)
    model.save(place / "model.keras")
    random = np.random.default_rng(3)
    samples = random.standard_normal((60, STEPS, FEATURES)).astype("f4")
    samples[:, 5:] = 0
    labels = np.argmax(model.predict_on_batch(samples), axis=1)
    labels[:6] = (labels[:6] + 1) % CLASSES  # so that accuracy is not one
    np.savez(place / "calibration.npz", signal=samples[:40])
    np.savez(place / "test.npz", signal=samples[40:], y=labels[40:])
    np.savez(place / "labelled.npz", signal=samples[:20], y=labels[:20])
    np.save(place / "plain.npy", samples[:40])

    a, b = keras.Input((STEPS, 2), name="a"), keras.Input((4,), name="b")
    two = keras.Model({"a": a, "b": b}, {"p": layers.Dense(2, name="p")(layers.Concatenate()([layers.LSTM(3)(a), b]))})
    randomize(two, 4)
    two.save(place / "two.keras")
    sequences, vectors = random.standard_normal((20, STEPS, 2)), random.standard_normal((20, 4))
    np.savez(place / "two.npz", a=sequences.astype("f4"), b=vectors.astype("f4"))

    ids = keras.Sequential([keras.Input((STEPS,), dtype="int32", name="ids"), layers.Embedding(11, 4, mask_zero=True)])
    ids.add(layers.LSTM(4))
    randomize(ids, 5)
    ids.save(place / "ids.keras")
    np.savez(place / "ids.npz", ids=random.integers(0, 11, (20, STEPS)).astype("int32"))
    return place


def printed(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a command."""
    status = run([*arguments, "--json"])
    return status, json.loads(capfd.readouterr().out)


def test_convert_says_what_it_wrote(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = folder / "micro.tflite"
    arguments = ["convert", str(folder / "model.keras"), "-o", str(output), "--quantize", "int8", "--target", "micro"]
    status, document = printed(capfd, *arguments, "--calibration", str(folder / "calibration.npz"))
    assert status == 0
    assert (document["schema"], document["version"]) == ("edgernn.convert", 1)
    assert document["bytes"] == output.stat().st_size
    assert document["parameters"] == 3 * UNITS * (FEATURES + UNITS + 2) + CLASSES * (UNITS + 1)
    assert (document["scheme"], document["target"], document["form"]) == ("int8", "micro", "while-variable")
    assert document["artifact"] == str(output)
    assert document["seconds"] > 0


@pytest.mark.parametrize("target", ["micro", "phone"])
def test_the_file_carries_names_and_metadata_and_a_signature_for_a_phone(target: str, folder: Path) -> None:
    model = folder / "model.keras"
    options: dict[str, Any] = {"quantize": "int8", "target": target, "io": "int8"}
    content = edgernn.convert(model, calibration=folder / "calibration.npz", **options).content
    read: Any = schema().ModelT.InitFromPackedBuf(content, 0)
    main = read.subgraphs[0]
    assert [main.tensors[k].name for k in main.inputs] == [b"signal", b"signal_mask"]
    assert [main.tensors[k].name for k in main.outputs] == [b"class"]
    found = [[entry.name for entry in [*each.inputs, *each.outputs]] for each in read.signatureDefs or ()]
    assert found == ([[b"signal", b"signal_mask", b"class"]] if target == "phone" else [])
    own = read_tflite(content).own
    assert own["masks"] == [{"name": "signal_mask", "source": "signal", "differs_from": 0.0}]
    assert {"edgernn", "scheme", "target", "form", "source", "parameters", "macs", "macs_per_step"} <= set(own)
    inner = read.subgraphs[0].tensors
    named = {tensor.name for tensor in inner if tensor.name}
    assert named == {b"signal", b"signal_mask", b"class"}, "inner tensors have no names"


def test_two_processes_write_the_same_bytes(folder: Path) -> None:
    contents = []
    for seed in ("1", "2"):
        output = folder / f"again{seed}.tflite"
        command = [sys.executable, "-m", "edgernn", "convert", str(folder / "model.keras"), "-o", str(output)]
        command += ["--quantize", "int8", "--calibration", str(folder / "calibration.npz")]
        subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"})
        contents.append(output.read_bytes())
    assert contents[0] == contents[1]


def test_converting_imports_neither_keras_nor_tensorflow(folder: Path) -> None:
    program = (
        "import sys, edgernn\n"
        f"model, samples = {str(folder / 'model.keras')!r}, {str(folder / 'plain.npy')!r}\n"
        "edgernn.convert(model, quantize='int8', calibration=samples)\n"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("io", ["float32", "int8", "int16"])
@pytest.mark.parametrize("target", ["phone", "micro"])
def test_io_is_what_was_asked_for(folder: Path, io: str, target: str) -> None:
    model, calibration = folder / "model.keras", folder / "calibration.npz"
    content = edgernn.convert(model, quantize="int8", target=target, io=io, calibration=calibration).content
    session = open_session(content, "litert")
    assert session.inputs[0].dtype == io
    assert session.outputs[0].dtype == io
    assert (len(session.inputs) == 2) == (io != "float32"), "integer inputs come with their mask"
    report = edgernn.verify(model, _written(folder, content), folder / "test.npz")
    assert report.passed


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "written.tflite"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("runtime", ["litert", "micro"])
def test_verify_reports_errors_and_the_metric(folder: Path, runtime: str, capfd: pytest.CaptureFixture[str]) -> None:
    model, artifact = str(folder / "model.keras"), str(folder / "verified.tflite")
    calibration = str(folder / "calibration.npz")
    assert (
        run(["convert", model, "-o", artifact, "--quantize", "int8", "--target", "micro", "--calibration", calibration])
        == 0
    )
    capfd.readouterr()
    data = ["--data", str(folder / "labelled.npz"), "--runtime", runtime]
    status, document = printed(capfd, "verify", model, artifact, *data)
    assert status == 0
    assert (document["schema"], document["version"], document["passed"]) == ("edgernn.verify", 1, True)
    assert 0 < document["spread_error"] <= document["tolerance"] == 0.03
    assert document["mean_error"] <= document["max_error"]
    assert document["metric"]["name"] == "accuracy"
    assert document["metric"]["keras"] == pytest.approx(14 / 20)
    assert document["oracle"] == "keras"


def test_both_oracles_agree(folder: Path) -> None:
    model = folder / "model.keras"
    artifact = _written(folder, edgernn.convert(model, quantize="dynamic").content)
    reports = [edgernn.verify(model, artifact, folder / "test.npz", oracle=oracle) for oracle in ("keras", "reference")]
    assert reports[0].relative_error == pytest.approx(reports[1].relative_error, rel=1e-2)


@pytest.mark.parametrize("quantize", ["float32", "int8"])
@pytest.mark.parametrize("name", ["two", "ids"])
def test_other_inputs(folder: Path, name: str, quantize: str) -> None:
    model, data = folder / f"{name}.keras", folder / f"{name}.npz"
    artifact = _written(folder, edgernn.convert(model, quantize=quantize, calibration=data).content)
    assert edgernn.verify(model, artifact, data, tolerance=1e-5 if quantize == "float32" else 0.12).passed


def test_inspect_counts_a_keras_file(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, document = printed(capfd, "inspect", str(folder / "model.keras"))
    assert status == 0
    assert (document["schema"], document["version"]) == ("edgernn.inspect", 1)
    per_step = 3 * UNITS * (FEATURES + UNITS)
    assert document["macs_per_step"] == per_step
    assert document["macs"] == STEPS * per_step + UNITS * CLASSES
    assert sum(layer["parameters"] for layer in document["layers"]) == document["parameters"]


def test_inspect_counts_an_artifact_and_a_foreign_file(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = edgernn.convert(folder / "model.keras", quantize="dynamic").content
    path = _written(folder, content)
    _, own = printed(capfd, "inspect", str(path))
    model: Any = schema().ModelT.InitFromPackedBuf(content, 0)
    assert sum(own["operators"].values()) == sum(len(graph.operators) for graph in model.subgraphs)
    assert own["bytes"] == len(content)
    model.description = "anything"  # as if another tool had written it
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    _, foreign = printed(capfd, "inspect", str(path))
    assert foreign["operators"] == own["operators"]
    assert foreign["parameters"] == own["parameters"]


def test_python_returns_bytes_without_an_output(folder: Path) -> None:
    result = edgernn.convert(folder / "model.keras")
    assert result.artifact is None
    assert result.content[4:8] == b"TFL3"
