"""What a step computes, it computes once: as many functions as a step of the run, whatever is stacked and read."""

from __future__ import annotations

import re

import pytest
from random_models import RandomModel, random_model_of

from edgernn.converters.c.compile import CScheme, lower, write_functions


def stacked(kinds: tuple[str, ...], last: str) -> RandomModel:
    """Cells on top of each other; a head reads the hidden state that the step must keep, too."""
    model = random_model_of(1, steps=7)
    for k, kind in enumerate(kinds):
        sequences = last == "every step" or k < len(kinds) - 1
        model.add(model.recurrent(kind, units=9, activation="tanh", return_sequences=sequences))
    if last != "states":
        model.add(model.dense(9 if last == "as wide" else 4))
    model.outputs = [(model.tensor, model.x)]
    return model


@pytest.mark.parametrize("last", ["states", "as wide", "last step", "every step"])
@pytest.mark.parametrize("kinds", [("LSTM",), ("GRU",), ("SimpleRNN",), ("LSTM", "LSTM"), ("GRU", "LSTM", "SimpleRNN")])
@pytest.mark.parametrize("scheme", ["int8", "float32"])
def test_a_step_computes_each_function_once(kinds: tuple[str, ...], last: str, scheme: CScheme) -> None:
    model = stacked(kinds, last)
    graph, masks = lower(model.read().graph, scheme, scheme, "mse", model.samples)
    program = write_functions(graph, "model", masks)
    assert program.step is not None

    def calls(lines: tuple[str, ...]) -> int:
        return len(re.findall(r"edgernn_(?:table|sigmoid_f32|tanh_f32|exp_f32)\(", "\n".join(lines)))

    assert calls(program.step.lines) == calls(program.run.lines)
