"""What verify and inspect tell of streams, what converting them takes, and how their answers are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from streamed_models import fixed
from test_stream_pass import MODELS, STEPS, sequential

import edgernn
from edgernn.devices.host.session import open_session
from edgernn.errors import InputError, UnsupportedError

Array = NDArray[Any]


def verified(model: Any, folder: Path, x: Array, **options: Any) -> edgernn.VerifyResult:
    model.save(folder / "m.keras")
    edgernn.convert(folder / "m.keras", folder / "s.tflite", streaming=True, **options)
    return edgernn.verify(folder / "m.keras", folder / "s.tflite", x)


def test_a_stream_of_ids_is_verified(tmp_path: Path) -> None:
    import keras
    from keras import layers as k

    model = keras.Sequential([keras.Input((9,), dtype="int32"), k.Embedding(7, 4), k.GRU(5)])
    x = np.random.default_rng(1).integers(0, 7, (6, 9)).astype("int32")
    assert verified(model, tmp_path, x).relative_error < 1e-5


def test_of_a_stream_that_is_late_the_steps_that_it_gives_are_verified(tmp_path: Path) -> None:
    model = sequential(3, lambda k: [k.Conv1D(4, 5, padding="same"), k.GRU(5, return_sequences=True)])
    x = np.random.default_rng(1).standard_normal((6, STEPS, 3)).astype("f4")
    found = verified(model, tmp_path, x, lookahead=2, steps=STEPS)
    assert found.relative_error < 1e-5
    assert "gives them later" in " ".join(found.notes)


def test_a_stream_of_a_model_of_any_length_is_verified_over_the_samples_length(tmp_path: Path) -> None:
    for steps in (5, 17):
        x = np.random.default_rng(1).standard_normal((6, steps, 3)).astype("f4")
        found = verified(sequential(3, MODELS["cropped behind, every step"][2]), tmp_path, x)
        assert found.relative_error < 1e-5


def test_an_int8_stream_of_a_model_of_any_length_is_calibrated_over_the_samples_length(tmp_path: Path) -> None:
    x = np.random.default_rng(1).standard_normal((20, 31, 3)).astype("f4")
    options: dict[str, Any] = {"quantize": "int8", "target": "micro", "calibration": x}
    found = verified(sequential(3, MODELS["valid, every step"][2]), tmp_path, x, **options)
    edgernn.convert(tmp_path / "m.keras", tmp_path / "window.tflite", steps=31, **options)
    window = edgernn.verify(tmp_path / "m.keras", tmp_path / "window.tflite", x)
    assert found.relative_error == pytest.approx(window.relative_error, rel=0.01)


BEYOND = (10**25, -(10**25), 10**5000)  # Python writes out no number of so many digits


@pytest.mark.parametrize(
    "wrong",
    [{"hop": "2"}, {"hop": 2.5}, {"hop": True}, {"hop": 0}, {"lookahead": 1.5}, {"lookahead": -1}, {"lookahead": None},
     *({name: number} for name in ("hop", "lookahead", "steps") for number in BEYOND)],
    ids=lambda wrong: " ".join(wrong),
)  # fmt: skip
def test_options_of_a_stream_that_are_no_whole_numbers_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    fixed("gru", tmp_path / "m.keras")
    with pytest.raises(InputError, match="whole number"):
        edgernn.convert(tmp_path / "m.keras", streaming=True, **wrong)


@pytest.mark.parametrize("format", ["tflite", "c"])
@pytest.mark.parametrize("hop", [2**31 - 2, 2**21])
def test_a_hop_that_no_step_can_hold_is_refused_before_it_takes_memory(format: str, hop: int, tmp_path: Path) -> None:
    import keras

    wide = keras.layers.Dense(30)  # behind it, 2**21 frames of one column have too many numbers too
    keras.Sequential([keras.Input((12, 1)), wide, keras.layers.GRU(2)]).save(tmp_path / "m.keras")
    with pytest.raises(UnsupportedError, match=rf"no tensor of more than 4194304 elements.*a hop of {hop} frames"):
        edgernn.convert(tmp_path / "m.keras", streaming=True, hop=hop, format=format)


@pytest.mark.parametrize("state", ["io", "internal"])
def test_answers_have_the_names_of_the_models_outputs(state: str) -> None:
    import keras
    from keras import layers as k

    x = keras.Input((8, 3), name="x")
    h, *last = k.LSTM(4, return_sequences=True, return_state=True, name="lstm")(x)
    model = keras.Model(x, {"every": k.Dense(2)(h), "largest": k.GlobalMaxPooling1D()(h), "cell": last[1]})
    content = edgernn.convert(model, streaming=True, state=state).content
    with edgernn.StreamingSession(content) as session:
        answers = session.step(np.ones(3))
    assert set(answers) == {"every", "largest", "cell"}
    window = open_session(edgernn.convert(model).content, "litert")
    assert [info.name for info in session.outputs] == [info.name for info in window.outputs]


def test_inspect_counts_what_a_step_of_a_stream_costs(tmp_path: Path) -> None:
    fixed("plain", tmp_path / "m.keras")  # SimpleRNN of 4 units on 2 features, and 3 outputs
    for hop in (1, 3):
        edgernn.convert(tmp_path / "m.keras", tmp_path / "s.tflite", streaming=True, hop=hop)
        found = edgernn.inspect(tmp_path / "s.tflite")
        per_frame = 4 * (2 + 4) + 4 * 3
        assert (found.macs, found.macs_per_step) == (hop * per_frame, per_frame)
        assert found.parameters == 4 * (2 + 4) + 4 + 4 * 3 + 3
