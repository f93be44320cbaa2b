"""States that are inputs and outputs of an integer artifact: the bytes of one call are the next call's, for many calls.

The models are those of decoders and of frame-by-frame filters: `initial_state` from inputs, `return_state` to outputs.
The oracle is Keras, which is fed its own float states.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import randomize
from numpy.typing import NDArray

import edgernn
from edgernn.converters.keras.reader import read_model
from edgernn.devices.host.session import Session, open_session
from edgernn.quantization import carried_on

Array = NDArray[Any]
FEATURES, UNITS, CALLS = 5, 12, 40
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "gru-before": ("GRU", {"reset_after": False}),
    "rnn": ("SimpleRNN", {}),
    "rnn-relu": ("SimpleRNN", {"activation": "relu"}),
    "packed-lstms": ("LSTM", {}),
}
# How an artifact is made, and what runs it.
WAYS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "phone, 8 bits": ({"quantize": "int8", "io": "int8"}, ("litert",)),
    "phone, 8 bits, 16 outside": ({"quantize": "int8", "io": "int16"}, ("litert",)),
    "phone, 8 bits, floats outside": ({"quantize": "int8"}, ("litert",)),
    "phone, 16 bits": ({"quantize": "int16x8", "io": "int16"}, ("litert",)),
    "micro, 8 bits": ({"quantize": "int8", "target": "micro"}, ("litert", "micro")),
    "micro, 16 bits": ({"quantize": "int16x8", "target": "micro"}, ("micro",)),
    "c, 8 bits": ({"quantize": "int8", "format": "c"}, ("c",)),
    "c, 16 bits": ({"quantize": "int8", "format": "c", "io": "int16"}, ("c",)),
    "c, floats outside": ({"quantize": "int8", "format": "c", "io": "float32"}, ("c",)),
}
ROWS = [
    *((cell, 1, way) for cell in CELLS for way in ("phone, 8 bits", "micro, 8 bits", "c, 8 bits")),
    *(("lstm", 1, way) for way in WAYS if not way.endswith(", 8 bits")),
    *((cell, steps, way) for cell, steps in (("lstm", 3), ("gru", 4)) for way in ("phone, 8 bits", "micro, 8 bits")),
]
TOLERANCE = 0.04  # of the root mean square error to the spread of Keras's answers, over all calls


@cache
def model_of(cell: str, steps: int) -> tuple[Any, dict[str, Array], list[Array]]:
    """A decoder, samples to calibrate with, whose states are zeros, and Keras's answers to one after the other."""
    import keras
    from keras import layers as k

    keras.utils.set_random_seed(7)
    name, options = CELLS[cell]
    x = keras.Input((steps, FEATURES), name="x")
    if cell == "packed-lstms":
        states = keras.Input((4, UNITS), name="states")
        parts = [k.Reshape((UNITS,))(k.Cropping1D((n, 3 - n))(states)) for n in range(4)]
        a, *first = k.LSTM(UNITS, return_sequences=True, return_state=True)(x, initial_state=parts[:2])
        h, *second = k.LSTM(UNITS, return_state=True)(a, initial_state=parts[2:])
        rows = [k.Reshape((1, UNITS))(part) for part in (*first, *second)]
        model = keras.Model([x, states], [k.Dense(3)(h), k.Concatenate(axis=1, name="after")(rows)])
    else:
        given = [keras.Input((UNITS,), name=f"state{n}") for n in range(2 if name == "LSTM" else 1)]
        h, *after = getattr(k, name)(UNITS, return_state=True, **options)(x, initial_state=given)
        model = keras.Model([x, *given], [k.Dense(3)(h), *after])
    randomize(model, 3)
    if cell == "rnn-relu":  # or the state has no bound
        recurrent = next(weight for weight in model.weights if "recurrent_kernel" in weight.path)
        recurrent.assign(recurrent.numpy() * 0.3)
    frames = np.random.default_rng(5).standard_normal((CALLS, steps, FEATURES)).astype("f4")
    samples = {tensor.name: np.zeros((CALLS, *tensor.shape[1:]), "f4") for tensor in model.inputs} | {"x": frames}
    answers = []
    state = [np.zeros((1, *tensor.shape[1:]), "f4") for tensor in model.inputs[1:]]
    for frame in frames:
        y, *state = (np.asarray(value) for value in model([frame[None], *state], training=False))
        answers.append(y[0])
    return model, samples, answers


def fed_with_bytes(session: Session, samples: dict[str, Array]) -> list[Array]:
    """The first output of every call; each state is what the last call gave, bit by bit."""
    x, *states = session.inputs
    y, *after = session.outputs
    assert [(s.dtype, s.scale, s.zero_point, s.shape) for s in states] == [
        (a.dtype, a.scale, a.zero_point, a.shape) for a in after
    ], "a state goes out as it comes in"
    state = {info.name: info.quantize(np.zeros(info.shape, "f4")) for info in states}
    answers = []
    for frame in samples["x"]:
        got = session.run({x.name: x.quantize(frame[None]), **state})
        state = {info.name: got[end.name] for info, end in zip(states, after, strict=True)}
        answers.append(y.dequantize(got[y.name])[0])
    return answers


@pytest.mark.parametrize(("cell", "steps", "way"), ROWS)
def test_bytes_are_fed_back(cell: str, steps: int, way: str, tmp_path: Path) -> None:
    model, samples, wanted = model_of(cell, steps)
    options, runtimes = WAYS[way]
    path = tmp_path / "made"
    edgernn.convert(model, path, calibration=samples, clip="minmax", **options)
    for runtime in runtimes:
        session = open_session(path, runtime)
        if session.inputs[0].dtype != "float32":
            assert {info.dtype for info in session.inputs[1:]} == {"int16"}
        wrong = np.asarray(fed_with_bytes(session, samples)) - np.asarray(wanted)
        error = np.sqrt(np.mean(wrong**2)) / np.std(wanted)
        assert error <= TOLERANCE, runtime


def test_calibration_carries_the_states_on() -> None:
    model, samples, _ = model_of("lstm", 1)
    graph = read_model(model).graph
    longer = carried_on(graph, samples)
    assert np.abs(samples["state1"]).max() == 0
    assert np.abs(longer["state1"]).max() > 1
    np.testing.assert_array_equal(longer["x"][:CALLS], samples["x"])


def test_other_models_are_calibrated_as_they_are_given() -> None:
    import keras
    from keras import layers as k

    x = keras.Input((6, 3), name="x")
    model = keras.Model(x, k.GRU(4, return_state=True)(x))
    samples = {"x": np.zeros((2, 6, 3), "f4")}
    assert carried_on(read_model(model).graph, samples) is samples
