"""`edgernn stream` reads frames from files and standard input and prints a line of JSON for each answer."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.streaming.frames import read_wav


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
    rows = [",".join(map(str, frame.tolist())) for frame in frames]
    (tmp_path / "x.csv").write_text("\n".join([",".join(f"c{k}" for k in range(features)), *rows, ""]))
    texts = {"x.csv": "", "x.npy": "", "-": "\n".join(json.dumps(frame.tolist()) for frame in frames)}
    found = []
    for name, text in texts.items():
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert run(["stream", str(artifact), "--input", name if name == "-" else str(tmp_path / name), "--json"]) == 0
        found.append(lines_of(capsys))
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


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "no such file"),
        ("x.txt", b"1", "Found: '.txt'"),
        ("x.csv", b"a,b\n1,x\n", "line 2: must be numbers"),
        ("x.csv", b"1,2\n", "must have the shape"),
        ("x.npy", b"nothing", "must be an array of numbers"),
        ("x.wav", b"RIFF", "must be an uncompressed WAV"),
    ],
)
def test_bad_input_is_refused(
    name: str, content: bytes | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = stream_of(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run(["stream", str(artifact), "--input", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err


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


@pytest.mark.parametrize("model", ["gru.keras", "lstm.h5"])
@pytest.mark.parametrize("target", ["phone", "micro"])
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
