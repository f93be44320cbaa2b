"""The workload of the benchmark: one recurrent layer, one Dense layer, correlated inputs.

It is small enough to convert in seconds and large enough (64 units, 64 steps) to tell a loop from an unrolled graph.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SAMPLES = 96
CALIBRATION_SAMPLES = 64
LARGEST_BIAS = 0.3


@dataclass(frozen=True)
class Size:
    """How large the workload is; every measurement is made at one size."""

    units: int = 64
    steps: int = 64
    features: int = 16
    outputs: int = 8

    def __str__(self) -> str:
        """Units and steps, which are what the benchmark varies: `64x64`."""
        return f"{self.units}x{self.steps}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """The inverse of `str`.

        Raises:
            ValueError: `text` is not two integers joined by an x.
        """
        units, steps = text.split("x")
        return cls(int(units), int(steps))


def samples(size: Size, seed: int = 0) -> tuple[Samples, Samples]:
    """Calibration and test inputs, float32 `[samples, steps, features]`.

    Each feature is a first-order autoregressive process of unit variance, ``x_t = 0.8 x_(t-1) + 0.6 e_t`` with standard
    normal e_t: neighbouring steps are alike, as they are in a sensor's signal, and unlike in white noise.
    """
    noise = np.random.default_rng(seed + 1).standard_normal((SAMPLES, size.steps, size.features)).astype(np.float32)
    inputs = noise.copy()
    for step in range(1, size.steps):
        inputs[:, step] = 0.8 * inputs[:, step - 1] + 0.6 * noise[:, step]
    return inputs[:CALIBRATION_SAMPLES], inputs[CALIBRATION_SAMPLES:]


def workload(
    cell: str, size: Size, *, seed: int = 0, builder: Any = None, **options: Any
) -> tuple[Any, Samples, Samples]:
    """The Keras model, calibration inputs and test inputs.

    Weights are Keras's default initializers at `seed`; biases are uniform in [-0.3, 0.3], so that no path of the
    network hides behind zeros.

    Args:
        cell: class name of a recurrent Keras layer, `LSTM` or `GRU`.
        size: units, steps, features and outputs.
        seed: of weights and inputs.
        builder: the module to build with, for legacy Keras 2; Keras 3 by default.
        **options: further arguments of the recurrent layer (`unroll=True`).
    """
    builder = builder or importlib.import_module("keras")
    builder.utils.set_random_seed(seed)
    biases = builder.initializers.RandomUniform(-LARGEST_BIAS, LARGEST_BIAS, seed=seed)
    # One sample at a time, as on a device: a free batch axis would make the stock converter emit dynamic shapes.
    inputs = builder.Input((size.steps, size.features), batch_size=1)
    hidden = getattr(builder.layers, cell)(size.units, bias_initializer=biases, **options)(inputs)
    model = builder.Model(inputs, builder.layers.Dense(size.outputs, bias_initializer=biases)(hidden))
    return model, *samples(size, seed)


def prepare(folder: Path, cell: str, size: Size) -> None:
    """Write what every measurement of one cell shares, so that none of them has to load TensorFlow.

    Leaves `model.keras`, `calibration.npz` and `test.npz` (the inputs under `x`), `expected.npy` (Keras's outputs for
    the test inputs, float32 `[samples, outputs]`) and `weights.npz` (in Keras's order) in `folder`.
    """
    model, calibration, test = workload(cell, size)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    np.savez(folder / "calibration.npz", x=calibration)
    np.savez(folder / "test.npz", x=test)
    np.savez(folder / "weights.npz", *model.get_weights())
    expected = [model(sample[np.newaxis]).numpy()[0] for sample in test]
    np.save(folder / "expected.npy", np.array(expected, np.float32))


if __name__ == "__main__":  # in a process of its own: python -m benchmarks.workload FOLDER CELL SIZE
    prepare(Path(sys.argv[1]), sys.argv[2], Size.parse(sys.argv[3]))
    print(json.dumps({"prepared": sys.argv[2]}))
