"""`edgernn stream` reads frames from files and standard input and prints a line of JSON for each answer."""

from __future__ import annotations

import io
import json
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import folder

import edgernn
from edgernn.audio.wav import read_wav
from edgernn.cli.main import run


def stream_of(path: Path) -> Path:
    edgernn.convert(folder() / "gru.keras", path / "s.tflite", streaming=True)
    return path / "s.tflite"


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_files_and_standard_input_give_the_same_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = stream_of(tmp_path)
    features = edgernn.StreamingSession(artifact).inputs[0].shape[-1]
    frames = np.random.default_rng(0).standard_normal((6, features)).astype("f4")
    np.save(tmp_path / "x.npy", frames)
    np.save(tmp_path / "recordings.npy", frames.reshape(2, 3, features))
    np.savez(tmp_path / "x.npz", x=frames.reshape(3, 2, features), y=np.arange(3))
    np.savez(tmp_path / "signal.npz", signal=frames)
    rows = [",".join(map(str, frame.tolist())) for frame in frames]
    (tmp_path / "x.csv").write_text("\n".join([",".join(f"c{k}" for k in range(features)), *rows, ""]))
    files = ("x.csv", "x.npy", "recordings.npy", "x.npz", "signal.npz")
    texts = {**dict.fromkeys(files, ""), "-": "\n".join(json.dumps(frame.tolist()) for frame in frames)}
    found, said = [], {}
    for name, text in texts.items():
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert run(["stream", str(artifact), "--input", name if name == "-" else str(tmp_path / name), "--json"]) == 0
        shown = capsys.readouterr()
        found.append([json.loads(line) for line in shown.out.splitlines()])
        said[name] = shown.err
    assert "line 1: taken for the names of columns: 'c0', 'c1'" in said["x.csv"]
    assert "2 recordings of 3 frames, one behind the other" in said["recordings.npy"]
    assert "3 recordings of 2 frames" in said["x.npz"]
    assert "left out: 'y'" in said["x.npz"]
    assert said["x.npy"] == said["signal.npz"] == said["-"] == ""
    for lines in found:
        *answers, summary = lines
        assert answers == found[0][:-1]
        assert [line["frame"] for line in answers] == list(range(6))
        assert summary["schema"] == "edgernn.stream"
        assert (summary["frames"], summary["answers"]) == (6, 6)
        assert summary["latency_us"]["p50"] > 0
    session = edgernn.StreamingSession(artifact)
    np.testing.assert_allclose([line["output"] for line in found[0][:-1]], list(session.run(frames)), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_wav_file_gives_its_samples(size: int, tmp_path: Path) -> None:
    signal = np.array([0.0, 0.5, -0.5, 0.25, -1.0, 0.75])
    integers = np.round(signal * 2.0 ** (8 * size - 1)).astype("i8") + (128 if size == 1 else 0)
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((2, size, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(int(n).to_bytes(size, "little", signed=size > 1) for n in integers))
    samples, rate = read_wav(tmp_path / "x.wav")
    assert rate == 8000
    np.testing.assert_allclose(samples, signal.reshape(-1, 2).mean(axis=1), atol=1e-6)


NOT_FINITE = "line 2, frame 1, input '.*': must be finite numbers. Found: "


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "no such file"),
        ("x.txt", b"1", "Found: '.txt'"),
        ("x.csv", b"a,b\n1,x\n", "line 2: must be numbers"),
        ("x.csv", b"1,2\n", "line 1, frame 0: must have the shape .* Found: .2.[.]\nhint: give as many numbers"),
        ("x.csv", b"a,b,c,d,e\n\n1,2,3,4,5\n1,2\n", "line 4, frame 1: must have the shape"),
        (
            "x.csv",
            b"1,2,3,4,x\n1,2,3,4,5\n",
            "line 1: must be numbers separated by commas, or JSON. Found: '1,2,3,4,x'",
        ),
        ("x.csv", b"1,2,3,4,5,\n", "line 1: .*\nhint: leave out the comma at the end"),
        ("x.csv", b"1;2;3;4;5\n", "line 1: .*\nhint: put commas between the numbers"),
        ("x.csv", b"0,1;2;3;4;5\n", "line 1: .*\nhint: put commas between the numbers, and points in them"),
        ("x.csv", b"a;b\n1;2\n", "line 2: .*\nhint: put commas between the numbers"),
        ("x.csv", b"1 2 3 4 5\n", "line 1: .*\nhint: put commas between the numbers"),
        ("x.csv", b"[1,2,3\n[1,2,3,4,5]\n", "line 1: .* Found: '.1,2,3'[.]\nhint: a line of JSON is"),
        ("x.csv", b"[" * 9999, "line 1: .*\nhint: a line of JSON is"),
        ("x.csv", b"[[1,2,3,4,5],[1]]\n", "line 1, frame 0, input '.*': must be an array of numbers"),
        ("x.csv", b'{"signal":[1,2,3,4,null]}\n', "line 1, frame 0"),
        ("x.csv", b"1,2,3,4,5\n\xff,2,3,4,5\n", "line 2: must be text in UTF-8. Found: other bytes[.]\nhint: save"),
        ("x.csv", "1,2,3,4,5\n".encode("utf-16"), "line 1: must be text in UTF-8"),
        ("x.csv", b"1,2,3,4,5\nnan,2,3,4,5\n", NOT_FINITE + "NaN at .0.[.]\nhint: leave such a frame out"),
        ("x.csv", b"1,2,3,4,5\n1,1e39,3,4,5\n", NOT_FINITE + "1e.39, which is beyond float32 at .1.[.]\nhint: scale"),
        ("x.csv", b"", "input '.*x.csv': must hold at least one frame. Found: none[.]\nhint: give a frame per line"),
        ("x.csv", b"\n \na,b,c,d,e\n", "must hold at least one frame"),
        ("x.npy", b"nothing", "must be a complete .npz or .npy file"),
        ("x.npy", b"", "must be a complete .npz or .npy file"),
        ("x.npz", b"PK", "must be a complete .npz or .npy file"),
        ("x.wav", b"RIFF", "must be an uncompressed WAV"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_bad_input_is_refused(
    name: str, content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = stream_of(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run(["stream", str(artifact), "--input", str(tmp_path / name)]) == 2
    assert re.search(words, capsys.readouterr().err)


def test_arrays_and_sounds_are_refused_by_the_number_of_the_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = stream_of(tmp_path)
    frames = np.zeros((4, 5))
    frames[2, 3] = np.nan
    for name, array, words in (
        ("nan", frames, "x.npy', frame 2, input '.*': must be finite numbers. Found: NaN at .3."),
        ("none", frames[:0], "must hold at least one frame. Found: none.\nhint: save an array .frames, features."),
        ("wide", np.zeros((2, 6)), "x.npy', frame 0: must have the shape"),
        ("text", np.array(["a"]), "must be .frames, features.. Found: <U1.1..\nhint: save"),
    ):
        np.save(tmp_path / "x.npy", array)
        assert run(["stream", str(artifact), "--input", str(tmp_path / "x.npy")]) == 2, name
        assert re.search(words, capsys.readouterr().err), name
    np.savez(tmp_path / "x.npz", a=frames[:2], b=frames)
    assert run(["stream", str(artifact), "--input", str(tmp_path / "x.npz")]) == 2
    assert "must have as many frames as each other. Found: 2 of 'a', 4 of 'b'" in capsys.readouterr().err
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(8))
    assert run(["stream", str(artifact), "--input", str(tmp_path / "x.wav")]) == 2
    assert "must hold at least one frame. Found: none.\nhint: record more: a frame takes 5" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf1,2,3,4,5\n0,0,0,0,0\n",
        b"\xef\xbb\xbfa,b,c,d,e\n1,2,3,4,5\n0,0,0,0,0\n",
        b'\r\n \r\n"a 1","b 2",,d,e\r\n1,2,3,4,5\r\n0,0,0,0,0',
        b"a;b;c\n1,2,3,4,5\n[0,0,0,0,0]\n",
    ],
    ids=["mark of UTF-8", "mark and names", "names after empty lines", "other names"],
)
@pytest.mark.parametrize("way", ["file", "pipe"])
def test_no_frame_is_lost_to_what_comes_before_it(
    content: bytes, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = stream_of(tmp_path)
    (tmp_path / "x.csv").write_bytes(content)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), encoding="latin-1"))
    source = "-" if way == "pipe" else str(tmp_path / "x.csv")
    assert run(["stream", str(artifact), "--input", source, "--json"]) == 0
    *answers, summary = lines_of(capsys)
    assert summary["frames"] == 2
    session = edgernn.StreamingSession(artifact)
    expected = list(session.run([np.array([1, 2, 3, 4, 5]), np.zeros(5)]))
    np.testing.assert_array_equal(np.array([line["output"] for line in answers], "f4"), np.stack(expected))


def test_lines_of_numbers_and_of_json_are_masked_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    layers = [keras.layers.Masking(0.1), keras.layers.GRU(4, return_sequences=True)]
    model = keras.Sequential([keras.Input((8, 3)), *layers])
    samples = np.random.default_rng(0).standard_normal((20, 8, 3)).astype("f4")
    options: dict[str, Any] = {"quantize": "int8", "calibration": samples, "target": "micro", "streaming": True}
    edgernn.convert(model, tmp_path / "s.tflite", **options)
    (tmp_path / "x.csv").write_text("1,2,3\n0.1,0.1,0.1\n[0.1,0.1,0.1]\n")
    arguments = ["stream", str(tmp_path / "s.tflite"), "--input", str(tmp_path / "x.csv"), "--runtime", "micro"]
    assert run([*arguments, "--json"]) == 0
    first, *masked, _ = lines_of(capsys)
    assert [line["output"] for line in masked] == [first["output"]] * 2


def test_frames_that_wait_are_no_steps_and_the_lack_of_answers_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    layers = [keras.layers.Conv1D(4, 5, strides=4), keras.layers.GRU(4)]
    keras.Sequential([keras.Input((24, 3)), *layers]).save(tmp_path / "m.keras")
    edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True)
    reason = "no answer: it needs 8 frames, a hop of 4 and a delay of 4."
    for frames, steps, words in ((3, 0, "; no step.\nnote: " + reason), (7, 1, reason), (12, 3, "")):
        np.save(tmp_path / "x.npy", np.ones((frames, 3)))
        arguments = ["stream", str(tmp_path / "s.tflite"), "--input", str(tmp_path / "x.npy")]
        assert run(arguments) == 0
        error = capsys.readouterr().err
        assert words in error
        assert ("no answer" in error) == bool(words)
        assert run([*arguments, "--json"]) == 0
        found = capsys.readouterr()
        assert ("no answer" in found.err) == bool(words)
        summary = json.loads(found.out.splitlines()[-1])
        assert (summary["frames"], summary["steps"]) == (frames, steps)
        assert (summary["latency_us"] is None) == (steps == 0)


def test_a_model_that_cannot_stream_is_refused_and_no_file_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    model = keras.Sequential([keras.Input((8, 3)), keras.layers.Bidirectional(keras.layers.GRU(3))])
    model.save(tmp_path / "m.keras")
    for extra in ([], ["--format", "c"]):
        output = tmp_path / "out"
        assert run(["convert", str(tmp_path / "m.keras"), "-o", str(output), "--streaming", *extra]) == 2
        error = capsys.readouterr().err
        assert "must be read from its beginning to its end" in error
        assert "use the forward layer alone" in error
        assert not output.exists()


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("gru.keras", "micro"),
        ("lstm.h5", "phone"),
        pytest.param("gru.keras", "phone", marks=pytest.mark.slow),
        pytest.param("lstm.h5", "micro", marks=pytest.mark.slow),
    ],
)
def test_verify_and_profile_take_a_stream(
    model: str, target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, source = str(tmp_path / "s.tflite"), str(folder() / model)
    options = [
        "--quantize",
        "int8",
        "--calibration",
        str(folder() / "calibration.npz"),
        "--target",
        target,
        "--streaming",
    ]
    runtime = "micro" if target == "micro" else "litert"
    assert run(["convert", source, "-o", output, *options]) == 0
    capsys.readouterr()
    assert run(["verify", source, output, "--data", str(folder() / "test.npz"), "--runtime", runtime, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["relative_error"] < 0.05
    assert run(["profile", output, "--runtime", runtime, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "tflite"


@pytest.mark.parametrize("rate", ["1e-300", "0", "-1", "nan", "inf", "-inf", "1e-6"])
def test_a_rate_that_no_sensor_has_is_refused(rate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stream", str(tmp_path / "none.tflite"), "--input", "-", "--rate", rate]) == 2
    assert "rate: must be at least 1e-05 frames per second" in capsys.readouterr().err
