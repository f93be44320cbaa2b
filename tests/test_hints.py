"""What is answered to words and models that are not quite right: understood, or told what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import screen_results
from hypothesis import given
from hypothesis import strategies as st

import edgernn
from edgernn.cli.main import run
from edgernn.converters.keras import known
from edgernn.converters.keras.instead import GENERAL, instead_of
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.boards import boards
from edgernn.devices.host.litert import makers_hint, refused
from edgernn.errors import InputError, UnsupportedError
from edgernn.names import format_named, scheme_named, target_named
from edgernn.targets import SCHEMES, TARGETS

Captured = pytest.CaptureFixture[str]
MODEL = str(screen_results.folder() / "model.h5")
SAMPLES = str(screen_results.folder() / "samples.npz")


# --- words ---


@given(st.sampled_from([*SCHEMES, "auto"]), st.randoms(use_true_random=False))
def test_case_and_marks_between_do_not_matter(scheme: str, chance: Any) -> None:
    letters = [chance.choice((letter, letter.upper())) + chance.choice(("", "", "-", "_", " ")) for letter in scheme]
    meant = scheme_named("".join(letters))
    assert meant == scheme if scheme != "auto" else meant in ("auto", "".join(letters))
    assert scheme_named(scheme) == scheme


@pytest.mark.parametrize(
    ("word", "scheme"),
    [("INT8", "int8"), ("8bit", "int8"), ("8-bit", "int8"), ("Float32", "float32"), ("fp16", "float16"),
     ("half", "float16"), ("INT16X8", "int16x8"), ("16x8", "int16x8"), ("dynamic-range", "dynamic")],
)  # fmt: skip
def test_other_names_of_schemes_are_understood(word: str, scheme: str) -> None:
    assert scheme_named(word) == scheme


@pytest.mark.parametrize("board", boards(), ids=lambda board: board.name)
def test_a_board_is_a_kind_of_device(board: Any) -> None:
    target = target_named(board.name.upper())
    assert target == ("micro" if board.kind == "micro" else "phone")
    assert target in TARGETS


def test_words_that_mean_the_same_make_the_same_file(tmp_path: Path) -> None:
    samples = ("--calibration", SAMPLES, "--no-measure")
    for name, words in (
        ("a", ("--quantize", "int8", "--target", "micro")),
        ("b", ("--quantize", "8bit", "--target", "ESP32", "--format", "TFLITE")),
    ):
        assert run(["convert", MODEL, "-o", str(tmp_path / name), *words, *samples]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert format_named("C99") == "c"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("--format", "c", "--quantize", "int16x8"), "in C its activations have 16 bits anyway"),
        (("--format", "c", "--quantize", "dynamic"), "--quantize int8"),
        (("--quantize", "uint8"), "--quantize int8"),
        (("--quantize", "int4"), "8 bits are the fewest"),
        (("--quantize", "bf16"), "--quantize float16"),
        (("--format", "onnx"), "edgernn writes .tflite and C"),
        (("--format", "cpp"), "--format c"),
        (("--target", "c"), "--format c"),
        (("--quantize", "innt8"), "did you mean 'int8'?"),
    ],
)
def test_near_misses_are_answered_to_the_point(words: tuple[str, ...], answer: str, capsys: Captured) -> None:
    assert run(["convert", MODEL, "-o", "never.tflite", *words]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert answer in hint
    assert not Path("never.tflite").exists()


# --- models ---


def test_no_class_of_keras_is_answered_with_the_nearest_in_the_alphabet() -> None:
    import keras

    layers = {name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)}
    aliases = {name for name in layers if getattr(keras.layers, name).__name__ != name}
    for name in sorted(layers - aliases - known.SUPPORTED):
        assert not instead_of(name).startswith("closest"), name
    for name in ("Layer", "Wrapper"):
        assert instead_of(name) == GENERAL


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("Attention", "return_sequences=False"),
        ("MultiHeadAttention", "GlobalAveragePooling1D"),
        ("Conv2D", "keras.layers.Conv1D"),
        ("MaxPooling2D", "keras.layers.Conv1D and its kin"),
        ("TextVectorization", "keras.layers.Embedding"),
        ("StringLookup", "keras.layers.Embedding"),
        ("RandomFlip", "leave it out of the model"),
        ("RMSNormalization", "LayerNormalization"),
        ("Lambda", "outside of the model"),
        ("LTSM", "'LSTM'"),
        ("GRUV2", "'GRU'"),
        ("Gizmo", GENERAL),
    ],
)
def test_a_class_that_is_not_read_is_told_what_to_do(name: str, way: str) -> None:
    assert way in instead_of(name)


def test_a_subclassed_model_is_called_that_and_the_way_out_works(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.gru, self.dense = keras.layers.GRU(4), keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(self.gru(x))

        def get_config(self) -> dict[str, Any]:
            return {}

    net = Net(name="net")
    x = np.random.default_rng(0).standard_normal((3, 5, 3)).astype("f4")
    wanted = np.asarray(net(x))
    net.save(tmp_path / "net.keras")
    for model in (net, tmp_path / "net.keras"):
        with pytest.raises(UnsupportedError) as caught:
            edgernn.convert(model)
        assert "'Net', a subclassed model" in caught.value.message
    recipe = caught.value.hint
    for line in ("x = keras.Input((steps, features))", "model = keras.Model(x, net.call(x))"):
        assert line in recipe
    names = {"keras": keras, "net": net, "steps": 5, "features": 3}
    exec("x = keras.Input((steps, features)); model = keras.Model(x, net.call(x))", names)
    edgernn.convert(names["model"], tmp_path / "m.tflite")
    np.testing.assert_allclose(np.asarray(names["model"](x)), wanted, atol=1e-6)
    np.savez(tmp_path / "x.npz", x=x)
    assert edgernn.verify(names["model"], tmp_path / "m.tflite", tmp_path / "x.npz", oracle="reference").passed


# --- files that a runtime does not take ---


def test_the_blame_for_a_file_is_its_makers() -> None:
    ours = read_tflite(screen_results.converted().content)
    foreign = replace(ours, description="MLIR Converted.")
    older = replace(ours, description='{"edgernn": "0.0.1", "target": "micro"}')
    assert "making it again changes nothing" in makers_hint(ours)
    assert "fault of edgernn" in makers_hint(ours)
    assert "make it again with this one" in makers_hint(older)
    assert "fault" not in makers_hint(foreign)
    error = InputError("no.")
    assert "fault of edgernn" in refused("TFLite-Micro", ours, error).hint
    assert "--target micro" in refused("TFLite-Micro", foreign, error).hint
