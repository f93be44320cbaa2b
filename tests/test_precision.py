"""Precision chosen by measured harm: who spoils the answer is found, widened, and told; on networks of real size."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgernn
from edgernn.cli.main import run
from edgernn.compiler import Options, Prepared, prepare
from edgernn.converters.c.compile import calibrate_c
from edgernn.converters.c.reference import evaluate_reals
from edgernn.converters.keras.reader import read_model
from edgernn.errors import InputError
from edgernn.measuring import keep_aside
from edgernn.quantization.precision import attribute, choose, spread_error
from edgernn.quantization.simulated import Simulation, everything
from edgernn.reference import evaluate
from edgernn.samples import Samples
from edgernn.targets import MICRO, PHONE, Target

Array = np.ndarray


def signal(samples: int, steps: int, features: int, seed: int) -> Array:
    """Slow waves of unlike periods and sizes, with noise."""
    random = np.random.default_rng(seed)
    time = np.arange(steps)[:, None]
    period, phase = random.uniform(5, 40, (2, samples, 1, features))
    waves = np.sin(2 * np.pi * time / period + phase) * random.uniform(0.3, 2, (samples, 1, features))
    return np.asarray(waves + 0.1 * random.normal(size=waves.shape), "f4")


@cache
def lasting(units: int = 33) -> Any:
    """A memory that forgets one per cent a step: 8 bits of state lose what it should keep."""
    import keras

    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.Input((90, 4), name="x"),
            keras.layers.SimpleRNN(units, activation="linear", name="lasting"),
            keras.layers.Dense(2, name="y"),
        ]
    )
    model.layers[0].set_weights(
        [random.normal(size=(4, units)) * 0.2, np.eye(units) * 0.99, random.normal(size=units) * 0.01]
    )
    return model


@cache
def ordinary(cell: str) -> Any:
    import keras

    keras.utils.set_random_seed(3)
    layers = [keras.Input((40, 7), name="x"), getattr(keras.layers, cell)(48, name="core"), keras.layers.Dense(5)]
    return keras.Sequential(layers)


def prepared(model: Any, target: Target, x: Array, io: Any = "float32") -> Prepared:
    options = Options("int8", target, target.form, io, "minmax")
    return prepare(read_model(model).graph, options, {"x": x})


def litert(content: bytes, x: Array) -> Array:
    """An interpreter loop that shares nothing with the package."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()

    def answer(sample: Array) -> Array:
        if given["dtype"] != np.float32:
            scale, zero = given["quantization"]
            info = np.iinfo(given["dtype"])
            sample = np.clip(np.round(sample / scale) + zero, info.min, info.max).astype(given["dtype"])
        interpreter.set_tensor(given["index"], sample)
        interpreter.invoke()
        got = interpreter.get_tensor(found["index"])
        if found["dtype"] == np.float32:
            return np.asarray(got)
        scale, zero = found["quantization"]
        return np.asarray((got.astype("f8") - zero) * scale)

    return np.concatenate([answer(x[k : k + 1]) for k in range(len(x))])


def error(found: Array, expected: Array) -> float:
    return float(np.sqrt(np.mean((found - expected) ** 2)) / expected.std())


def test_an_output_that_never_changes_is_measured_by_its_size() -> None:
    truth = {"y": np.full((9, 1), 4.0, "f4"), "zero": np.zeros((9, 2), "f4")}
    assert spread_error({"y": truth["y"] + 1, "zero": truth["zero"]}, truth) == pytest.approx(0.25)


@pytest.mark.parametrize("target", [PHONE, MICRO], ids=lambda target: target.name)
@pytest.mark.parametrize("cell", ["GRU", "LSTM", "SimpleRNN"])
def test_the_simulation_errs_as_the_runtime_does(cell: str, target: Target) -> None:
    model, x = ordinary(cell), signal(60, 40, 7, 1)
    ready = prepared(model, target, x)
    assert ready.calibrated is not None
    content = edgernn.convert(
        model, quantize="int8", target=target.name, io="float32", calibration=x, clip="minmax", measure=False
    ).content
    simulated = Simulation(ready.calibrated.integers(), ready.graph)({"x": x[:16]}, everything)
    truth = model.predict(x[:16], verbose=0)
    ours, real = error(next(iter(simulated.values())), truth), error(litert(content, x[:16]), truth)
    assert ours == pytest.approx(real, rel=0.3)


def test_the_simulation_of_c_errs_as_its_definition_does() -> None:
    model, x = ordinary("GRU"), signal(60, 40, 7, 1)
    calibrated = calibrate_c(read_model(model).graph, "int8", "minmax", {"x": x})
    integers = calibrated.integers()
    (name,) = (value.name for value in integers.outputs)
    simulated = Simulation(integers, calibrated.graph)({"x": x[:16]}, everything)[name]
    (exact,) = evaluate_reals(integers, {"x": x[:16]}, [name])
    truth = model.predict(x[:16], verbose=0)
    assert error(simulated, truth) == pytest.approx(error(exact, truth), rel=0.3)


def test_a_group_is_measured_once_while_others_are_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = ordinary("LSTM"), signal(60, 40, 7, 1)
    ready = prepared(model, PHONE, x)
    calibrated = ready.calibrated
    assert calibrated is not None
    ran: list[int] = []
    simulate = Simulation.__call__

    def counted(self: Simulation, *args: Any, **more: Any) -> Any:
        ran.append(1)
        return simulate(self, *args, **more)

    monkeypatch.setattr(Simulation, "__call__", counted)

    def attributed(wide: frozenset[str], known: Any, *, every: bool = True) -> dict[str, float]:
        integers, arithmetic = calibrated.integers(wide), calibrated.plan.arithmetic
        found = attribute(integers, calibrated.graph, arithmetic, PHONE.costs, {"x": x[:16]}, known, every=every)
        return {f"{group.part.name} {group.part.dtype}": group.part.error for group in found}

    known: dict[Any, float] = {}
    first = attributed(frozenset(), known)
    assert len(ran) >= len(first) > 10
    worst = next(iter(first)).split()[0]
    ran.clear()
    after = attributed(frozenset([worst]), known)
    assert 0 < len(ran) < len(first) / 2
    anew = attributed(frozenset([worst]), None)
    assert after == anew
    ran.clear()
    some = attributed(frozenset([worst]), {}, every=False)
    assert len(ran) == len(some) < len(anew)
    assert sum(error != anew[name] for name, error in some.items()) <= 1


@pytest.mark.parametrize("activation", ["linear", "softmax", "sigmoid"])
def test_answers_beyond_those_that_calibration_saw_are_not_cut_off_on_a_phone(activation: str) -> None:
    import keras

    keras.utils.set_random_seed(5)
    core, last = keras.layers.GRU(48), keras.layers.Dense(3, activation=activation, name="last")
    model = keras.Sequential([keras.Input((40, 7), name="x"), core, last])
    last.set_weights([4 * last.get_weights()[0], last.get_weights()[1]])
    x = signal(400, 40, 7, 1)
    logits = np.abs(core(x).numpy() @ last.get_weights()[0]).max(-1)
    order = np.argsort(logits)
    usual, unusual = x[order[:360]], x[order[-8:]]
    assert logits[order[-8:]].mean() > 1.2 * logits[order[359]]
    made = edgernn.convert(model, quantize="int8", calibration=usual)
    truth, all_truths = model.predict(unusual, verbose=0), model.predict(x, verbose=0)
    distance = float(np.sqrt(np.mean((litert(made.content, unusual) - truth) ** 2)) / all_truths.std())
    assert distance < 0.06


def test_with_nothing_rounded_it_is_the_float_model() -> None:
    model, x = ordinary("LSTM"), signal(60, 40, 7, 1)
    ready = prepared(model, PHONE, x)
    assert ready.calibrated is not None
    simulation = Simulation(ready.calibrated.integers(), ready.graph)
    found = simulation({"x": x[:8]}, lambda value: False)
    assert spread_error(found, evaluate(ready.graph, {"x": x[:8]})) < 1e-5


def test_the_state_of_a_lasting_memory_is_found_and_widened() -> None:
    model, x = lasting(), signal(120, 90, 4, 2)
    ready = prepared(model, PHONE, x)
    assert ready.calibrated is not None
    arithmetic = ready.calibrated.plan.arithmetic
    groups = attribute(ready.calibrated.integers(), ready.graph, arithmetic, PHONE.costs, {"x": x[:16]})
    parts = [group.part for group in groups]
    assert parts[0].layer == "lasting"
    assert not parts[0].weights
    assert parts[0].error > 0.03
    found = choose(ready.calibrated, PHONE.costs, {"x": x[:16]}, 0.01, frozenset())
    assert found.before > 0.03
    assert found.error < 0.4 * found.before
    assert parts[0].widened <= found.wide
    held, truth = signal(60, 90, 4, 3), model.predict(signal(60, 90, 4, 3), verbose=0)
    strict = edgernn.convert(model, quantize="int8", calibration=x, strict=True)
    chosen = edgernn.convert(model, quantize="int8", calibration=x)
    assert error(litert(chosen.content, held), truth) < 0.03 < error(litert(strict.content, held), truth)
    assert strict.precision is None
    assert any("16 bits" in note for note in chosen.notes)


def test_an_input_with_16_bits_that_nobody_asked_for_is_told_first() -> None:
    import keras

    random = np.random.default_rng(0)
    far = np.exp(1.5 * random.standard_normal((200, 20, 1)))  # most are small, and the largest take all of the steps
    x = np.asarray(random.choice([-1, 1], far.shape) * far, "f4")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((20, 1), name="x"), keras.layers.GRU(24), keras.layers.Dense(2)])
    made = edgernn.convert(model, quantize="int8", target="micro", calibration=x)
    assert [tensor.dtype for tensor in edgernn.inspect(made.content).inputs] == ["int16"]
    assert made.io_reason.startswith("input 'x' is int16, not int8: 8 bits would cost ")
    assert made.notes[0] == made.io_reason
    kept = edgernn.convert(model, quantize="int8", target="micro", calibration=x, io="int8")
    assert [tensor.dtype for tensor in edgernn.inspect(kept.content).inputs] == ["int8"]
    assert not kept.io_reason


def test_floats_that_somebody_asks_for_are_those_of_a_phone_anyway() -> None:
    model, x = ordinary("GRU"), signal(120, 40, 7, 2)
    usual = edgernn.convert(model, quantize="int8", calibration=x)
    asked = edgernn.convert(model, quantize="int8", calibration=x, io="float32")
    assert usual.precision is not None
    assert usual.precision.wide
    assert asked.content == usual.content


def test_harmless_models_stay_as_they_are() -> None:
    model, x = ordinary("LSTM"), signal(120, 40, 7, 2)
    strict = edgernn.convert(model, quantize="int8", target="micro", calibration=x, strict=True)
    chosen = edgernn.convert(model, quantize="int8", target="micro", calibration=x)
    assert chosen.precision is not None
    assert not chosen.precision.wide
    assert chosen.content == strict.content


def test_rows_of_unlike_sizes_get_a_scale_each_where_one_harms() -> None:
    import keras

    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((30, 8), name="x"), keras.layers.LSTM(17, name="core"), keras.layers.Dense(2)]
    )
    kernel, recurrent, bias = model.layers[0].get_weights()
    gates = np.repeat([1, 1, 0.02, 1], 17)
    model.layers[0].set_weights([kernel * gates * 2, recurrent * gates, bias * gates])
    x, held = signal(200, 30, 8, 2), signal(60, 30, 8, 4)
    truth = model.predict(held, verbose=0)
    chosen = edgernn.convert(model, quantize="int16x8", target="micro", calibration=x)
    plain = edgernn.convert(model, quantize="int16x8", target="micro", calibration=x, strict=True)
    assert error(litert(chosen.content, held), truth) < 0.015 < error(litert(plain.content, held), truth)
    assert any("a scale for each row" in note for note in chosen.notes)


def test_what_it_says_of_its_error_is_what_others_measure() -> None:
    model, x, held = ordinary("LSTM"), signal(200, 40, 7, 2), signal(100, 40, 7, 5)
    result = edgernn.convert(model, quantize="int8", calibration=x)
    assert result.measured is not None
    assert result.measured.aside
    real = error(litert(result.content, held), model.predict(held, verbose=0))
    assert real / 2 < result.measured.error < 2 * real


def test_types_that_the_user_chose_stay() -> None:
    model, x = lasting(), signal(120, 90, 4, 2)
    given = edgernn.convert(model, quantize="int8", target="micro", io="int8", calibration=x, max_error=1e-5)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=given.content)
    types = [found["dtype"] for found in (*interpreter.get_input_details(), *interpreter.get_output_details())]
    assert types == [np.int8, np.int8]


def aside_of(x: Array) -> tuple[set[bytes], set[bytes]]:
    rest, aside = keep_aside(Samples({"x": x}, None))
    return {row.tobytes() for row in rest.inputs["x"]}, {row.tobytes() for row in aside.inputs["x"]}


def test_neither_order_nor_repetition_decides_what_is_kept_aside() -> None:
    x = signal(103, 12, 3, 8)
    rest, aside = aside_of(x)
    assert len(aside) == 15
    assert not rest & aside
    assert len(rest | aside) == 103
    assert aside_of(x[::-1]) == (rest, aside)
    assert aside_of(np.concatenate([x, x[::-1]])) == (rest, aside)
    few, same = keep_aside(Samples({"x": x[:9]}, None))
    assert few.count == same.count == 9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantize": "dynamic", "strict": True}, "are of the schemes int8 and int16x8"),
        ({"quantize": "int8", "strict": True, "max_error": 0.1}, "keeps 8 bits at any error"),
        ({"quantize": "int8", "max_error": 0.0}, "must be larger than 0"),
        ({"quantize": "int8", "max_error": float("nan")}, "must be larger than 0"),
        ({"quantize": "int8", "format": "c", "strict": True}, "are of a .tflite"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        edgernn.convert(ordinary("GRU"), calibration=signal(30, 40, 7, 1), **options)


def test_the_command_line_tells_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    lasting().save(tmp_path / "m.keras")
    np.savez(tmp_path / "x.npz", x=signal(66, 90, 4, 2))
    words = ["convert", str(tmp_path / "m.keras"), "-o", str(tmp_path / "m.tflite"), "--quantize", "int8"]
    words += ["--calibration", str(tmp_path / "x.npz")]
    assert run(words) == 0
    said = capsys.readouterr().err
    assert "of the outputs' spread" in said
    assert "over the limit of 1 %: --quantize dynamic errs less" in said
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["measured"]["kept_aside"]
    assert told["measured"]["samples"] == 9
    assert "lasting" in {entry["layer"] for entry in told["widened"]}
    assert run([*words, "--json", "--no-measure"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["measured"] is None
    assert told["widened"] == []
