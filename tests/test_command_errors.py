"""Bad input at the command line: one line and a hint, exit status 2, no traceback, nothing written, old files kept."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import randomize

from edgernn.cli.main import run

STEPS, FEATURES = 7, 5
CONVERT = ("convert", "model.keras", "-o", "out.tflite")
INT8 = (*CONVERT, "--quantize", "int8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, good samples, and many kinds of bad ones."""
    import keras

    folder = tmp_path_factory.mktemp("made")
    layers = keras.layers
    model = keras.Sequential([keras.Input((STEPS, FEATURES), name="x"), layers.GRU(4), layers.Dense(2)])
    randomize(model, 1)
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    good = np.random.default_rng(0).standard_normal((20, STEPS, FEATURES)).astype("f4")
    np.savez(folder / "good.npz", x=good)
    np.savez(folder / "empty.npz", x=good[:0])
    np.savez(folder / "shape.npz", x=good[:, :3])
    np.savez(folder / "names.npz", a=good, b=good)
    np.savez(folder / "nan.npz", x=np.where(good > 2, np.nan, good))
    np.savez(folder / "pickle.npz", x=np.asarray([Trap(str(folder / "ran"))], dtype=object))
    content = (folder / "model.keras").read_bytes()
    (folder / "cut.keras").write_bytes(content[: len(content) // 2])
    (folder / "flipped.keras").write_bytes(content[:200] + bytes(b ^ 0xFF for b in content[200:400]) + content[400:])
    (folder / "cut.h5").write_bytes((folder / "model.h5").read_bytes()[:4000])
    (folder / "folder").mkdir()
    (folder / "text.keras").write_text("no model at all")
    (folder / "cut.npz").write_bytes((folder / "good.npz").read_bytes()[:300])
    poisoned = [np.full_like(weight, np.nan) if k == 1 else weight for k, weight in enumerate(model.get_weights())]
    model.set_weights(poisoned)
    model.save(folder / "poisoned.keras")
    open_steps = keras.Sequential([keras.Input((None, FEATURES)), layers.GRU(4)])
    open_steps.save(folder / "open.keras")
    lambdas = [keras.Input((STEPS, FEATURES)), layers.Lambda(lambda x: x * 2), layers.ConvLSTM1D(2, 1), layers.GRU(4)]
    keras.Sequential([lambdas[0], lambdas[1], lambdas[3]]).save(folder / "lambda.keras")
    return folder


class Trap:
    """Its pickle makes a file when it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.path,))


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "missing model": (("convert", "no.keras", "-o", "out.tflite"), "no.keras"),
    "not a model": (("convert", "text.keras", "-o", "out.tflite"), "text.keras"),
    "a folder": (("convert", ".", "-o", "out.tflite"), "folder"),
    "truncated .keras": (("convert", "cut.keras", "-o", "out.tflite"), "cut.keras"),
    "corrupt .keras": (("convert", "flipped.keras", "-o", "out.tflite"), "flipped.keras"),
    "truncated .h5": (("convert", "cut.h5", "-o", "out.tflite"), "cut.h5"),
    "lambda": (("convert", "lambda.keras", "-o", "out.tflite"), "Lambda"),
    "weights with NaN": (("convert", "poisoned.keras", "-o", "out.tflite"), "gru"),
    "open steps": (("convert", "open.keras", "-o", "out.tflite"), "--steps"),
    "no calibration": (INT8, "--calibration"),
    "missing calibration": ((*INT8, "--calibration", "no.npz"), "no.npz"),
    "empty calibration": ((*INT8, "--calibration", "empty.npz"), "empty.npz"),
    "calibration of another shape": ((*INT8, "--calibration", "shape.npz"), "shape.npz"),
    "calibration under other names": ((*INT8, "--calibration", "names.npz"), "names.npz"),
    "calibration with NaN": ((*INT8, "--calibration", "nan.npz"), "nan.npz"),
    "calibration with a pickle": ((*INT8, "--calibration", "pickle.npz"), "pickle.npz"),
    "truncated calibration": ((*INT8, "--calibration", "cut.npz"), "cut.npz"),
    "unknown scheme": ((*CONVERT, "--quantize", "int4"), "int4"),
    "unknown target": ((*CONVERT, "--target", "fone"), "phone"),
    "unknown form": ((*CONVERT, "--form", "whille"), "while"),
    "scheme that the target lacks": ((*CONVERT, "--target", "micro", "--quantize", "dynamic"), "int8"),
    "form that the scheme lacks": ((*INT8, "--calibration", "good.npz", "--form", "fused"), "float32"),
    "form that the cell lacks": ((*CONVERT, "--form", "fused"), "single LSTM"),
    "output below a file": (("convert", "model.keras", "-o", "text.keras/out.tflite"), "text.keras"),
    "history with a slash": (("profile", "model.keras", "--history", "new/"), "must be a file"),
    "output of a variable that is not set": (("convert", "model.keras", "-o", "", "--format", "c"), "empty"),
    "hop beyond every number": ((*CONVERT, "--streaming", "--hop", "9" * 25), "2147483647"),
    "inspect nothing": (("inspect", "no.tflite"), "no.tflite"),
    "inspect text": (("inspect", "text.keras"), "text.keras"),
    "verify a model that is none": (("verify", "model.keras", "text.keras", "--data", "good.npz"), "text.keras"),
}


@pytest.mark.parametrize("name", BAD)
def test_it_is_refused(
    name: str, made: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    output = made / "out.tflite"
    output.write_bytes(b"an older artifact")
    before = sorted(path.name for path in made.iterdir())
    arguments, found = BAD[name]
    assert run(arguments) == 2
    result = capfd.readouterr()
    assert result.out == ""
    lines = result.err.strip().splitlines()
    assert lines[0].startswith("error: ")
    assert found in result.err
    assert lines[-1].startswith("hint: ")
    assert "Traceback" not in result.err
    assert output.read_bytes() == b"an older artifact"
    assert sorted(path.name for path in made.iterdir()) == before
    assert not (made / "ran").exists(), "the pickle ran"


def test_a_failed_check_is_exit_status_1(
    made: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    assert run(["convert", "model.keras", "-o", "checked.tflite", "--quantize", "dynamic"]) == 0
    verify = ["verify", "model.keras", "checked.tflite", "--data", "good.npz"]
    assert run(verify) == 0
    assert run([*verify, "--tolerance", "1e-9"]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_pickles_really_would_run(tmp_path: Path) -> None:
    """The trap works; otherwise the test above proves nothing."""
    pickle.loads(pickle.dumps(Trap(str(tmp_path / "ran"))))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("position", range(0, 9000, 211))
def test_a_damaged_artifact_is_a_clean_error(
    position: int, made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = made / "whole.tflite"
    if not good.exists():
        assert run(["convert", str(made / "model.keras"), "-o", str(good)]) == 0
    content = good.read_bytes()
    for name, damaged in {
        "cut": content[: position % len(content)],
        "flipped": content[: position % len(content)] + b"\xff\xff\xff\x7f" + content[position % len(content) + 4 :],
    }.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(damaged)
        assert run(["inspect", str(path)]) in (0, 2)
        result = capfd.readouterr()
        assert "internal error" not in result.err
        assert "Traceback" not in result.err
