"""Random models as C under sanitizers: right by an oracle of its own, the definition's bits, nothing left undefined.

A model is its seed, so that one that fails is found again: 100 of them here, 1,000 more where tests may be slow.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_batch import Answer, Entry, answers
from numpy_keras import Array
from random_models import RandomModel, random_model, random_model_of

from edgernn.converted import DEFAULT_CLIP
from edgernn.converters.c.compile import CIo, CScheme, lower, write_functions
from edgernn.converters.c.reference import evaluate_integers
from edgernn.converters.keras.source_model import KerasLayer
from edgernn.errors import InputError
from edgernn.graph import Value

FORMS: tuple[tuple[CScheme, CIo], ...] = (
    ("int8", "int8"),
    ("float32", "float32"),
    ("int8", "int16"),
    ("int8", "float32"),
)
CALIBRATION, COMPARED = 60, 6  # samples
FEW, MANY = 25, 100  # models of a program
LARGEST_ERROR = (
    0.1  # root mean square, of the outputs' spread; 0.03 at most was seen, and a scale twice too large is 0.5
)
EXTREMES = (np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40)


def entry(model: RandomModel, name: str, scheme: CScheme, io: CIo) -> Entry:
    """The model as C, with its samples and behind them the ends of what its inputs can hold."""
    graph, masks = lower(model.read().graph, scheme, io, DEFAULT_CLIP, model.samples)
    sources = {mask.name: mask for mask in masks}
    inputs = {}
    for value in graph.inputs:
        if value.name in sources:
            mask = sources[value.name]
            samples = with_ends(model.samples[mask.source][:COMPARED], None)
            inputs[value.name] = (samples != np.float32(mask.value)).any(-1)
        else:
            inputs[value.name] = with_ends(model.samples[value.name][:COMPARED], value)
    return Entry(name, write_functions(graph, name, masks), scheme, inputs)


def with_ends(samples: Array, value: Value | None) -> Array:
    """Samples, quantized if the input is, and as many again of the smallest and largest numbers and both in turn."""
    if value is not None and value.quantization is not None:
        samples = value.quantization.quantize(samples, value.dtype)
    if samples.dtype.kind == "f":
        pattern = np.resize(np.asarray(EXTREMES, "f4"), (2, *samples.shape[1:]))
        ends = [np.full_like(samples[0], number) for number in EXTREMES]
        return np.stack([*samples, *ends, *pattern])
    low, high = np.iinfo(samples.dtype).min, np.iinfo(samples.dtype).max  # of ids too, far beyond the table
    in_turn = np.resize(np.asarray([high, low, low, high, low], samples.dtype), (6, *samples.shape[1:]))
    return np.stack([*samples, np.full_like(samples[0], low), np.full_like(samples[0], high), *in_turn])


def check_definition(entry: Entry, answer: Answer) -> None:
    """Integers are those of the definition, for whatever input."""
    inputs = {name: array[:COMPARED] if array.dtype.kind == "f" else array for name, array in entry.inputs.items()}
    count = min(len(array) for array in inputs.values())
    expected = evaluate_integers(entry.program.graph, {name: array[:count] for name, array in inputs.items()})
    for name, array in expected.items():
        np.testing.assert_array_equal(answer.run[name][:count], array, f"{entry.name} {name}")


def check_oracle(entry: Entry, model: RandomModel, answer: Answer) -> None:
    """The answers are Keras's, within what 8-bit weights cost."""
    for value, whole in zip(entry.program.graph.outputs, model.answers(), strict=True):
        found, expected = answer.run[value.name][:COMPARED], whole[:COMPARED]
        real = found if value.quantization is None else value.quantization.dequantize(found)
        if entry.scheme == "float32":
            np.testing.assert_allclose(real, expected, rtol=1e-4, atol=1e-4, err_msg=entry.name)
        else:
            error = np.sqrt(np.mean((real - expected) ** 2)) / max(float(whole.std()), 1e-2)
            assert error < LARGEST_ERROR, f"{entry.name}: {value.name} is {error:.0%} of its spread off"


def check_steps(entry: Entry, answer: Answer) -> None:
    """Steps answer what the run over the window does."""
    streamed = entry.program.streamed
    if streamed is None:
        return
    window = next(
        value.shape[0] for value, timed in zip(entry.program.graph.inputs, streamed.timed, strict=True) if timed
    )
    for value, known in zip(entry.program.graph.outputs, streamed.outputs, strict=False):
        heard, whole = answer.steps[value.name][:COMPARED], answer.run[value.name][:COMPARED]
        if known.per_hop:
            elements = heard.reshape(COMPARED, -1, *value.shape[1:])[:, known.skip * known.per_hop + known.first :]
            whole = whole[:, : elements.shape[1]]
            heard = elements[:, : whole.shape[1]]
        elif window % streamed.hop or heard.shape[1] <= known.skip:
            continue  # the last step has not seen the window's last frames
        else:
            heard = heard[:, -1].reshape(whole.shape)
        if entry.scheme == "float32":
            np.testing.assert_allclose(heard, whole, rtol=1e-4, atol=1e-4, err_msg=entry.name)
        else:
            np.testing.assert_array_equal(heard, whole, f"{entry.name} {value.name}")


def check_models(seeds: range, folder: Path, compiler: str) -> None:
    models = {f"m{seed}": random_model(seed, CALIBRATION) for seed in seeds}
    forms = {f"m{seed}": FORMS[seed % len(FORMS)] for seed in seeds}
    entries = [entry(model, name, *forms[name]) for name, model in models.items()]
    for each, answer in zip(entries, answers(entries, folder, compiler), strict=True):
        check_oracle(each, models[each.name], answer)
        if each.scheme == "int8":
            check_definition(each, answer)
        check_steps(each, answer)


@pytest.mark.parametrize(
    ("first", "count", "compiler"),
    [
        *((first, FEW, "clang" if first == 50 else "gcc") for first in range(0, 100, FEW)),
        *(
            pytest.param(first, MANY, "clang" if first % 500 == 0 else "gcc", marks=pytest.mark.slow)
            for first in range(100, 1100, MANY)
        ),
    ],
)
def test_random_models_are_right_and_leave_nothing_undefined(
    first: int, count: int, compiler: str, tmp_path: Path
) -> None:
    check_models(range(first, first + count), tmp_path, compiler)


@pytest.mark.parametrize(
    ("first", "count"), [(5000, 20), *(pytest.param(k, 80, marks=pytest.mark.slow) for k in range(6000, 6400, 80))]
)
def test_extreme_weights_and_samples_are_refused_or_stay_within_32_bits(first: int, count: int, tmp_path: Path) -> None:
    entries, refused = [], 0
    for seed in range(first, first + count):
        random = np.random.default_rng(seed)
        with warnings.catch_warnings():  # the oracle's answers, which nothing is compared with here, may overflow
            warnings.simplefilter("ignore")
            model = random_model(seed, CALIBRATION, size=float(10.0 ** random.integers(-12, 13)))
        for name, array in model.samples.items():
            if array.dtype.kind == "f":
                model.samples[name] = array * np.float32(10.0 ** random.integers(-12, 25))
        try:
            entries.append(entry(model, f"m{seed}", *FORMS[seed % len(FORMS)]))
        except InputError:
            refused += 1
    assert refused < count, "some are converted"
    for each, answer in zip(entries, answers(entries, tmp_path), strict=True):
        if each.scheme == "int8":
            check_definition(each, answer)


def rows_of(width: int, steps: int, kind: str) -> RandomModel:
    """A product on every row, or every few rows, of a sequence that lies at the end of memory, behind a larger one."""
    model = random_model_of(3000 + 100 * steps + width, steps)
    model.add(model.recurrent("LSTM", units=16, activation="tanh", return_sequences=True))
    model.add(model.recurrent("SimpleRNN", units=width, activation="tanh", return_sequences=True))
    if kind == "Dense":
        model.add(model.dense(5))
    else:
        config = {"kernel_size": 3, "strides": 1, "dilation_rate": 1, "padding": "valid", "filters": 3}
        weights = {"kernel": model.weight(3, width, 3, spread=0.2)}
        model.add(model.layer("Conv1D", {**config, "activation": "linear", "use_bias": False}, weights))
    model.outputs = [(model.tensor, model.x)]
    return model


@pytest.mark.parametrize("kind", ["Dense", "Conv1D"])
def test_rows_of_any_width_are_read_within_memory(kind: str, tmp_path: Path) -> None:
    models = [rows_of(width, steps, kind) for width in range(1, 11) for steps in (4, 5, 6)]
    entries = [entry(model, f"m{k}", "int8", "int8") for k, model in enumerate(models)]
    for each, model, answer in zip(entries, models, answers(entries, tmp_path), strict=True):
        check_oracle(each, model, answer)
        check_definition(each, answer)


@pytest.mark.parametrize("seed", range(2000, 2016))
def test_the_oracle_is_keras(seed: int) -> None:
    import keras

    model = random_model(seed, 5)
    tensors: dict[tuple[str, int], Any] = {}
    inputs = [keras.Input(each.shape, dtype=each.dtype) for each in model.inputs]
    tensors |= {(each.name, 0): tensor for each, tensor in zip(model.inputs, inputs, strict=True)}
    for call, layer in zip(model.calls, model.layers, strict=True):
        states = [tensors[ref.layer, ref.index] for ref in call.keywords.get("initial_state", ())]
        made = of_keras(keras, layer)
        (argument,) = (tensors[ref.layer, ref.index] for ref in call.arguments)
        found = keras.tree.flatten(made(argument, initial_state=states) if states else made(argument))
        made.set_weights(weights_of(layer))
        tensors |= {(layer.name, k): tensor for k, tensor in enumerate(found)}
    assert model.outputs is not None
    outputs = [tensors[ref.layer, ref.index] for ref, _ in model.outputs]
    found = keras.Model(inputs, outputs)([model.samples[each.name] for each in model.inputs])
    for array, expected in zip(keras.tree.flatten(found), model.answers(), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(array), expected, rtol=1e-4, atol=1e-5)


def of_keras(keras: Any, layer: KerasLayer) -> Any:
    """A layer of Keras."""
    kind, options = getattr(keras.layers, layer.class_name), dict(layer.config)
    children = {role: of_keras(keras, child) for role, child in layer.children.items()}
    match layer.class_name:
        case "Bidirectional":
            return kind(children["forward"], backward_layer=children["backward"], **options)
        case "TimeDistributed":
            return kind(children["layer"])
        case _:
            return kind(**options)


def weights_of(layer: KerasLayer) -> list[Array]:
    """In Keras's order, which is that of the records here."""
    return [*layer.weights.values(), *(array for child in layer.children.values() for array in weights_of(child))]
