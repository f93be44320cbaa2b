"""Ranges are clipped where the answer is the better for it, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from recurrent_graphs import KINDS, graph_of, noise

from edgernn.calibration import calibrate
from edgernn.converters.tflite.arithmetic import TfliteArithmetic
from edgernn.graph import Builder, Graph, map_bodies
from edgernn.passes import separate_operands, simplify
from edgernn.quantization import Calibrated, Plan
from edgernn.quantization.clipping import better_clip
from edgernn.quantization.precision import spread_error
from edgernn.quantization.simulated import Simulation, everything
from edgernn.reference import evaluate

PHONE = Plan(TfliteArithmetic(), "int8", "int8", "int8", "int8", 8.0, wide_bias=True, per_channel=False, clip="minmax")


def calibrated(graph: Graph, samples: dict[str, np.ndarray]) -> Calibrated:
    graph = map_bodies(simplify(graph), separate_operands)
    return Calibrated(graph, calibrate(graph, samples), PHONE, None, ())


def error(of: Calibrated, inputs: dict[str, np.ndarray]) -> float:
    return spread_error(Simulation(of.integers(), of.graph)(inputs, everything), evaluate(of.graph, inputs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_choice_is_never_worse_than_whole_ranges(kind: str, seed: int) -> None:
    graph = graph_of(kind, features=6, units=24, steps=20, seed=seed)
    ready = calibrated(graph, noise(graph, samples=60))
    inputs = noise(graph, samples=30, seed=7)
    chosen = ready.clipped(better_clip(ready, inputs))
    assert error(chosen, inputs) <= error(ready, inputs)


def test_a_large_unit_that_the_answer_lives_by_is_kept_whole() -> None:
    """Of 64 units one is large: to a mean squared error over all of them its peaks are hardly there."""
    b = Builder("model")
    x = b.input("x", (64,))
    hidden = b.affine((x, b.constant("w", np.diag(np.append(np.ones(63), 30.0)).astype("f4"))))
    last = np.append(np.zeros(63), 1.0).astype("f4")[None]
    graph = b.finish(b.affine((hidden, b.constant("v", last))))
    ready, inputs = calibrated(graph, noise(graph, samples=400)), noise(graph, samples=200, seed=2)
    assert error(ready.clipped("mse"), inputs) > 1.1 * error(ready, inputs), "the test tells something"
    assert better_clip(ready, inputs) == better_clip(ready.clipped("mse"), inputs) == "minmax"
