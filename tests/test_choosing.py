"""`convert --quantize auto`: what is kept is the smallest that holds the limit, counted here by other means."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras_models import randomize
from saved_models import folder

import edgernn
from edgernn.choice import Choice, NothingHolds
from edgernn.cli.main import run
from edgernn.converted import ConvertResult
from edgernn.distances import errors
from edgernn.errors import InputError
from edgernn.graph import Builder
from edgernn.graph import operators as ops
from edgernn.judgement import judge_choices
from edgernn.metrics import Metric

Array = np.ndarray[Any, Any]
STEPS, FEATURES, CLASSES, UNITS = 31, 5, 7, 33


def waves(samples: int, seed: int) -> Array:
    r = np.random.default_rng(seed)
    t, shape = np.arange(STEPS)[None, :, None], (samples, 1, FEATURES)
    found = np.sin(t / r.uniform(2, 12, shape) + r.uniform(0, 6, shape)) * r.uniform(0.5, 1.5, shape)
    return (found + r.normal(0, 0.3, (samples, STEPS, FEATURES))).astype("f4")


@cache
def classifier() -> tuple[Any, Array, Array, Array, Array]:
    """A model whose classes are close to each other, samples to calibrate and to test with, answers, and targets."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((STEPS, FEATURES), name="signal"), layers.GRU(UNITS), layers.Dense(CLASSES, activation="softmax")]
    )
    randomize(model, 5)
    x, test = waves(120, 1), waves(500, 2)
    answers = np.asarray(model.predict(test, verbose=0))
    y = answers.argmax(-1)
    y[::9] = (y[::9] + 1) % CLASSES  # it is not always right
    return model, x, test, answers, y


def on_litert(content: bytes, samples: Array) -> Array:
    """Its answers, asked for one by one; inputs and outputs are float32."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for sample in samples:
        interpreter.set_tensor(given["index"], sample[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(wanted["index"]))
    return np.concatenate(found)


def chosen(**options: Any) -> tuple[ConvertResult, Choice]:
    """`edgernn.convert` of the classifier, and how its scheme was chosen."""
    model, x, *_ = classifier()
    result = edgernn.convert(model, quantize="auto", **{"calibration": x, **options})
    assert result.choice is not None
    return result, result.choice


def test_the_smallest_that_holds_the_limit_is_kept() -> None:
    model, x, test, answers, y = classifier()
    result, choice = chosen(data={"signal": test, "y": y}, max_loss=0.5)
    assert choice.kept is not None
    assert (choice.kept.scheme, choice.aside, choice.samples) == (result.scheme, False, len(test))
    sizes = [tried.size for tried in choice.tried if tried.size is not None]
    assert sizes == sorted(sizes)
    assert {tried.scheme for tried in choice.tried} == {"float32", "float16", "dynamic", "int8", "int16x8"}
    right = np.mean(answers.argmax(-1) == y)
    for tried in choice.tried:
        more: dict[str, Any] = {} if tried.max_error is None else {"max_error": tried.max_error}
        alone = edgernn.convert(model, quantize=tried.scheme, calibration=x, **more)
        assert tried.size == len(alone.content)
        lost = right - np.mean(on_litert(alone.content, test).argmax(-1) == y)
        if tried is choice.kept:
            assert alone.content == result.content
            assert lost <= 0.005 + 1e-9
            break
        assert lost > 0.005
    assert all(tried.metric is None for tried in choice.tried[choice.tried.index(choice.kept) + 1 :])
    assert choice.kept.metric is not None
    assert choice.kept.metric.loss == pytest.approx(lost)


def test_an_error_limit_of_the_user_is_not_tightened() -> None:
    _, _, test, _, y = classifier()
    _, choice = chosen(data={"signal": test, "y": y}, max_loss=0.0, max_error=0.5)
    assert [tried.max_error for tried in choice.tried] == [None] * 5


def test_without_data_samples_kept_aside_decide() -> None:
    """Choices differ from the model's as rarely as points may be lost; the error is that of `verify`."""
    _, choice = chosen()
    assert choice.kept is not None
    assert (choice.aside, choice.samples) == (True, 18)
    assert "--data" in choice.measured_on
    assert {verdict.criterion for verdict in choice.kept.verdicts} == {"agreement", "spread"}
    assert all(verdict.passed for verdict in choice.kept.verdicts)


def test_without_calibration_integers_are_no_choice() -> None:
    _, _, test, _, y = classifier()
    result, choice = chosen(calibration=None, data={"signal": test, "y": y})
    refused = {tried.scheme: tried.refused for tried in choice.tried if tried.refused}
    assert set(refused) == {"int8", "int16x8"}
    assert all("calibration samples" in reason for reason in refused.values())
    assert result.scheme == "dynamic"


def test_a_micro_tells_its_arena_and_what_it_cannot_run() -> None:
    pytest.importorskip("tflite_micro")
    _, _, test, answers, _ = classifier()
    data = {"signal": test, "y": answers.argmax(-1)}
    result, choice = chosen(data=data, max_loss=5.0, board="arduino-nano-33-ble")
    assert choice.kept is not None
    assert (result.target, result.scheme) == ("micro", choice.kept.scheme)
    assert choice.kept.arena is not None
    assert choice.kept.fit is not None
    assert (choice.kept.fit.fits, choice.kept.fit.items[1].needed) == (True, choice.kept.arena + 4096)
    refused = {tried.scheme: tried.refused for tried in choice.tried if tried.refused}
    assert set(refused) == {"float16", "dynamic"}
    assert all("which its runtime can run" in reason for reason in refused.values())


@pytest.mark.slow
def test_what_does_not_fit_is_not_kept(tmp_path: Path) -> None:
    """64 KiB of flash do not hold an interpreter's code."""
    _, _, test, _, y = classifier()
    with pytest.raises(NothingHolds, match="fit on 'nucleo-l053r8'") as caught:
        chosen(output=tmp_path / "m.tflite", data={"signal": test, "y": y}, max_loss=5.0, board="nucleo-l053r8")
    choice = caught.value.choice
    assert choice.kept is None
    assert all("flash short by" in choice.result(tried) for tried in choice.tried if not tried.refused)
    assert os.listdir(tmp_path) == []


def test_c_on_a_board_is_what_one_conversion_writes(tmp_path: Path) -> None:
    model, x, test, _, y = classifier()
    data, path = {"signal": test, "y": y}, tmp_path / "small"
    result, choice = chosen(output=path, data=data, max_loss=5.0, board="nucleo-l053r8", format="c")
    assert result.artifact == path
    assert choice.kept is not None
    assert choice.kept.fit is not None
    assert (result.scheme, choice.kept.fit.fits) == ("int8", True)
    assert {name: (path / name).read_text(encoding="utf-8") for name in result.files} == result.files
    (tmp_path / "alone").mkdir()
    alone = edgernn.convert(model, tmp_path / "alone" / "small", format="c", quantize="int8", calibration=x)
    assert alone.files == result.files
    checked = edgernn.verify(model, path, data, oracle="keras", max_loss=5.0)
    assert checked.metric is not None
    assert choice.kept.metric is not None
    assert checked.metric.loss == pytest.approx(choice.kept.metric.loss)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="phone"),
        pytest.param({"target": "micro"}, id="micro", marks=pytest.mark.slow),
        pytest.param({"format": "c"}, id="c", marks=pytest.mark.slow),
    ],
)
def test_a_stream_is_chosen_too(options: dict[str, str], tmp_path: Path) -> None:
    _, _, test, answers, y = classifier()
    path = tmp_path / "stream"
    _, choice = chosen(output=path, data={"signal": test[:100], "y": y[:100]}, streaming=True, **options)
    assert choice.kept is not None
    assert choice.kept.holds
    same = []
    with edgernn.StreamingSession(path) as session:
        for window, expected in zip(test[:20], answers, strict=False):
            session.reset()
            same.append(np.argmax([session.step(frame) for frame in window][-1]) == expected.argmax())
    assert sum(same) >= 19


def test_the_command_tells_programs_what_it_tried(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, where = tmp_path / "m.tflite", folder()
    words = [
        "convert",
        where / "gru.keras",
        "-o",
        path,
        "--quantize",
        "auto",
        "--calibration",
        where / "calibration.npz",
    ]
    words += ["--data", where / "test.npz", "--max-loss", "10", "--json"]
    assert run([str(word) for word in words]) == 0
    document = json.loads(capfd.readouterr().out)
    rows = document["choice"]["tried"]
    assert [row["kept"] for row in rows] == [row["scheme"] == document["scheme"] for row in rows]
    assert document["bytes"] == path.stat().st_size == next(row["bytes"] for row in rows if row["kept"])
    assert (document["choice"]["samples"], document["choice"]["kept_aside"]) == (24, False)


def test_programs_are_told_too_where_nothing_holds(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["convert", folder() / "gru.keras", "-o", tmp_path / "m.tflite", "--quantize", "auto", "--io", "int8"]
    words += ["--data", folder() / "test.npz", "--json"]
    assert run([str(word) for word in words]) == 1
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert (document["artifact"], document["choice"]["kept"]) == (None, None)
    assert [row["scheme"] for row in document["choice"]["tried"] if "calibration" in row["result"]] == ["int8"]
    assert "hint: give --calibration FILE.npz, so that the integer schemes can be tried; or leave out --io" in err
    assert os.listdir(tmp_path) == []


def test_where_nothing_holds_the_output_stays_as_it_was(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Integers at both ends leave one scheme, which errs more than an answer of those that are close may."""
    model, x, test, answers, _ = classifier()
    model.save(tmp_path / "m.keras")
    np.savez(tmp_path / "cal.npz", x=x)
    np.savez(tmp_path / "test.npz", x=test, y=answers.argmax(-1))
    path = tmp_path / "m.tflite"
    path.write_text("mine", encoding="utf-8")
    words = ["convert", tmp_path / "m.keras", "-o", path, "--quantize", "auto", "--io", "int8", "--max-loss", "0"]
    words += ["--calibration", tmp_path / "cal.npz", "--data", tmp_path / "test.npz"]
    assert run([str(word) for word in words]) == 1
    out, err = capfd.readouterr()
    assert "error: quantize 'auto': a scheme must be within a loss of 0. Found: none; closest is 'int8" in err
    assert "hint: leave out --io and --form, for which others are refused; or allow more with --max-loss" in err
    assert "Nothing was written" in err
    assert "io: must be one of float32 for scheme 'dynamic'" in out
    assert path.read_text(encoding="utf-8") == "mine"
    assert sorted(os.listdir(tmp_path)) == ["cal.npz", "m.keras", "m.tflite", "test.npz"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calibration": None}, "needs samples to measure on"),
        ({"measure": False}, "leaves nothing to choose by"),
        ({"max_loss": -1.0}, "max-loss: must be a number of at least 0"),
        ({"board": "arduino-zero", "target": "phone"}, "target: must be 'micro' for board 'arduino-zero'"),
        ({"board": "arduino-zeor"}, "did you mean 'arduino-zero'"),
        ({"form": "rolled"}, "form: must be one of"),
        ({"quantize": "int8", "max_loss": 1.0}, "max-loss: is for a scheme that is chosen. Found: quantize 'int8'"),
        ({"quantize": "int8", "board": "arduino-zero"}, "board: is for a scheme that is chosen"),
        ({"quantize": "autom"}, "did you mean 'auto'"),
        ({"data": {"signal": np.zeros((3, 2, 2), "f4")}}, "data: the array for input 'signal' must have the shape"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        edgernn.convert(folder() / "gru.keras", **{"quantize": "auto", "calibration": waves(60, 1)[:, :9], **options})
    assert message in str(caught.value)


def test_choices_count_where_the_model_chooses() -> None:
    b = Builder("m")
    x = b.input("x", (4, 3))
    graph = b.finish(b.apply(ops.Softmax(), x), b.apply(ops.Unary("sigmoid"), x), b.apply(ops.Unary("tanh"), x))
    truth = np.random.default_rng(1).uniform(0.1, 1, (100, 4, 3))
    ours = truth.copy()
    ours[:2, 0, :] = truth[:2, 0, :].max(-1, keepdims=True) * (truth[:2, 0, :] < truth[:2, 0, :].max(-1, keepdims=True))
    compared = [errors(value.name, ours, truth) for value in graph.outputs]
    (verdict,) = judge_choices(graph, compared, 100, 0.0)
    assert (verdict.output, verdict.criterion) == (graph.outputs[0].name, "agreement")
    assert [verdict.found, verdict.limit] == pytest.approx([2 / 400, 1 / 400])  # one always may differ
    assert judge_choices(graph, compared, 100, 0.01)[0].passed
    known = [errors(value.name, ours, truth, Metric("accuracy", 0.9, 0.9, 400)) for value in graph.outputs]
    assert judge_choices(graph, known, 100, 0.01) == []
