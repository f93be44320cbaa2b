"""`edgernn stream --front-end`: a microphone's samples become the frames that the model was trained on."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

import edgernn
from edgernn.audio import LogMel
from edgernn.cli.main import run


def artifact(folder: Path, bands: int = 20) -> Path:
    """A stream over frames of so many bands."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((24, bands)), keras.layers.Conv1D(4, 3, padding="causal"), keras.layers.GRU(5)]
    keras.Sequential(layers).save(folder / "m.keras")
    edgernn.convert(folder / "m.keras", folder / "s.tflite", streaming=True)
    return folder / "s.tflite"


def write_wav(path: Path, rate: int = 16000) -> np.ndarray:
    """A second of noise; its samples as they are read back."""
    integers = np.random.default_rng(0).integers(-9000, 9000, rate).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(integers.tobytes())
    return integers / np.float32(32768)


def test_answers_are_those_of_the_whole_signals_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signal = write_wav(tmp_path / "x.wav")
    path = artifact(tmp_path)
    assert run(["stream", str(path), "--input", str(tmp_path / "x.wav"), "--front-end", "log-mel"]) == 0
    found = [json.loads(line)["output"] for line in capsys.readouterr().out.splitlines()]
    frames = LogMel().frames(signal)
    wanted = list(edgernn.StreamingSession(path).run(frames))
    assert len(found) == len(frames) == 49
    np.testing.assert_array_equal(np.array(found, "f4"), np.stack(wanted))


@pytest.mark.parametrize(
    ("name", "rate", "words"),
    [("x.wav", 8000, "must have 16000 samples per second. Found: 8000"), ("x.csv", 16000, "must be a .wav file")],
)
def test_what_does_not_fit_is_refused(
    name: str, rate: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / name, rate)
    path = artifact(tmp_path, 20)
    assert run(["stream", str(path), "--input", str(tmp_path / name), "--front-end", "log-mel"]) == 2
    assert words in capsys.readouterr().err
