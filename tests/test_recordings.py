"""Stateful models: recordings are cut into their windows, and states are carried from one to the next."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from keras_models import randomize

import edgernn
from edgernn.calibration import calibrate
from edgernn.converters.keras import read_model
from edgernn.errors import InputError
from edgernn.recordings import evaluate_recordings
from edgernn.samples import load_samples

Array = np.ndarray[Any, Any]


def stateful(window: int, *layers: Any, batch: int = 1, features: int = 3) -> Any:
    import keras

    model = keras.Sequential([keras.Input(batch_shape=(batch, window, features)), *layers])
    randomize(model, 3)
    return model


def recordings(count: int, steps: int, features: int = 3, seed: int = 1) -> Array:
    return np.cumsum(np.random.default_rng(seed).normal(0, 0.3, (count, steps, features)), axis=1).astype("f4")


@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("cell", ["SimpleRNN", "GRU", "LSTM"])
def test_windows_one_after_another_are_what_keras_gives_with_its_state(cell: str, window: int) -> None:
    import keras

    layers = keras.layers
    inside = [getattr(layers, cell)(4, stateful=True, return_sequences=True), layers.GRU(5, stateful=True)]
    model, x = stateful(window, *inside, layers.Dense(2)), recordings(3, 4 * window)
    expected = []
    for recording in x:
        for layer in model.layers[:2]:
            layer.reset_state()
        parts = np.split(recording[None], 4, axis=1)
        expected += [np.asarray(model(part))[0] for part in parts]
    read = read_model(model)
    assert read.stateful == 1
    samples = load_samples(x, read.graph, "data", stateful=1)
    found = evaluate_recordings(read.graph, samples.inputs, samples.recordings)
    np.testing.assert_allclose(found[read.outputs[0]], expected, atol=1e-5)


def test_what_a_state_reaches_in_a_recording_is_calibrated() -> None:
    """A sum over 200 frames is a hundred times what one frame gives."""
    import keras

    model = stateful(1, keras.layers.SimpleRNN(3, activation="linear", stateful=True))
    for weight, value in zip(model.weights, (np.eye(3), np.eye(3), np.zeros(3)), strict=True):
        weight.assign(value)
    read, x = read_model(model), np.abs(recordings(1, 200))
    samples = load_samples(x, read.graph, "data", stateful=1)
    ranges = calibrate(read.graph, samples.inputs, recordings=samples.recordings).ranges
    assert ranges[read.graph.outputs[0]].high == pytest.approx(x.sum(axis=1).max(), rel=1e-4)


@pytest.mark.parametrize(("steps", "note"), [(20, ""), (23, "the last 3 steps of each recording are left out")])
def test_recordings_of_any_length_are_cut(steps: int, note: str) -> None:
    import keras

    graph = read_model(stateful(5, keras.layers.GRU(2, stateful=True, return_sequences=True))).graph
    x = recordings(2, steps)
    samples = load_samples({"x": x, "y": x[:, :, :2]}, graph, "data", stateful=1)
    assert (samples.count, samples.recordings) == (8, 2)
    np.testing.assert_array_equal(samples.inputs[graph.inputs[0].name][4:], np.split(x[1, :20], 4))
    assert samples.targets is not None
    np.testing.assert_array_equal(samples.targets[:4], np.split(x[0, :20, :2], 4))
    assert " ".join(samples.notes).startswith(note)
    with pytest.raises(InputError, match=r"must have the shape \[samples, 5, 3\]. Found: \[2, 4, 3\]"):
        load_samples(x[:, :4], graph, "data", stateful=1)


def test_windows_belong_to_as_many_recordings_as_a_batch_has_rows() -> None:
    import keras

    model = stateful(5, keras.layers.GRU(2, stateful=True), batch=2)
    read, x = read_model(model), recordings(7, 5)
    assert read.stateful == 2
    samples = load_samples(x, read.graph, "data", stateful=2)
    assert (samples.recordings, len(samples.notes)) == (2, 1)
    np.testing.assert_array_equal(samples.inputs[read.inputs[0]], x[[0, 2, 4, 1, 3, 5]])


def spread_error(found: Array, expected: Array) -> float:
    return float(np.sqrt(np.mean((found - expected) ** 2)) / expected.std())


@cache
def long_recording(window: int) -> tuple[Any, Array, Array]:
    """A model, recordings for it, and what Keras answers to the last of them, window by window."""
    import keras

    layers = keras.layers
    model = stateful(window, layers.GRU(24, stateful=True, return_sequences=True), layers.Dense(4), features=6)
    x = recordings(5, 200, 6)
    x = x - x.mean(axis=1, keepdims=True)
    parts = np.split(x[4:], 200 // window, axis=1)
    return model, x, np.concatenate([np.asarray(model(part))[0] for part in parts])


@pytest.mark.parametrize(
    ("form", "given", "window"),
    [
        ("tflite", "windows", 1),
        ("c", "recordings", 1),
        ("tflite", "recordings", 5),
        ("c", "windows", 5),
        # Each pair of these stands above.
        pytest.param("c", "windows", 1, marks=pytest.mark.slow),
        pytest.param("c", "recordings", 5, marks=pytest.mark.slow),
        pytest.param("tflite", "windows", 5, marks=pytest.mark.slow),
        pytest.param("tflite", "recordings", 1, marks=pytest.mark.slow),
    ],
)
def test_a_stream_of_a_stateful_model_is_right_over_a_long_recording(
    form: str, given: str, window: int, tmp_path: Any
) -> None:
    model, x, expected = long_recording(window)
    test = x[4]
    calibration = x[:4] if given == "recordings" else x[:4].reshape(-1, window, 6)
    options: dict[str, Any] = {"format": "c"} if form == "c" else {"target": "micro"}
    path = tmp_path / ("model" if form == "c" else "model.tflite")
    edgernn.convert(model, path, quantize="int8", streaming=True, hop=window, calibration=calibration, **options)
    with edgernn.StreamingSession(path) as session:
        answers = [session.step(frames if window > 1 else frames[0]) for frames in np.split(test, 200 // window)]
    assert spread_error(np.reshape(answers, expected.shape), expected) < 0.04


@pytest.mark.parametrize("oracle", ["keras", "reference"])
@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("form", ["tflite", "c"])
@pytest.mark.parametrize("window", [1, 5])
def test_a_recording_is_verified_with_the_state_carried(
    window: int, form: str, sequences: bool, oracle: str, tmp_path: Any
) -> None:
    """In float32 every answer is Keras's, which no stream gives that begins each window anew, or never."""
    import keras

    gru = keras.layers.GRU(7, stateful=True, return_sequences=sequences)
    model, x = stateful(window, gru, keras.layers.Dense(2)), recordings(3, 8 * window)
    path = tmp_path / "model"
    options: dict[str, Any] = {"format": "c"} if form == "c" else {}
    edgernn.convert(model, path, streaming=True, hop=window, **options)
    result = edgernn.verify(model, path, x, oracle=oracle)
    assert (result.passed, result.samples) == (True, 24)
    assert result.relative_error < 1e-5
    one_by_one = edgernn.verify(model, path, x.reshape(-1, window, 3), oracle=oracle)
    assert one_by_one.passed
    assert one_by_one.outputs[0].spread != result.outputs[0].spread  # Keras, too, saw another recording


def test_a_stream_whose_state_saturates_is_told(tmp_path: Any) -> None:
    """A sum over ten times as many frames as calibration had."""
    import keras

    model = stateful(1, keras.layers.SimpleRNN(3, activation="relu", stateful=True))
    for weight, value in zip(model.weights, (np.eye(3), np.eye(3), np.zeros(3)), strict=True):
        weight.assign(value)
    x = np.random.default_rng(1).uniform(0, 1, (1, 300, 3))
    path = tmp_path / "model.tflite"
    edgernn.convert(model, path, quantize="int8", target="micro", streaming=True, calibration=x[:, :30])
    quiet, loud = edgernn.verify(model, path, x[:, :30]), edgernn.verify(model, path, x)
    assert not any(found.of_state for found in quiet.saturation)
    (state,) = (found for found in loud.saturation if found.of_state)
    assert 0.5 < state.fraction < 1
    assert 20 < state.high < 60  # thirty frames, of one half on average, and the room for twice as much
    assert not loud.passed


def test_targets_of_a_recording_are_scored() -> None:
    import keras

    gru = keras.layers.GRU(7, stateful=True, return_sequences=True)
    model = stateful(5, gru, keras.layers.Dense(3, activation="softmax"))
    x, labels = recordings(4, 40), np.random.default_rng(2).integers(0, 3, (4, 40))
    content = edgernn.convert(model, streaming=True, hop=5).content
    result = edgernn.verify(model, content, {"x": x, "y": labels})
    assert result.metric is not None
    assert (result.metric.name, result.metric.answers) == ("accuracy", 160)
    assert result.metric.artifact == pytest.approx(result.metric.keras)
