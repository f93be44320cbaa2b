"""`auto` with models that carry a state, and with outputs of unlike spread; and what it keeps, explained."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_output_types import classifier, error, on_micro, samples
from test_precision import signal
from test_recordings import long_recording

import edgernn
from edgernn.choice import Choice
from edgernn.cli.main import run
from edgernn.converted import ConvertResult
from edgernn.errors import InputError
from edgernn.report.tensors import explanation_document

Array = np.ndarray


def chosen(model: Any, **options: Any) -> tuple[ConvertResult, Choice]:
    result = edgernn.convert(model, quantize="auto", **options)
    assert result.choice is not None
    assert result.choice.kept is not None
    assert result.scheme == result.choice.kept.scheme
    return result, result.choice


@pytest.mark.parametrize(
    ("options", "window"), [({}, 5), ({"target": "micro"}, 1), ({"format": "c"}, 5)], ids=["phone", "micro", "c"]
)
@pytest.mark.parametrize("with_data", [True, False])
def test_a_model_that_carries_its_state_keeps_it_while_schemes_are_tried(
    options: dict[str, str], window: int, with_data: bool, tmp_path: Path
) -> None:
    """A recording of 200 frames, against Keras window by window."""
    model, x, expected = long_recording(window)
    given = {"data": x[3:4]} if with_data else {}
    path = tmp_path / "stream"
    result, choice = chosen(model, output=path, streaming=True, calibration=x[:3], **given, **options)
    assert choice.aside is not with_data
    tried = [each for each in choice.tried if each.verdicts]
    assert tried[-1] is choice.kept
    assert tried[-1].error is not None
    answers = np.concatenate([np.reshape(each, (-1, 4)) for each in edgernn.StreamingSession(path).run(x[4])])
    assert error(answers, np.reshape(expected, (-1, 4))) < max(3 * tried[-1].error, 0.01)
    assert edgernn.verify(model, path, x[3:4], oracle="reference").passed
    assert result.artifact == path


@cache
def unlike() -> tuple[Any, Array, Array, list[Array]]:
    """A level of some thousands, a probability that is hardly ever high, and classes; samples, and Keras's answers."""
    import keras

    keras.utils.set_random_seed(2)
    layers = keras.layers
    given = keras.Input((31, 5), name="signal")
    h = layers.GRU(33)(given)
    rare = layers.Dense(1, activation="sigmoid", name="rare", bias_initializer=keras.initializers.Constant(-5.0))(h)
    outputs = [
        layers.Rescaling(900.0, offset=4000.0, name="level")(layers.Dense(1)(h)),
        rare,
        layers.Dense(12, activation="softmax", name="kind")(h),
    ]
    model = keras.Model(given, outputs)
    x, test = signal(160, 31, 5, 1), signal(300, 31, 5, 2)
    return model, x, test, [np.asarray(each) for each in model.predict(test, verbose=0)]


@pytest.mark.parametrize("target", ["phone", "micro"])
@pytest.mark.parametrize("with_data", [True, False])
def test_every_output_holds_the_limit_however_small_its_numbers_are(target: str, with_data: bool) -> None:
    model, x, test, expected = unlike()
    assert expected[0].std() > 1e3 * expected[1].std()
    given = {"data": test[:150]} if with_data else {}
    result, choice = chosen(model, target=target, calibration=x, **given)
    assert {found.name for found in choice.kept.outputs} == {"level", "rare", "kind"}  # type: ignore[union-attr]
    tolerances = {v.output: v.limit for v in choice.kept.verdicts if v.criterion == "spread"}  # type: ignore[union-attr]
    assert set(tolerances) == {"level", "rare", "kind"}
    if target == "micro":
        answers = on_micro(result.content, test[150:])
    else:
        from test_float_answers import answers_of

        answers = answers_of(result.content, test[150:])
    for truth in expected:
        held = truth[150:]
        alike = [found for found in answers.values() if found.shape == held.shape]
        found = min(alike, key=lambda each: float(np.abs(each - held).mean()))
        assert error(found, held) < 1.5 * max(tolerances.values())
    assert edgernn.verify(model, result.content, test[150:], oracle="reference").passed


def test_the_loss_of_the_worst_output_decides() -> None:
    """With targets of two of the three outputs, an RMSE and an accuracy."""
    model, x, test, expected = unlike()
    data = {"signal": test, "y_level": expected[0], "y_kind": expected[2].argmax(-1)}
    result, choice = chosen(model, calibration=x, data=data, max_loss=1.0)
    verified = edgernn.verify(model, result.content, data, max_loss=1.0, oracle="reference")
    assert verified.passed
    judged = {verdict.output for verdict in choice.kept.verdicts}  # type: ignore[union-attr]
    assert judged == {verdict.output for verdict in verified.verdicts}


@pytest.mark.parametrize("options", [{}, {"target": "micro"}, {"format": "c"}], ids=["phone", "micro", "c"])
def test_what_is_kept_is_explained_as_if_it_had_been_asked_for(options: dict[str, str]) -> None:
    model, x = classifier("GRU", 10, 14), samples()[0]
    result, choice = chosen(model, calibration=x, explain=True, max_loss=20.0, **options)
    kept = choice.kept
    assert kept is not None
    assert kept.scheme in ("int8", "dynamic")
    assert result.explanation is not None
    same: dict[str, Any] = {**options, "quantize": kept.scheme, "max_error": kept.max_error}
    alone = edgernn.explain(model, x, **same)
    documents = [json.dumps(explanation_document(each)) for each in (result.explanation, alone)]
    assert documents[0] == documents[1]


def test_a_kept_scheme_without_integers_has_nothing_to_explain_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, _, test, _ = unlike()
    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", test[:50])
    words = ["convert", tmp_path / "m.keras", "-o", tmp_path / "m.tflite", "--quantize", "auto"]
    assert run([*map(str, words), "--data", str(tmp_path / "x.npy"), "--target", "micro", "--explain"]) == 0
    assert "explain: is of schemes with integers" in capsys.readouterr().err
    with pytest.raises(InputError, match="Found: 'float32', which 'auto' keeps"):
        edgernn.explain(model, quantize="auto", data=test[:50], target="micro")


def test_a_page_is_written_of_what_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without samples to calibrate with no integers are tried, and of the rest the smallest has 8-bit weights."""
    model, _, test, _ = unlike()
    model.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", test[:50])
    words = ["convert", tmp_path / "m.keras", "-o", tmp_path / "m.tflite", "--quantize", "auto", "--json"]
    page = tmp_path / "why.html"
    assert run([*map(str, words), "--data", str(tmp_path / "x.npy"), "--report", str(page)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scheme"] == "dynamic"
    assert document["explanation"]["tensors"]
    assert page.stat().st_size > 1000
