"""What `check` says without samples is what a conversion with samples then costs; all obstacles come at once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import folder

import edgernn
from edgernn.checking import CheckResult, Way
from edgernn.cli.main import run


@cache
def model(kind: str) -> Any:
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(4)
    stacks = {
        "lstm": [keras.Input((40, 9)), layers.LSTM(33), layers.Dense(6, activation="softmax")],
        "both ways": [
            keras.Input((64, 6)),
            layers.Conv1D(12, 5, activation="relu"),
            layers.Bidirectional(layers.GRU(24)),
            layers.Dense(1),
        ],
    }
    return keras.Sequential(stacks[kind])


@cache
def checked(kind: str) -> CheckResult:
    found: CheckResult = edgernn.check(model(kind))
    return found


def way(found: CheckResult, target: str, scheme: str) -> Way:
    (only,) = [each for each in found.ways if (each.target, each.scheme) == (target, scheme)]
    return only


@pytest.mark.parametrize("kind", ["lstm", "both ways"])
def test_what_is_told_is_what_a_conversion_then_costs(kind: str, tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal((60, *model(kind).input_shape[1:])).astype("f4")
    found = checked(kind)
    assert (found.convertible, found.obstacles) == (True, ())
    assert found.parameters == model(kind).count_params()
    for target, scheme, most in (("phone", "float32", 0), ("phone", "int8", 0.15), ("micro", "int8", 0.15)):
        made = edgernn.convert(model(kind), quantize=scheme, target=target, calibration=x)
        told = way(found, target, scheme)
        assert told.size is not None
        assert abs(told.size / made.size - 1) <= most
    profiled = edgernn.profile(made.content, board="arduino-nano-33-ble", runs=1, min_seconds=0.01)
    assert profiled.micro is not None
    assert profiled.micro.smallest is not None
    told = way(found, "micro", "int8")
    assert told.memory is not None
    assert abs(told.memory / profiled.micro.smallest - 1) <= 0.25
    assert "arduino-nano-33-ble" in told.boards
    edgernn.convert(model(kind), tmp_path / "c", format="c", quantize="int8", calibration=x)
    own = json.loads((tmp_path / "c/edgernn.json").read_text())
    told = way(found, "c", "int8")
    assert told.size is not None
    assert (
        abs(told.size / own["constant_bytes"] - 1) <= 0.1
    )  # tables of functions are as long as their arguments' range


def test_a_stream_is_told_and_why_there_is_none() -> None:
    assert (checked("lstm").streams, checked("lstm").stream_reason) == (True, "1 frame at a time")
    assert not checked("both ways").streams
    assert "runs from the end" in checked("both ways").stream_reason


def test_steps_that_are_left_open_are_told() -> None:
    found = edgernn.check(folder() / "open.keras")
    assert any("leaves the number of steps open" in note for note in found.notes)
    assert found.inputs == {"signal": (100, 5)}
    assert edgernn.check(folder() / "open.keras", steps=7).inputs == {"signal": (7, 5)}


def test_a_way_that_is_refused_says_why() -> None:
    """A mask that is taken from what a Dense made, which an integer scheme would round."""
    import keras

    layers = keras.layers
    masked = keras.Sequential(
        [keras.Input((8, 3)), layers.Dense(4, activation="relu"), layers.Masking(), layers.GRU(5), layers.Dense(2)]
    )
    found = edgernn.check(masked)
    assert found.convertible
    assert "a mask must be taken from a model input" in way(found, "phone", "int8").refused
    assert way(found, "phone", "float32").refused == ""


@cache
def unsupported() -> Any:
    import keras

    layers = keras.layers
    entry = keras.Input((20, 9, 1))
    x = layers.ConvLSTM1D(4, 3)(layers.Reshape((20, 9, 1))(entry))
    x = layers.Reshape((7, 4))(x)
    x = layers.Conv1D(8, 3, data_format="channels_first", padding="same")(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.BatchNormalization()(x))
    x = layers.TimeDistributed(layers.Normalization(mean=0.0, variance=1.0))(layers.LayerNormalization()(x))
    x = layers.PReLU()(layers.Dense(4)(x))
    return keras.Model(entry, layers.GRU(8)(layers.MultiHeadAttention(2, 8)(x, x)))


def test_every_obstacle_is_named_whatever_its_kind() -> None:
    found = edgernn.check(unsupported())
    assert not found.convertible
    assert found.ways == ()
    text = "\n".join(message for message, _ in found.obstacles)
    for word in ("ConvLSTM1D", "MultiHeadAttention", "data_format"):
        assert text.count(word) == 1
    assert all(hint for _, hint in found.obstacles)


def test_without_tflite_micro_no_board_is_called_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgernn.checking.on_micro", lambda content: None)
    found = way(edgernn.check(model("lstm")), "micro", "int8")
    assert (found.memory, found.boards, found.refused) == (None, (), "")
    assert found.size
    assert "esp32" not in found.too_small  # a board whose flash is too small is one, whatever memory is needed


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model("lstm").save(tmp_path / "lstm.keras")
    assert run(["check", str(tmp_path / "lstm.keras")]) == 0
    text = capsys.readouterr().out
    assert "as a stream  1 frame at a time" in text
    assert "float16" in text
    assert run(["check", str(tmp_path / "lstm.keras"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["convertible"], len(document["ways"])) == ("edgernn.check", True, 10)
    unsupported().save(tmp_path / "un.keras")
    assert run(["check", str(tmp_path / "un.keras")]) == 1
    assert "cannot be converted: 3 obstacles" in capsys.readouterr().out
    assert run(["check", str(tmp_path / "none.keras")]) == 2


def test_layers_are_listed_and_one_is_told_about(capsys: pytest.CaptureFixture[str]) -> None:
    from edgernn.converters.keras.layers import READERS

    assert run(["layers", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {name for layer in document["layers"] for name in layer["names"]} == set(READERS)
    assert run(["layers", "LSTM"]) == 0
    assert "initial_state" in capsys.readouterr().out
    assert run(["layers", "LTSM"]) == 2
    assert "LSTM" in capsys.readouterr().err
