"""A trained network as a user has it: a Keras file, samples to calibrate with, a test, and what Keras answers to it.

Made once from the stored weights and the data, by Keras in a process of its own, so that measuring needs no TensorFlow:

    python -m benchmarks.fidelity.prepared NAME ...
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.child import ROOT, run_module
from benchmarks.fidelity.catalog import TASKS, models
from benchmarks.fidelity.scores import score
from benchmarks.fidelity.task import Array, Examples, Model
from benchmarks.fidelity.training import build, load_weights, predict, record_path
from edgernn.errors import EdgernnError
from edgernn.files import atomic_write
from edgernn.training.network import import_keras

CACHE = ROOT / "runs" / "fidelity"
CALIBRATION = 512
_SHUFFLE = 7  # of the training examples, to calibrate with the first of them


@dataclass(frozen=True)
class Prepared:
    """What measuring a network needs.

    Attributes:
        model: which network.
        file: the Keras model.
        calibration: up to 512 samples by input.
        test: examples.
        expected: Keras's answers to these.
        score: the metric of those.
        naive: that of an answer which needs no network.
    """

    model: Model
    file: Path
    calibration: dict[str, Array]
    test: Examples
    expected: Array
    score: float
    naive: float

    def first(self, count: int) -> Prepared:
        """The same with a shorter test."""
        test, expected = self.test.select(slice(0, count)), self.expected[:count]
        reached = score(self.model.task.metric, expected, test)
        return Prepared(self.model, self.file, self.calibration, test, expected, reached, self.naive)


def trained() -> list[Model]:
    """The networks that have weights."""
    return [model for model in models(TASKS) if record_path(model).exists()]


def prepare(wanted: Sequence[Model], announce: Callable[[str], None]) -> list[Prepared]:
    """Make what is missing; a network whose data cannot be had is left out."""
    missing = [model.name for model in wanted if not _is_there(model)]
    if missing:
        announce(f"preparing {len(missing)} networks with Keras")
        outcome = run_module("benchmarks.fidelity.prepared", *missing)
        for text in [outcome.failure] if outcome.failure else outcome.value["failures"]:
            announce(text)
    return [_read(model) for model in wanted if _is_there(model)]


def _folder(model: Model) -> Path:
    """By the weights: other weights are another folder."""
    digest = hashlib.sha256(record_path(model).with_suffix(".npz").read_bytes()).hexdigest()
    return CACHE / "models" / f"{model.name}-{digest[:8]}"


def _is_there(model: Model) -> bool:
    return (_folder(model) / "scores.json").exists()


def _read(model: Model) -> Prepared:
    folder = _folder(model)
    with np.load(folder / "samples.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    sides = [{name[len(side) :]: array for name, array in arrays.items() if name.startswith(side)}
             for side in ("calibration-", "test-")]  # fmt: skip
    test = Examples(sides[1], arrays["y"], arrays.get("weight"))
    scores = json.loads((folder / "scores.json").read_text())
    return Prepared(model, folder / "model.keras", sides[0], test, arrays["expected"], **scores)


def _make(names: Sequence[str]) -> list[str]:
    """Make them in this process, with Keras; what went wrong."""
    keras, failures = import_keras(), []
    for model in (model for model in trained() if model.name in names):
        try:
            data = model.task.load()
        except EdgernnError as error:
            failures.append(f"{model.name}: {error.message}")
            continue
        network = build(keras, model, data.train)
        load_weights(network, model)
        expected = predict(network, data.test)
        folder = _folder(model)
        folder.mkdir(parents=True, exist_ok=True)
        network.save(folder / "model.keras")
        calibration = data.train.shuffled(_SHUFFLE).select(slice(0, CALIBRATION))
        arrays = {f"calibration-{name}": array for name, array in calibration.x.items()}
        arrays |= {f"test-{name}": array for name, array in data.test.x.items()}
        weight = {} if data.test.weight is None else {"weight": data.test.weight}
        np.savez(folder / "samples.npz", expected=expected, y=data.test.y, **weight, **arrays)  # type: ignore[arg-type]
        scores = {"score": score(model.task.metric, expected, data.test), "naive": data.naive}
        atomic_write(folder / "scores.json", json.dumps(scores))
    return failures


if __name__ == "__main__":
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    print(json.dumps({"failures": _make(sys.argv[1:])}))
