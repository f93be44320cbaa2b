"""Every form that the compiler chooses by size, steps, scheme or weights is reached on purpose, at realistic sizes.

A row names the choices that it is there for. It is asserted that the compiler made them, and that the file answers as
Keras does on the runtimes of its target. Together the rows have every choice that there is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import edgernn
from conformance.cases import Build
from conformance.form_models import adjusted, hoarding, recurrent, text
from conformance.forms import TRAITS, traits
from conformance.test_conformance import ABOUT, SAMPLES, TESTED, TOLERANCE, draw, masks_of, relative_error, run
from edgernn.compiler import Options, compile_graph
from edgernn.converters.keras.reader import ReadModel, read_model
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.session import open_session
from edgernn.targets import MICRO, PHONE, Form, Io, Scheme, Target

Array = NDArray[Any]
# Models, and which of their steps are masked.
MODELS: dict[str, tuple[Build, str]] = {
    "lstm 32 x 24": (recurrent("LSTM", 32, (24, 8)), ""),
    "lstm 32 x 24, masked": (recurrent("LSTM", 32, (24, 8), masked=True), "right"),
    "lstm 64 x 8, masked": (recurrent("LSTM", 64, (8, 5), masked=True), "scattered"),
    "lstm 32 x 48, hoarding": (hoarding(recurrent("LSTM", 32, (48, 8))), ""),
    "lstm 48 x 30, text": (text("LSTM", 48, 30, mask=True), "ids"),
    "gru 48 x 50, text": (text("GRU", 48, 50, mask=True), "ids"),
    "gru 32 x 27": (recurrent("GRU", 32, (27, 7)), ""),
    "gru 40 x 33, masked": (recurrent("GRU", 40, (33, 6), masked=True, return_sequences=True), "left"),
    "gru 64 x 40": (recurrent("GRU", 64, (40, 16)), ""),
    "gru 64 x 20, small kernel": (adjusted(recurrent("GRU", 64, (20, 16)), kernel=0.1), ""),
    "gru 24 x 24, wide": (recurrent("GRU", 24, (24, 60)), ""),
    "gru-before 40 x 36, backwards": (
        recurrent("GRU", 40, (36, 7), reset_after=False, go_backwards=True, return_sequences=True),
        "",
    ),
    "rnn 64 x 29": (recurrent("SimpleRNN", 64, (29, 9)), ""),
    "rnn 64 x 36, masked": (recurrent("SimpleRNN", 64, (36, 9), masked=True), "right"),
    "rnn 64 x 29, masked": (recurrent("SimpleRNN", 64, (29, 9), masked=True), "all"),
}
FOUR, THREE, TWO = ({"loop": f"{count} steps a turn"} for count in (4, 3, 2))
ONE = {"loop": "1 step a turn"}
SMALL = {"loop": "1 step a turn, or the file would grow"}
COMPUTED, GIVEN = {"mask": "computed"}, {"mask": "an input"}
JOINED, HOISTED = {"products of x": "joined with h"}, {"products of x": "before the loop"}
ROWS: list[tuple[str, Scheme, Target, Form, dict[str, str]]] = [
    ("lstm 32 x 24", "float32", PHONE, "while", {**FOUR, **JOINED, "gates": "by function", "mask": "none"}),
    ("lstm 32 x 24", "dynamic", PHONE, "while", {**FOUR, **HOISTED, "kernel": "float16", "biases": "float"}),
    ("lstm 32 x 24", "int8", PHONE, "while", {**FOUR, **HOISTED, "biases": "32 bits", "states": "int8"}),
    ("lstm 32 x 24", "int16x8", PHONE, "while", {**FOUR, **JOINED, "biases": "64 bits", "taken by": "SLICE"}),
    ("lstm 32 x 24", "float32", PHONE, "unrolled", {"loop": "unrolled"}),
    ("lstm 32 x 24", "float32", PHONE, "fused", {"loop": "fused"}),
    ("lstm 32 x 24", "int8", MICRO, "while-variable", {**ONE, "biases": "a column", "gates": "one product"}),
    ("lstm 32 x 24", "int16x8", MICRO, "while-variable", {"biases": "a column", "taken by": "SLICE"}),
    ("lstm 32 x 24", "int8", MICRO, "while", {"window": "loop variable", "states": "int16"}),
    ("lstm 32 x 24, masked", "float32", PHONE, "while", {**FOUR, **COMPUTED, "taken by": "GATHER and SLICE"}),
    ("lstm 32 x 24, masked", "float16", PHONE, "while", {**FOUR, **COMPUTED, "kernel": "float16"}),
    ("lstm 32 x 24, masked", "dynamic", PHONE, "while", {**FOUR, **COMPUTED}),
    ("lstm 32 x 24, masked", "int8", PHONE, "while", {**SMALL, **COMPUTED}),
    ("lstm 32 x 24, masked", "int16x8", PHONE, "while", {**FOUR, **COMPUTED}),
    ("lstm 32 x 24, masked", "float32", PHONE, "unrolled", {"loop": "unrolled", **COMPUTED}),
    ("lstm 32 x 24, masked", "int8", PHONE, "unrolled", {"loop": "unrolled", **COMPUTED}),
    ("lstm 32 x 24, masked", "float32", MICRO, "unrolled", {"loop": "unrolled", **COMPUTED}),
    ("lstm 32 x 24, masked", "int8", MICRO, "unrolled", {"loop": "unrolled", **GIVEN}),
    ("lstm 32 x 24, masked", "float32", MICRO, "while-variable", {**ONE, **COMPUTED, "states": "float32"}),
    ("lstm 32 x 24, masked", "int8", MICRO, "while-variable", {**ONE, **GIVEN}),
    ("lstm 32 x 24, masked", "int16x8", MICRO, "while-variable", {**ONE, **GIVEN}),
    ("lstm 64 x 8, masked", "float32", PHONE, "while", {**FOUR, **COMPUTED}),
    ("lstm 64 x 8, masked", "int8", PHONE, "while", {**FOUR, **COMPUTED}),
    ("lstm 64 x 8, masked", "float32", PHONE, "while-variable", {**FOUR, **COMPUTED, "window": "variable"}),
    ("lstm 32 x 48, hoarding", "int8", PHONE, "while", {**FOUR, "states": "int16 and int8"}),
    ("lstm 32 x 48, hoarding", "int8", MICRO, "while-variable", {"biases": "columns"}),
    ("lstm 48 x 30, text", "float32", PHONE, "while", {**THREE, **COMPUTED, "embedding": "float32"}),
    ("lstm 48 x 30, text", "float16", PHONE, "while", {**THREE, **COMPUTED, "embedding": "float16"}),
    ("lstm 48 x 30, text", "dynamic", PHONE, "while", {**THREE, **COMPUTED, "embedding": "int8, widened"}),
    ("lstm 48 x 30, text", "int8", PHONE, "while", {**THREE, **COMPUTED, "embedding": "int8"}),
    ("lstm 48 x 30, text", "int8", MICRO, "while-variable", {**COMPUTED, "embedding": "int8"}),
    ("gru 48 x 50, text", "float32", PHONE, "while", {**TWO, **COMPUTED}),
    ("gru 48 x 50, text", "dynamic", PHONE, "while", {**TWO, **COMPUTED}),
    ("gru 48 x 50, text", "int8", PHONE, "while", {**TWO, **COMPUTED}),
    ("gru 48 x 50, text", "int16x8", PHONE, "while", {**TWO, **COMPUTED}),
    ("gru 48 x 50, text", "float32", MICRO, "while-variable", {**ONE, **COMPUTED}),
    ("gru 48 x 50, text", "int16x8", MICRO, "while-variable", {**ONE, **COMPUTED}),
    ("gru 32 x 27", "float16", PHONE, "while", {**THREE, "embedding": "none"}),
    ("gru 32 x 27", "int8", PHONE, "while", THREE),
    ("gru 32 x 27", "int8", MICRO, "while-variable", {**ONE, **JOINED}),
    ("gru 40 x 33, masked", "float32", PHONE, "while", {**THREE, **COMPUTED}),
    ("gru 40 x 33, masked", "dynamic", PHONE, "while", {**THREE, **COMPUTED}),
    ("gru 40 x 33, masked", "int8", PHONE, "while", {**THREE, **COMPUTED}),
    ("gru 40 x 33, masked", "int8", MICRO, "while-variable", GIVEN),
    ("gru 64 x 40", "int8", MICRO, "while-variable", {**JOINED, "biases": "64 bits and a column"}),
    ("gru 64 x 40", "dynamic", PHONE, "while", {**FOUR, **HOISTED}),
    ("gru 64 x 20, small kernel", "int8", MICRO, "while-variable", {"products of x": "beside h"}),
    ("gru 24 x 24, wide", "dynamic", PHONE, "while", {**FOUR, "kernel": "int8, widened"}),
    ("gru-before 40 x 36, backwards", "float32", PHONE, "while", {**FOUR, "direction": "backward"}),
    ("gru-before 40 x 36, backwards", "int8", PHONE, "while", {**FOUR, "direction": "backward"}),
    (
        "gru-before 40 x 36, backwards",
        "int16x8",
        PHONE,
        "while",
        {**FOUR, "direction": "backward", "taken by": "SLICE"},
    ),
    ("gru-before 40 x 36, backwards", "int8", MICRO, "while-variable", {"direction": "backward", "window": "variable"}),
    ("rnn 64 x 29", "float32", PHONE, "while", {**ONE, "direction": "forward", "kernel": "float32"}),
    ("rnn 64 x 29", "int8", PHONE, "while", {**ONE, "kernel": "int8", "taken by": "GATHER"}),
    ("rnn 64 x 36, masked", "float32", PHONE, "while", {**FOUR, **COMPUTED}),
    ("rnn 64 x 36, masked", "dynamic", PHONE, "while", {**FOUR, **COMPUTED}),
    ("rnn 64 x 36, masked", "int8", PHONE, "while", {**FOUR, **COMPUTED}),
    ("rnn 64 x 29, masked", "int8", PHONE, "while", {**ONE, **COMPUTED}),
    ("rnn 64 x 29, masked", "int8", MICRO, "while-variable", GIVEN),
]
LOOSER = {("float32", "phone"): 5e-5, ("float32", "micro"): 5e-5, ("int8", "micro"): 8e-2}  # windows are longer


@lru_cache(maxsize=2)
def prepared(name: str) -> tuple[Any, ReadModel, dict[str, Array], list[Array]]:
    """The model, as Keras and as read, samples, and Keras's outputs for the first few."""
    import keras

    build, mask = MODELS[name]
    keras.utils.set_random_seed(5)
    model = build(keras)
    read = read_model(model)
    (value,) = read.graph.inputs
    samples = {value.name: draw((SAMPLES, *value.shape), value.dtype, "" if mask == "ids" else mask)}
    result = model(samples[value.name][:TESTED], training=False)
    return model, read, samples, [np.asarray(tensor) for tensor in keras.tree.flatten(result)]


@pytest.mark.parametrize(("name", "scheme", "target", "form", "wanted"), ROWS, ids=lambda v: getattr(v, "name", None))
def test_a_form_is_chosen_and_right(
    name: str, scheme: Scheme, target: Target, form: Form, wanted: dict[str, str]
) -> None:
    _, read, samples, expected = prepared(name)
    micro: dict[Scheme, Io] = {"int8": "int8", "int16x8": "int16"}
    io = micro.get(scheme, "float32") if target is MICRO else "float32"
    content = compile_graph(read.graph, Options(scheme, target, form, io, "minmax"), samples, ABOUT)
    found = traits(read_tflite(content), read.graph.inputs[0].shape[0], target.block)
    assert {trait: found.get(trait) for trait in wanted} == wanted
    tolerance = {**TOLERANCE, **LOOSER}.get((scheme, target.name), 0.15 if scheme == "int8" else 3e-2)
    for runtime in ("litert", "micro") if target is MICRO else ("litert",):
        session = open_session(content, runtime)
        rows = [{n: a[k] for n, a in samples.items()} for k in (*range(TESTED), 0)]
        outputs = []
        for row in rows:
            session.reset()  # only the fused kernel keeps a state
            outputs.append(run(session, read, row, masks_of(content)))
        assert all(np.array_equal(a, b) for a, b in zip(outputs[0], outputs[-1], strict=True))
        assert relative_error(outputs[:TESTED], expected) <= tolerance, runtime


def test_every_choice_is_made_by_a_row() -> None:
    made = {choice for *_, wanted in ROWS for choice in wanted.items()}
    assert made == {(trait, choice) for trait, choices in TRAITS.items() for choice in choices}


STREAMS: list[tuple[str, int, Scheme, str, str]] = [
    ("lstm 64 x 8, masked", 1, "float32", "phone", "io"),
    ("lstm 64 x 8, masked", 4, "int8", "phone", "internal"),
    ("lstm 64 x 8, masked", 1, "float32", "micro", "internal"),
    ("lstm 64 x 8, masked", 4, "float32", "micro", "io"),
    ("gru 48 x 50, text", 1, "dynamic", "phone", "io"),
    ("gru 48 x 50, text", 25, "float32", "phone", "internal"),
    ("gru 48 x 50, text", 25, "int8", "phone", "io"),
    ("gru 48 x 50, text", 1, "int8", "micro", "io"),
    ("gru 48 x 50, text", 25, "int8", "micro", "internal"),
]


@pytest.mark.parametrize(("name", "hop", "scheme", "target", "state"), STREAMS)
def test_masks_in_a_stream(name: str, hop: int, scheme: Scheme, target: str, state: str) -> None:
    model, _, samples, (expected,) = prepared(name)
    options: dict[str, Any] = {"calibration": samples, "clip": "minmax"} if scheme == "int8" else {}
    made = edgernn.convert(model, quantize=scheme, target=target, streaming=True, hop=hop, state=state, **options)
    (given,) = samples.values()
    tolerance = {"int8": 0.2, "dynamic": 0.05}.get(scheme, 1e-4)
    for runtime in ("litert", "micro") if target == "micro" else ("litert",):
        for sample, wanted in zip(given, expected[:2], strict=False):
            with edgernn.StreamingSession(made.content, runtime=runtime) as session:
                for start in range(0, len(sample), hop):
                    answer = session.step(sample[start] if hop == 1 else sample[start : start + hop])
            assert np.abs(answer - wanted).max() <= tolerance * np.abs(expected).max(), runtime
