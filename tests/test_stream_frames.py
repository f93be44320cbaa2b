"""What a stream takes as a frame: real numbers as float32, ids that the model has, and states that only seem full."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import randomize
from numpy.typing import NDArray

import edgernn
from edgernn.errors import InputError

Array = NDArray[Any]
STEPS = 12
WAYS: dict[str, dict[str, Any]] = {
    "litert": {"streaming": True},
    "micro": {"streaming": True, "target": "micro"},
    "c": {"format": "c", "name": "model"},
}
ways = pytest.mark.parametrize("way", WAYS)


def stream(model: Any, path: Path, way: str, **options: Any) -> edgernn.StreamingSession:
    """The model as a stream on a runtime."""
    edgernn.convert(model, path / way, **WAYS[way], **options)
    return edgernn.StreamingSession(path / way, way)


def of_features(*layers: Any) -> Any:
    """A model of windows of three features."""
    import keras

    model = keras.Sequential([keras.Input((STEPS, 3), name="x"), *layers])
    randomize(model)
    return model


def noise(samples: int = 20) -> Array:
    return np.random.default_rng(7).standard_normal((samples, STEPS, 3)).astype("f4")


def of_ids(*before: Any, strides: int = 1) -> Any:
    """A model of windows of ids of a table of ten rows."""
    import keras

    ids = inner = keras.Input((STEPS,), dtype="int32", name="ids")
    for layer in before:
        inner = layer(inner)
    inner = keras.layers.Embedding(10, 3)(inner)
    if strides > 1:
        inner = keras.layers.Conv1D(4, strides, strides=strides)(inner)
    model = keras.Model(ids, keras.layers.GRU(4)(inner))
    randomize(model)
    return model


@ways
@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_frames_of_either_precision_are_masked_alike(scheme: str, way: str, tmp_path: Path) -> None:
    from keras import layers as k

    options = {"quantize": "int8", "calibration": noise()} if scheme == "int8" else {}
    session = stream(of_features(k.Masking(0.1), k.GRU(4, return_sequences=True)), tmp_path, way, **options)
    before = session.step(np.ones(3))
    for frame in (np.full(3, 0.1, "f4"), np.full(3, 0.1, "f8"), [0.1, 0.1, 0.1]):
        np.testing.assert_array_equal(session.step(frame), before)
    assert np.abs(session.step(np.full(3, 0.2)) - before).max() > 0


@pytest.mark.parametrize("name", ["gru", "two inputs"])
def test_numbers_that_are_none_are_refused_and_leave_the_stream_as_it_was(name: str, tmp_path: Path) -> None:
    import keras
    from keras import layers as k

    model, key, frame = of_features(k.GRU(4)), "x", {"x": np.ones(3)}
    if name == "two inputs":
        x, other = keras.Input((STEPS, 3), name="x"), keras.Input((2,), name="other")
        model = keras.Model([x, other], k.Concatenate()([k.GRU(4)(x), other]))
        key, frame = "other", {"x": np.ones(3), "other": np.ones(2)}
    session = stream(model, tmp_path, "litert")
    expected = [session.step(frame) for _ in range(2)]
    session.reset()
    np.testing.assert_array_equal(session.step(frame), expected[0])
    bad: list[tuple[Any, str]] = [
        (np.full(frame[key].shape, 1e39), "1e\\+39, which is beyond float32 at .0.. Hint: scale"),
        ([1e39] * len(frame[key]), "beyond float32"),
        ([np.nan] * len(frame[key]), "NaN at .0.. Hint: leave such a frame out"),
        (np.full(frame[key].shape, -np.inf), "an infinite number at .0."),
        ([[1, 2], [3]], "an array of numbers. Found: no array, such as rows of different lengths. Hint: give"),
        ([10**40] * len(frame[key]), "integers beyond 64 bits"),
        (None, "objects, such as null"),
        (np.zeros(frame[key].shape, complex), "complex numbers"),
    ]
    for numbers, words in bad:
        with pytest.raises(InputError, match=f"frame 1, input '{key}': must be .*{words}"):
            session.step({**frame, key: numbers})
    assert (session.frames, session.steps) == (1, 1)
    np.testing.assert_array_equal(session.step(frame), expected[1])


@ways
def test_only_ids_of_the_table_reach_the_model(way: str, tmp_path: Path) -> None:
    session = stream(of_ids(), tmp_path, way)
    expected = [session.step(number) for number in (0, 9)]
    session.reset()
    np.testing.assert_array_equal(session.step([0]), expected[0])
    for number, words in (
        (10, "must be ids from 0 to 9. Found: 10. Hint: ids count from 0"),
        (-1, "Found: -1"),
        (5_000_000, "Found: 5000000"),
        (2**40, "Found: 1099511627776"),
        (np.uint64(2**63), "Found: 9223372036854775808"),
        (1e30, "must be ids"),
        ([1.7], r"must be whole numbers. Found: 1.7 at \[0\]. Hint: ids"),
        (np.nan, "must be finite numbers. Found: NaN"),
    ):
        with pytest.raises(InputError, match=f"frame 1, input 'ids': .*{words}"):
            session.step(number)
    np.testing.assert_array_equal(session.step(9.0), expected[1])


@ways
def test_ids_are_checked_in_whole_hops_and_behind_layers_that_only_move_them(way: str, tmp_path: Path) -> None:
    from keras import layers as k

    session = stream(of_ids(k.Reshape((STEPS, 1)), k.Reshape((STEPS,)), strides=4), tmp_path, way)
    assert session.hop == 4
    expected = session.step(np.array([1, 2, 3, 4]))
    with pytest.raises(InputError, match=r"must be ids from 0 to 9. Found: 10 at \[2\]"):
        session.step(np.array([1, 2, 10, 4]))
    session.reset()
    answers = [session.step([number]) for number in (1.0, 2.0, 3.0, 4.0)]  # a line of a .csv each
    assert answers[:3] == [None] * 3
    np.testing.assert_array_equal(answers[3], expected)


def test_a_folder_of_c_with_ids_says_how_many_rows_there_are_and_is_verified(tmp_path: Path) -> None:
    import json

    model = of_ids()
    edgernn.convert(model, tmp_path / "c", format="c", name="model")
    assert json.loads((tmp_path / "c" / "edgernn.json").read_text())["inputs"][0]["rows"] == 10
    ids = np.random.default_rng(0).integers(0, 10, (5, STEPS))
    assert edgernn.verify(model, tmp_path / "c", data={"ids": ids}).relative_error < 1e-5


@ways
def test_a_maximum_that_waits_for_its_first_frame_is_not_saturated(way: str, tmp_path: Path) -> None:
    from keras import layers as k

    model = of_features(k.Conv1D(4, 6), k.GlobalMaxPooling1D(), k.Dense(2))  # answers have room, what is inside has not
    session = stream(model, tmp_path, way, quantize="int8", calibration=noise())
    for _ in range(30):
        session.step(np.full(3, 0.01))
    assert session.saturated == {}
    if way == "c":
        return  # its states are wider than what an int8 input can drive to an end
    for _ in range(12):
        session.step(np.full(3, 100.0))
    assert session.saturated is not None
    assert [name for name in session.saturated if "largest" in name] == list(session.saturated) != []


def test_only_steps_of_the_model_are_counted_as_such(tmp_path: Path) -> None:
    from keras import layers as k

    session = stream(of_features(k.Conv1D(4, 4, strides=4), k.GRU(4)), tmp_path, "litert")
    counts = []
    for frame in noise(1)[0]:
        session.step(frame)
        counts.append(session.steps)
    assert counts == [number // session.hop for number in range(1, STEPS + 1)]
    session.reset()
    assert session.steps == 0


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((1, 1, 3)), r"Found: \[1, 1, 3\]. Hint: leave the batch axis out"),
        (np.zeros((STEPS, 3)), "Hint: give the frames 4 at a time, or one by one"),
        (np.zeros(2), "Hint: give as many numbers as the model was trained on"),
        ({}, "frame 1: must hold x. Found: nothing. Hint: add 'x'"),
        ({"x": np.zeros(3), "y": 1}, "Found: x, y. Hint: leave out what is no input"),
        (np.zeros((4, 3)), "frame 1: must be a single one until the hop is full. .* Hint: give 3 more"),
    ],
)
def test_frames_of_another_form_are_refused_with_what_to_do(frame: Any, words: str, tmp_path: Path) -> None:
    from keras import layers as k

    session = stream(of_features(k.Conv1D(4, 4, strides=4), k.GRU(4)), tmp_path, "litert")
    session.step(np.zeros(3))
    with pytest.raises(InputError, match=words):
        session.step(frame)


@pytest.mark.parametrize("artifact", [None, 3, object()])
def test_what_is_no_artifact_is_refused(artifact: Any) -> None:
    words = r"artifact: must be a path, the bytes of a .tflite, or .* Found: .* Hint: give"
    with pytest.raises(InputError, match=words):
        edgernn.StreamingSession(artifact)
