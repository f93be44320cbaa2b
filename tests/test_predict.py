"""An artifact answers what Keras does, whatever its kind; and `edgernn predict` prints or writes these answers."""

from __future__ import annotations

import csv
import io
import json
import wave
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import randomize
from numpy.typing import NDArray
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.errors import InputError

Array = NDArray[Any]
STEPS, FEATURES = 12, 5
WAYS: dict[str, dict[str, Any]] = {
    "float32": {},
    "int8": {"quantize": "int8"},
    "micro": {"quantize": "int8", "target": "micro"},
    "c": {"format": "c"},
    "c, int8": {"format": "c", "quantize": "int8"},
}


@cache
def every_step() -> tuple[Any, Array, Array]:
    """A model that answers at every step, recordings, and Keras's answers to them as wholes."""
    import keras

    layers = keras.layers
    whole = keras.Sequential([keras.Input((None, FEATURES)), layers.GRU(33, return_sequences=True), layers.Dense(2)])
    randomize(whole, 3)
    model = keras.Sequential([keras.Input((STEPS, FEATURES), name="x"), *whole.layers])
    x = np.random.default_rng(1).standard_normal((7, 50, FEATURES)).astype("f4")
    return model, x, np.asarray(whole(x))


def converted(model: Any, x: Array, place: Path, options: dict[str, Any]) -> Path:
    given: dict[str, Any] = {"calibration": x} if "quantize" in options else {}
    edgernn.convert(model, place, **options, **given)
    return place


def near(found: Array, expected: Array, way: str) -> bool:
    limit = 1e-5 if way in ("float32", "c") else 0.03
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    return bool(np.sqrt(np.mean((found - expected) ** 2)) <= limit * expected.std())


@pytest.mark.parametrize("way", WAYS)
def test_windows_are_answered_as_keras_does(way: str, tmp_path: Path) -> None:
    model, x, _ = every_step()
    windows = x[:, :STEPS]
    loaded = edgernn.load(converted(model, windows, tmp_path / "m", WAYS[way]))
    expected = np.asarray(model(windows))
    assert near(loaded.predict(windows), expected, way)
    assert near(loaded.predict({"x": windows, "y": np.zeros(7)}), expected, way)
    assert loaded.streaming is False
    assert (
        repr(loaded) == f"<edgernn model on {loaded.runtime}: 'x' [1, 12, 5] -> '{loaded.outputs[0].name}' [1, 12, 2]>"
    )


@pytest.mark.parametrize("hop", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_recordings_are_answered_as_keras_does(way: str, hop: int, tmp_path: Path) -> None:
    model, x, expected = every_step()
    path = converted(model, x[:, :STEPS], tmp_path / "m", {**WAYS[way], "streaming": True, "hop": hop})
    loaded = edgernn.load(path)
    if not way.startswith("c"):
        count = 50 // hop * hop
        assert near(loaded.predict(x), expected[:, :count], way)
        assert near(loaded.predict(x[0]), expected[:1, :count], way)
    loaded.reset()
    answers = [loaded.step(frame) for frame in x[2, :12]]
    found = np.concatenate([answer.reshape(-1, 2) for answer in answers if answer is not None])
    assert near(found, expected[2, :12], way)


def test_what_answers_late_answers_less_and_too_few_frames_are_said(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((STEPS, FEATURES)), layers.Conv1D(4, 5), layers.GRU(9, return_sequences=True), layers.Dense(3)]
    )
    randomize(model, 4)
    x = np.random.default_rng(2).standard_normal((3, STEPS, FEATURES)).astype("f4")
    edgernn.convert(model, tmp_path / "s.tflite", streaming=True)
    loaded = edgernn.load(tmp_path / "s.tflite")
    np.testing.assert_allclose(loaded.predict(x), np.asarray(model(x)), atol=1e-5)
    with pytest.raises(InputError, match=r"must have 5 frames for an answer. Found: 4"):
        loaded.predict(x[:, :4])


def test_several_inputs_and_outputs_have_names(tmp_path: Path) -> None:
    import keras

    layers = keras.layers
    words, sound = keras.Input((8,), dtype="int32", name="words"), keras.Input((8, 3), name="sound")
    both = layers.Concatenate()([layers.Embedding(20, 6)(words), sound])
    state = layers.LSTM(11)(both)
    model = keras.Model([words, sound], [layers.Dense(2, name="a")(state), layers.Dense(3, name="b")(both)])
    randomize(model, 5)
    random = np.random.default_rng(3)
    x: dict[str, Any] = {
        "words": random.integers(0, 20, (6, 8)),
        "sound": random.standard_normal((6, 8, 3)).astype("f4"),
    }
    edgernn.convert(model, tmp_path / "m.tflite")
    found = edgernn.load(tmp_path / "m.tflite").predict(x)
    for array, expected in zip(found.values(), model([x["words"], x["sound"]]), strict=True):
        np.testing.assert_allclose(array, np.asarray(expected), atol=1e-5)
    np.savez(tmp_path / "x.npz", **x)
    assert (
        run(["predict", str(tmp_path / "m.tflite"), "--data", str(tmp_path / "x.npz"), "-o", str(tmp_path / "y.npy")])
        == 2
    )
    assert (
        run(["predict", str(tmp_path / "m.tflite"), "--data", str(tmp_path / "x.npz"), "-o", str(tmp_path / "y.npz")])
        == 0
    )
    written = np.load(tmp_path / "y.npz")
    for name, array in found.items():
        np.testing.assert_array_equal(written[name], array)


def test_what_is_no_stream_has_no_step() -> None:
    loaded = edgernn.load(edgernn.convert(folder() / "gru.keras").content)
    with pytest.raises(InputError, match="must be a stream"):
        loaded.step(np.zeros(5))
    with pytest.raises(InputError, match="must be a path, the bytes of"):
        edgernn.load(3)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("predict") / "gru.tflite"
    edgernn.convert(folder() / "gru.keras", place)
    return place


def test_the_command_prints_csv_or_json(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = folder() / "test.npz"
    expected = edgernn.load(artifact).predict(data)
    assert run(["predict", str(artifact), "--data", str(data)]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header[0] == "sample"
    assert [column.partition("[")[2] for column in header[1:]] == ["0]", "1]", "2]"]
    np.testing.assert_array_equal(np.array(rows, "f4")[:, 1:], expected)
    assert run(["predict", str(artifact), "--data", str(data), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["samples"]) == ("edgernn.predict", len(expected))
    np.testing.assert_array_equal(np.array(next(iter(document["outputs"].values())), "f4"), expected)


@pytest.mark.parametrize("kind", [".csv", ".npz", ".npy"])
def test_the_command_writes_files(
    kind: str, artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, output = folder() / "test.npz", tmp_path / f"answers{kind}"
    assert run(["predict", str(artifact), "--data", str(data), "-o", str(output)]) == 0
    assert capsys.readouterr().out == ""
    expected = edgernn.load(artifact).predict(data)
    if kind == ".csv":
        found = np.loadtxt(output, delimiter=",", skiprows=1, dtype="f4")[:, 1:]
    else:
        found = np.load(output) if kind == ".npy" else next(iter(np.load(output).values()))
    np.testing.assert_array_equal(found, expected)


def test_no_sample_is_left_out(artifact: Path) -> None:
    """`verify` takes the first 16,384 windows of a long recording."""
    steps, features = edgernn.load(artifact).inputs[0].shape[1:]
    x = np.zeros((17_000 * steps, features), "f4")
    assert len(edgernn.load(artifact).predict(x)) == 17_000


def test_a_sound_is_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    model = keras.Sequential([keras.Input((10, 160)), keras.layers.GRU(8, return_sequences=True)])
    randomize(model, 6)
    edgernn.convert(model, tmp_path / "s.tflite", streaming=True)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(-9000, 9000, 160 * 300).astype("<i2").tobytes())
    assert run(["predict", str(tmp_path / "s.tflite"), "--data", str(tmp_path / "a.wav"), "--json"]) == 0
    (answers,) = json.loads(capsys.readouterr().out)["outputs"].values()
    assert np.shape(answers) == (1, 300, 8)


def test_bad_input_is_refused_before_anything_runs(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(folder() / "test.npz")
    for words, expected in (
        (["--data", data, "-o", str(tmp_path / "a.txt")], "must end in .csv, .npz, .npy"),
        (["--data", data, "-o", data], "must be another file than the data file"),
        (["--data", str(tmp_path / "none.npz")], "must be an existing file"),
        (["--data", data, "--runtime", "c"], "must be one of litert"),
    ):
        assert run(["predict", str(artifact), *words]) == 2
        assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_a_conversion_returns_is_an_artifact_everywhere(tmp_path: Path) -> None:
    model, x, _ = every_step()
    windows = x[:, :STEPS]
    forms: tuple[dict[str, Any], ...] = ({}, {"format": "c"})
    for options in forms:
        made = edgernn.convert(model, tmp_path / "m" if options else None, **options)
        assert edgernn.verify(model, made, windows).passed
        assert near(edgernn.load(made).predict(windows), np.asarray(model(windows)), "float32")
    made = edgernn.convert(model)
    assert edgernn.inspect(made).size == made.size
    assert edgernn.profile(made, static=True).contents.size == made.size
    assert edgernn.StreamingSession(edgernn.convert(model, streaming=True)).hop == 1
    with pytest.raises(InputError, match="C must be in a folder"):
        edgernn.load(edgernn.convert(model, format="c"))


@pytest.mark.parametrize("steps", [13, 29])
def test_masks_of_a_stream_are_computed_for_the_caller(steps: int, tmp_path: Path) -> None:
    """Integer inputs, from which no mask can be told, and recordings of prime lengths with holes and padding."""
    import keras

    layers = keras.layers
    whole = keras.Sequential([keras.Input((None, 3)), layers.Masking(), layers.LSTM(17, return_sequences=True)])
    randomize(whole, 8)
    model = keras.Sequential([keras.Input((steps, 3), name="x"), *whole.layers])
    x = np.random.default_rng(9).standard_normal((40, steps, 3)).astype("f4")
    x[::2, -4:], x[1::3, 2] = 0, 0
    options: dict[str, Any] = {"quantize": "int8", "target": "micro", "io": "int8", "calibration": x}
    edgernn.convert(model, tmp_path / "s.tflite", streaming=True, **options)
    assert near(edgernn.load(tmp_path / "s.tflite", "micro").predict(x), np.asarray(whole(x)), "int8")
