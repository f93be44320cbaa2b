"""Answers that 8 bits are too coarse for have 16 on a micro where nobody chose; against Keras, on TFLite-Micro."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_float_answers import FEATURES, STEPS, answers_of, joined, letters, model, one_of_two, rare
from test_precision import signal

import edgernn
from edgernn.cli.main import run
from edgernn.devices.host.session import open_session
from edgernn.quantization.precision import MAX_ERROR

Array = np.ndarray
NOWHERE = 1e-7  # a probability, as Keras limits it in its cross-entropy


def classifier(cell: str, count: int, sure: float, activation: str = "softmax") -> Any:
    """A cell of odd size with a layer behind it whose weights are so many times the usual ones."""
    import keras

    keras.utils.set_random_seed(5)
    layer = keras.layers.Dense(count, activation=activation, name="last")
    made = keras.Sequential([keras.Input((STEPS, FEATURES), name="x"), getattr(keras.layers, cell)(27), layer])
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * sure, np.random.default_rng(1).normal(size=bias.shape) * 0.3])
    return made


@cache
def samples() -> tuple[Array, Array]:
    x = signal(180, STEPS, FEATURES, 7)
    return x[:120], x[120:]


def converted(made: Any, **options: Any) -> edgernn.ConvertResult:
    return edgernn.convert(made, quantize="int8", target="micro", calibration=samples()[0], **options)


def on_micro(content: bytes, x: Array) -> dict[str, Array]:
    session = open_session(content, "micro")
    (given,) = session.inputs
    ran = [session.run({given.name: given.quantize(sample[None])}) for sample in x]
    return {info.name: np.concatenate([info.dequantize(each[info.name]) for each in ran]) for info in session.outputs}


def types(result: edgernn.ConvertResult) -> tuple[set[str], list[str]]:
    found = edgernn.inspect(result.content)
    return {tensor.dtype for tensor in found.inputs}, [tensor.dtype for tensor in found.outputs]


def error(found: Array, truth: Array) -> float:
    return float(np.sqrt(np.mean((found.astype("f8") - truth) ** 2)) / truth.std())


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
@pytest.mark.parametrize("count", [10, 40])
def test_who_is_hardly_sure_answers_in_16_bits_unless_8_are_asked_for(cell: str, count: int) -> None:
    made, held = classifier(cell, count, 1), samples()[1]
    truth = made.predict(held, verbose=0)
    chosen, asked = converted(made), converted(made, io="int8")
    assert types(chosen) == ({"int8"}, ["int16"])
    assert types(asked) == ({"int8"}, ["int8"])
    assert chosen.io_reason.startswith("output 'last' is int16, not int8: 8 bits would cost ")
    assert (chosen.notes[0], asked.io_reason) == (chosen.io_reason, "")
    errors = [error(on_micro(each.content, held)["last"], truth) for each in (chosen, asked)]
    assert errors[0] < MAX_ERROR < errors[1]


@pytest.mark.parametrize(("end", "name"), [(letters, "letters"), (rare, "rare")])
def test_what_8_bits_make_impossible_is_possible(end: Any, name: str) -> None:
    made, held = model(end, "LSTM"), samples()[1]
    truth = made.predict(held, verbose=0)
    chosen, asked = converted(made), converted(made, io="int8")
    assert types(chosen) == ({"int8"}, ["int16"])
    assert "of what happens a probability of 0" in chosen.io_reason or "cost" in chosen.io_reason
    errors = []
    for each in (chosen, asked):
        found = np.maximum(on_micro(each.content, held)[name], NOWHERE)
        errors.append(float(np.sum(truth * (np.log(truth + 1e-30) - np.log(found))) / truth.sum()))  # in nats
    assert abs(errors[0]) < 0.01
    assert errors[1] > 2 * abs(errors[0]) + 0.005


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
@pytest.mark.parametrize(
    ("count", "sure", "activation"),
    [(3, 4, "softmax"), (3, 12, "softmax"), (10, 14, "softmax"), (1, 4, "sigmoid"), (2, 1, "linear"), (5, 2, "tanh")],
)
def test_8_bits_stay_where_they_are_fine(cell: str, count: int, sure: float, activation: str) -> None:
    made, held = classifier(cell, count, sure, activation), samples()[1]
    result = converted(made)
    assert types(result) == ({"int8"}, ["int8"])
    assert result.io_reason == ""
    assert error(on_micro(result.content, held)["last"], made.predict(held, verbose=0)) < 2 * MAX_ERROR


def test_of_several_outputs_those_change_that_need_it() -> None:
    made = model(one_of_two, "GRU")
    result = converted(made)
    found = {tensor.shape[1:]: tensor.dtype for tensor in edgernn.inspect(result.content).outputs}
    assert found == {(2,): "int8", (STEPS, 41): "int16"}
    assert "'kind'" in result.io_reason
    assert "'size'" not in result.io_reason


@pytest.mark.parametrize("end", [letters, rare, joined])
@pytest.mark.parametrize("target", ["phone", "micro"])
def test_types_that_were_asked_for_are_kept_however_coarse(end: Any, target: str) -> None:
    for io in ("int8", "int16"):
        options: dict[str, Any] = {"target": target, "io": io, "max_error": 0.0005, "calibration": samples()[0]}
        result = edgernn.convert(model(end, "LSTM"), quantize="int8", **options)
        assert (types(result), result.io_reason) == (({io}, [io]), "")


def test_a_larger_limit_and_strictness_keep_8_bits() -> None:
    for options in ({"max_error": 0.3}, {"strict": True}, {"measure": False}):
        result = converted(model(letters, "LSTM"), **options)
        assert (types(result), result.io_reason) == (({"int8"}, ["int8"]), "")


def test_every_library_of_kernels_runs_such_answers() -> None:
    """Ethos-U too, which the promise of a micro's artifact leaves out."""
    for end in (letters, rare):
        result = converted(model(end, "LSTM"), kernels="reference,CMSIS-NN,ESP-NN,HiFi,Ethos-U", io=None)
        assert types(result)[1] == ["int16"]


def test_a_step_answers_as_its_window_and_verify_takes_both(tmp_path: Path) -> None:
    made, held = model(letters, "GRU"), samples()[1]
    window, step = tmp_path / "window.tflite", tmp_path / "step.tflite"
    for path, streaming in ((window, False), (step, True)):
        options: dict[str, Any] = {"target": "micro", "calibration": samples()[0], "streaming": streaming}
        result = edgernn.convert(made, path, quantize="int8", **options)
        assert result.io_reason.startswith("output 'letters' is int16")
    session = edgernn.StreamingSession(step)
    found = np.stack([np.reshape(answer, -1) for answer in session.run(held[0])])
    np.testing.assert_array_equal(found, answers_of(window.read_bytes(), held[:1])["letters"][0])
    assert edgernn.verify(made, window, held, oracle="reference").passed


def test_the_command_says_it_first_and_in_its_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, x = tmp_path / "m.keras", tmp_path / "x.npy"
    model(letters, "LSTM").save(path)
    np.save(x, samples()[0])
    given = ["convert", str(path), "-o", str(tmp_path / "m.tflite"), "--quantize", "int8", "--target", "micro"]
    assert run([*given, "--calibration", str(x)]) == 0
    assert capsys.readouterr().out.startswith("output 'letters' is int16, not int8: 8 bits would ")
    assert run([*given, "--calibration", str(x), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["io_reason"].startswith("output 'letters' is int16")
    assert any(each["tensor"] == "letters" for each in document["widened"])
