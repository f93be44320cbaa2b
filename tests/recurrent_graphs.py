"""Small recurrent graphs without Keras, for tests of passes, quantization and lowering."""

from __future__ import annotations

import numpy as np

from edgernn.cells import GRU, LSTM, Cell, Gates, SimpleRNN, run
from edgernn.graph import Builder, Graph, Value
from edgernn.graph import operators as ops

KINDS = ("simple-rnn", "lstm", "gru-after", "gru-before")


def tanh(b: Builder, x: Value) -> Value:
    """The candidate's function."""
    return b.apply(ops.Unary("tanh"), x)


def sigmoid(b: Builder, x: Value) -> Value:
    """The gates' function."""
    return b.apply(ops.Unary("sigmoid"), x)


def random_cell(kind: str, features: int, units: int, seed: int = 0) -> Cell:
    """A cell with random weights and non-zero biases."""
    random = np.random.default_rng(seed)
    gates = {"simple-rnn": 1, "lstm": 4}.get(kind, 3)
    biases = (2, gates * units) if kind == "gru-after" else (gates * units,)
    weights = (
        random.normal(0, 0.4, (features, gates * units)),
        random.normal(0, 0.6 / np.sqrt(units), (units, gates * units)),
        random.uniform(-0.3, 0.3, biases).astype("f4"),
    )
    match kind:
        case "simple-rnn":
            return SimpleRNN(Gates.split(SimpleRNN.order, *weights), tanh)
        case "lstm":
            return LSTM(Gates.split(LSTM.order, *weights), tanh, sigmoid)
        case _:
            return GRU(Gates.split(GRU.order, *weights), tanh, sigmoid, kind == "gru-after")


def graph_of(
    kind: str,
    features: int = 3,
    units: int = 5,
    steps: int = 8,
    *,
    reverse: bool = False,
    last: bool = True,
    seed: int = 0,
) -> Graph:
    """A model of one cell: its last output, or all of them."""
    b = Builder("model")
    x = b.input("x", (steps, features))
    b.layer = "cell"
    result = run(b, [random_cell(kind, features, units, seed)], x, reverse=reverse)
    return b.finish(result.last if last else result.sequence)


def noise(graph: Graph, samples: int = 16, seed: int = 1) -> dict[str, np.ndarray]:
    """Standard normal inputs."""
    random = np.random.default_rng(seed)
    return {value.name: random.standard_normal((samples, *value.shape)).astype("f4") for value in graph.inputs}
