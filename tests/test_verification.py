"""The verb `verify`: errors as defined, against Keras itself, on both runtimes, with a verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import build, randomize
from saved_models import FEATURES, STEPS, artifact, folder, signal, stock_artifact

import edgernn
from edgernn.cli.main import run
from edgernn.conversion import convert
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.judgement import BESIDE_TARGETS_IN_8_BITS, TOLERANCES
from edgernn.verification import verify
from edgernn.verified import VerifyResult

Captured = pytest.CaptureFixture[str]
TEST = "test.npz"
ROWS = [("float32", "phone"), ("float16", "phone"), ("dynamic", "phone"), ("int8", "phone"), ("int16x8", "phone"),
        ("float32", "micro"), ("int8", "micro"), ("int16x8", "micro")]  # fmt: skip


def check(model: Any, content: bytes, data: Any, **options: Any) -> VerifyResult:
    result: VerifyResult = verify(model, content, data, **options)
    return result


@pytest.mark.parametrize(("scheme", "target"), ROWS)
def test_every_scheme_is_within_its_tolerance_of_keras(scheme: str, target: str) -> None:
    for runtime in ("litert", "micro") if target == "micro" else ("litert",):
        result = edgernn.verify(folder() / "gru.keras", artifact(scheme, target), folder() / TEST, runtime=runtime)
        assert (result.oracle, result.scheme, result.samples) == ("keras", scheme, 24)
        assert result.tolerance == TOLERANCES[scheme]
        assert result.passed
        assert result.spread_error is not None
        assert result.spread_error <= result.tolerance * (
            BESIDE_TARGETS_IN_8_BITS if (scheme, target) == ("int8", "phone") else 1
        )
        if scheme != "float32":
            assert result.spread_error > 1e-5  # it was really compared, and is not the float model
        assert result.metric is not None
        assert (result.metric.name, result.metric.keras) == ("accuracy", 1.0)
        assert result.metric.artifact >= 0.9
        assert result.notes == ()


def test_the_errors_are_those_that_the_definition_gives() -> None:
    """Computed here a second time, sample by sample, from the runtime's own interpreter."""
    import keras
    from ai_edge_litert.interpreter import Interpreter

    model, path = folder() / "regression.keras", artifact("dynamic", "phone", "regression.keras")
    x = signal(7, 9)
    expected = keras.saving.load_model(model).predict(x, verbose=0)
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    relative, largest, total = [], 0.0, 0.0
    for sample, wanted in zip(x, expected, strict=True):
        interpreter.set_tensor(source["index"], sample[None])
        interpreter.invoke()
        difference = np.abs(interpreter.get_tensor(target["index"])[0] - wanted)
        relative.append(difference.max() / np.abs(wanted).max())
        largest, total = max(largest, float(difference.max())), total + float(difference.sum())
    result = check(model, path.read_bytes(), x)
    assert result.relative_error == pytest.approx(float(np.mean(relative)), rel=1e-4)
    assert result.max_error == pytest.approx(largest, rel=1e-4)
    assert result.mean_error == pytest.approx(total / expected.size, rel=1e-4)
    assert result.metric is None


def test_a_model_in_memory_and_edgernns_own_reference_agree_with_the_file() -> None:
    import keras

    path, data = artifact("float32", "phone"), folder() / TEST
    by_file = verify(folder() / "gru.keras", path, data)
    by_object = verify(keras.saving.load_model(folder() / "gru.keras"), path, data)
    by_reference = verify(folder() / "gru.keras", path, data, oracle="reference")
    assert by_file == by_object
    assert by_reference.oracle == "reference"
    assert by_reference.notes == ()
    assert by_reference.relative_error < 1e-5
    assert by_file.relative_error < 1e-5


def test_without_keras_the_reference_answers_and_says_so() -> None:
    program = (
        "import sys, edgernn; sys.modules['keras'] = None  # importing it now fails\n"
        "arguments = sys.argv[1:]\n"
        "result = edgernn.verify(*arguments)\n"
        "print(result.oracle, result.passed, result.notes)\n"
        "try: edgernn.verify(*arguments, oracle='keras')\n"
        "except edgernn.errors.EnvironmentProblem as error: print(error)\n"
    )
    arguments = [str(folder() / "gru.keras"), str(artifact("int8", "phone")), str(folder() / TEST)]
    command = [sys.executable, "-c", program, *arguments]
    first, second = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert first.startswith("reference True ")
    assert "compared with edgernn's float reference, not with Keras" in first
    assert "edgernn[train]" in second


def test_models_of_other_tools_are_verified_too() -> None:
    result = verify(folder() / "gru.keras", stock_artifact(), folder() / TEST)
    assert (result.scheme, result.passed) == ("float32", True)
    assert result.relative_error < 1e-5


@pytest.mark.parametrize("name", ["two_inputs_two_outputs", "dict_inputs_outputs", "embedding", "masking", "stateful"])
@pytest.mark.parametrize(("scheme", "target"), [("float32", "phone"), ("int8", "micro")])
def test_inputs_outputs_masks_and_states_find_each_other(name: str, scheme: str, target: str) -> None:
    from edgernn.converters.keras import read_model

    model, random = build(name), np.random.default_rng(2)
    data: dict[str, Any] = {}
    for value in read_model(model).graph.inputs:
        shape = (6, *value.shape)
        data[value.name] = random.integers(0, 9, shape) if value.dtype == "int32" else random.normal(size=shape)
        if name == "masking":
            data[value.name][::2, -3:] = 0.0  # padded on the right
    content = convert(model, quantize=scheme, target=target, calibration=data).content
    for runtime in ("litert", "micro") if target == "micro" else ("litert",):
        result = verify(model, content, data, runtime=runtime)
        assert result.passed, result
        assert len(result.outputs) == len(read_model(model).outputs)


def test_the_order_of_samples_does_not_matter() -> None:
    """Neither the artifact nor a stateful Keras model carries anything from one sample to the next."""
    import keras

    layers = [keras.Input((STEPS, FEATURES), batch_size=4), keras.layers.LSTM(5, stateful=True)]
    model = keras.Sequential(layers)
    randomize(model, 8)
    content = convert(model, quantize="int8", target="micro", calibration=signal(20, 1)).content
    x = signal(7, 2)
    there, back = verify(model, content, x), verify(model, content, x[::-1])
    assert there.relative_error == pytest.approx(back.relative_error, rel=1e-6)
    assert there.passed


def test_the_artifacts_steps_are_taken_where_the_model_leaves_them_open() -> None:
    content = convert(folder() / "open.keras", steps=6).content
    assert verify(folder() / "open.keras", content, signal(3, 1)[:, :6]).passed
    with pytest.raises(InputError, match=r"must have the shape \[samples, 6, 5\]. Found: \[3, 9, 5\]"):
        verify(folder() / "open.keras", content, signal(3, 1))


def test_another_model_fails_and_is_noticed() -> None:
    import keras

    other = keras.saving.load_model(folder() / "gru.keras")
    randomize(other, 77)
    result = verify(other, artifact("float32", "phone"), folder() / TEST)
    assert not result.passed
    assert result.notes == ("the artifact says that it was made from another model than this one.",)
    with pytest.raises(InputError, match=r"artifact: must have the model's outputs: ") as caught:
        verify(folder() / "regression.keras", artifact("float32", "phone"), folder() / TEST)
    assert caught.value.hint == "give the model that the artifact was made from."


@pytest.mark.parametrize("io", ["float32", "int8"])
def test_saturation_is_reported(io: str) -> None:
    """Samples three times as loud as those of the calibration leave the input's range, however the edge looks."""
    loud, model = 3 * signal(10, 4), folder() / "regression.keras"
    content = convert(model, quantize="int8", io=io, clip="minmax", calibration=signal(40, 1)).content
    source, *_ = verify(model, content, loud).saturation
    assert source.name == "signal"
    quiet = signal(40, 1)
    assert source.low == pytest.approx(quiet.min(), abs=0.05)
    assert source.high == pytest.approx(quiet.max(), abs=0.05)
    assert source.fraction == pytest.approx(np.mean((loud < source.low) | (loud > source.high)), abs=0.01)
    assert source.fraction > 0.05
    assert all(saturation.fraction == 0 for saturation in verify(model, content, quiet).saturation)


def test_an_output_beyond_its_range_is_reported() -> None:
    import keras

    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.GRU(4), keras.layers.Dense(2)])
    randomize(model, 6)
    strength = np.random.default_rng(1).uniform(1, 2, (30, 1, FEATURES))
    steady = np.repeat(strength, STEPS, axis=1)
    restless = steady * (-1.0) ** np.arange(STEPS)[:, None]  # inputs of the same range, answers of a smaller one
    content = convert(model, quantize="int8", clip="minmax", strict=True, calibration=restless).content
    assert [found.fraction for found in verify(model, content, restless).saturation] == [0, 0]
    both = np.concatenate([steady, -steady])
    source, answer = verify(model, content, both).saturation
    assert source.fraction == 0
    assert answer.fraction > 0.01  # an answer has room beyond what was seen; most of these end at the states' range


# --- the command ---


def command(*options: str, data: str = TEST) -> list[str]:
    return ["verify", str(folder() / "gru.keras"), str(artifact()), "--data", str(folder() / data), *options]


@pytest.mark.parametrize("runtime", ["litert", "micro"])
def test_the_json_is_as_documented(runtime: str, capsys: Captured) -> None:
    assert run(command("--json", "--runtime", runtime)) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    document = json.loads(shown.out)
    assert (document["schema"], document["version"]) == ("edgernn.verify", 1)
    assert (document["runtime"], document["scheme"], document["oracle"]) == (runtime, "int8", "keras")
    assert document["passed"] is True
    metric = document["metric"]
    assert (metric["name"], metric["keras"], metric["answers"], metric["telling"]) == ("accuracy", 1.0, 24, True)
    assert metric["loss"] == pytest.approx(1 - metric["artifact"])
    assert (document["criterion"], document["found"]) == ("metric", metric["loss"])
    assert 0 < document["spread_error"] < document["tolerance"] == 0.03
    assert 0 < document["relative_error"] < 0.05
    (output,) = document["outputs"]
    assert output["agreement"] == metric["artifact"]  # the targets are Keras's own choice
    assert output["column_error"] >= output["spread_error"] == document["spread_error"]
    assert [verdict["criterion"] for verdict in output["verdicts"]] == ["metric", "spread"]
    assert 0 < document["mean_error"] <= document["max_error"]
    assert document["artifact"] == str(artifact())


def test_beyond_the_tolerance_the_status_is_1(capsys: Captured) -> None:
    assert run(command("--tolerance", "0.0001", "--json")) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["passed"] is False
    error, hint = shown.err.splitlines()
    assert re.match(r"error: error of '\w+': must be at most 0.01 % of the outputs' spread. Found: \d", error)
    assert hint.startswith("hint: ")


def test_the_table_is_for_people(capsys: Captured) -> None:
    assert run(command("--oracle", "reference")) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "24 samples, against edgernn's float reference, not Keras" in shown.out
    assert "passed, as far as edgernn reads the model rightly: accuracy loses " in shown.out
    assert "accuracy: " in shown.out


def test_a_warning_free_run_of_the_whole_process() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "edgernn", *command()], capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("TF_")},
    )  # fmt: skip
    assert process.stderr == ""
    assert "against Keras" in process.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--runtime", "liter"), "runtime: must be one of litert, micro, c. Found: 'liter'"),
        (("--oracle", "tf"), "oracle: must be one of keras, reference. Found: 'tf'"),
        (("--tolerance", "-1"), "tolerance: must be a number of at least 0. Found: -1.0"),
        (("--max-loss", "-1"), "max-loss: must be a number of at least 0. Found: -1.0"),
        (("--tolerance", "nan"), "tolerance: must be a number of at least 0. Found: nan"),
        (("--data", "missing.npz"), "data 'missing.npz': must be an existing file"),
    ],
)
def test_bad_options(options: tuple[str, ...], message: str, capsys: Captured) -> None:
    assert run(command(*options)) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {message}")
    assert hint.startswith("hint: ")


def test_a_loss_is_of_a_metric_and_that_needs_targets(capsys: Captured) -> None:
    assert run(["verify", *command()[1:4], str(folder() / "calibration.npz"), "--max-loss", "1"]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: max-loss: is of the task's metric, which needs targets")
    assert hint == "hint: add the right answers under 'y', or limit the error with --tolerance."


def test_bad_artifacts(tmp_path: Path, capsys: Captured) -> None:
    content = artifact().read_bytes()
    (tmp_path / "cut.tflite").write_bytes(content[:-1000])
    (tmp_path / "text.tflite").write_text("no model")
    for name in ("cut.tflite", "text.tflite", "missing.tflite"):
        arguments = command()
        arguments[2] = str(tmp_path / name)
        assert run(arguments) == 2
        error, hint = capsys.readouterr().err.splitlines()
        assert error.startswith(f"error: artifact '{tmp_path / name}': must be")
        assert hint.startswith("hint: ")


def test_a_model_that_carries_code_is_never_loaded(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.Lambda(lambda x: x), keras.layers.GRU(3)])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(InputError, match="Lambda"):
        verify(tmp_path / "lambda.keras", artifact(), folder() / TEST)


def test_a_missing_runtime_is_the_environments_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['tflite_micro'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="'tflite-micro', which is not installed") as caught:
        verify(folder() / "gru.keras", artifact(), folder() / TEST, runtime="micro")
    assert "edgernn[micro]" in caught.value.hint
