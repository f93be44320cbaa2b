"""The verb ``train``: a recipe, a cell and a size in; a model, calibration samples, test samples and a record out."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from edgernn.errors import UnsupportedError
from edgernn.training import fit, network
from edgernn.training.catalog import find_recipe
from edgernn.training.download import fetch
from edgernn.training.output import OutputFolder
from edgernn.training.recipe import Dataset, Recipe, Settings

MAX_CALIBRATION = 200
STARTING_KERAS = "starting Keras"
_LIMITS = {"units": 4096, "layers": 8, "epochs": 10_000, "batch_size": 65_536, "seed": 2**32 - 1}


@dataclass(frozen=True)
class Score:
    """A score and what reached it.

    Attributes:
        name: of the model or baseline.
        score: in the recipe's metric, on the test samples.
    """

    name: str
    score: float


@dataclass(frozen=True)
class TrainResult:
    """A finished training run.

    Attributes:
        folder: holds model.keras, calibration.npz, test.npz and run.json.
        recipe: the recipe's name.
        cell: lstm, gru or simplernn.
        units: per layer.
        layers: recurrent layers.
        seed: which decided the initial weights and the order of samples.
        settings: epochs, batch size and learning rate, as used.
        metric: the name of the score.
        score: on the test samples.
        baselines: what simpler answers reach on the same samples, the naive one first.
        parameters: of the whole model.
        samples: how many there are, by name of the split.
        history: one entry per epoch.
        seconds: that training took, compilation included, loading excluded.
        document: all of this as written to run.json.
    """

    folder: Path
    recipe: str
    cell: str
    units: int
    layers: int
    seed: int
    settings: Settings
    metric: str
    score: float
    baselines: tuple[Score, ...]
    parameters: int
    samples: dict[str, int]
    history: tuple[fit.Epoch, ...]
    seconds: float
    document: dict[str, Any]


def train(
    recipe: str | Recipe,
    *,
    cell: str,
    units: int,
    output: str | os.PathLike[str],
    seed: int = 0,
    layers: int = 1,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    force: bool = False,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_epoch: Callable[[fit.Epoch], None] = lambda epoch: None,
) -> TrainResult:
    """Train a model by a recipe and write it, with samples to calibrate and test it, into a folder.

    The same arguments give the same weights on the same machine and package versions. To that end this seeds the
    global generators of Python, NumPy and the Keras backend.

    Args:
        recipe: a recipe or its name.
        cell: lstm, gru or simplernn.
        units: size of each layer's state.
        output: the folder; it and its parents are made if missing, and only once everything has succeeded.
        seed: decides the initial weights and the order of samples.
        layers: recurrent layers, one upon the other.
        epochs: instead of the recipe's.
        batch_size: instead of the recipe's.
        learning_rate: instead of the recipe's.
        force: replace an earlier run in the folder.
        on_stage: called with a few words when something that takes time begins.
        on_epoch: called after each epoch.

    Raises:
        InputError: unknown recipe or cell, a value out of range, a folder that is taken or cannot be written, or
            training that diverged.
        EnvironmentProblem: a package or the data is missing.
    """
    chosen = find_recipe(recipe) if isinstance(recipe, str) else recipe
    usual = chosen.settings
    settings = Settings(
        epochs=usual.epochs if epochs is None else epochs,
        batch_size=usual.batch_size if batch_size is None else batch_size,
        learning_rate=usual.learning_rate if learning_rate is None else learning_rate,
    )
    cell = cell.lower()
    _check(cell, {"units": units, "layers": layers, "seed": seed, **asdict(settings)})
    with OutputFolder(Path(output), replace_run=force) as folder:
        on_stage(f"loading {chosen.name}")
        data = chosen.load(fetch(chosen.source))
        on_stage(STARTING_KERAS)
        keras = network.import_keras()
        keras.utils.set_random_seed(seed)
        model = network.build_network(keras, chosen, cell, units, layers)
        on_stage("training")
        start = time.perf_counter()
        history = fit.fit(keras, model, data, settings, seed, on_epoch)
        seconds = time.perf_counter() - start
        result = TrainResult(
            folder=Path(output),
            recipe=chosen.name,
            cell=cell,
            units=units,
            layers=layers,
            seed=seed,
            settings=settings,
            metric=chosen.metric,
            score=fit.accuracy(fit.predict(model, data.test.x), data.test),
            baselines=(
                Score("most frequent class", fit.most_frequent_class(data)),
                Score("nearest class mean", fit.nearest_class_mean(data, chosen.padding)),
            ),
            parameters=model.count_params(),
            samples={name: len(getattr(data, name).x) for name in ("train", "validation", "test")},
            history=history,
            seconds=seconds,
            document={},
        )
        result = replace(result, document=_document(result, chosen, keras.backend.backend()))
        model.save(folder.path / "model.keras")
        _write(folder.path, data, result.document)
        folder.commit()
    return result


def _check(cell: str, numbers: dict[str, float]) -> None:
    """Gather every argument that is out of range."""
    broken = []
    if cell not in network.CELLS:
        broken.append((f"cell: must be one of {', '.join(network.CELLS)}. Found: '{cell}'.", ""))
    for name, limit in _LIMITS.items():
        least = 0 if name == "seed" else 1
        if not isinstance(numbers[name], int) or not least <= numbers[name] <= limit:
            text = f"{name.replace('_', ' ')}: must be a whole number from {least} to {limit}. Found: {numbers[name]}."
            broken.append((text, ""))
    if not (isfinite(numbers["learning_rate"]) and numbers["learning_rate"] > 0):
        broken.append((f"learning rate: must be a positive number. Found: {numbers['learning_rate']}.", ""))
    if broken:
        raise UnsupportedError(broken)


def _document(result: TrainResult, recipe: Recipe, backend: str) -> dict[str, Any]:
    """What run.json holds, and what the command prints with --json."""
    packages = ("edgernn", "keras", backend, "numpy")
    return {
        "schema": "edgernn.train",
        "version": 1,
        "recipe": result.recipe,
        "cell": result.cell,
        "units": result.units,
        "layers": result.layers,
        "seed": result.seed,
        **asdict(result.settings),
        "metric": result.metric,
        "score": result.score,
        "baselines": [asdict(baseline) for baseline in result.baselines],
        "parameters": result.parameters,
        "seconds": round(result.seconds, 3),
        "seconds_per_epoch": round(result.seconds / result.settings.epochs, 4),
        "samples": result.samples,
        "calibration_samples": min(result.samples["train"], MAX_CALIBRATION),
        "steps": recipe.steps,
        "features": recipe.features,
        "classes": list(recipe.classes),
        "data": {
            "package": f"{recipe.source.package}=={recipe.source.version}",
            "licence": recipe.source.licence,
            "origin": recipe.source.origin,
            "sha256": {member.path: member.sha256 for member in recipe.source.members},
        },
        "history": {
            "loss": [epoch.loss for epoch in result.history],
            "validation_loss": [epoch.validation_loss for epoch in result.history],
            "validation_score": [epoch.validation_score for epoch in result.history],
        },
        "versions": {
            "python": platform.python_version(),
            **{package: _version(package) for package in packages},
        },
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _write(folder: Path, data: Dataset, document: dict[str, Any]) -> None:
    """Write the samples and the record beside the model."""
    # Evenly spread over the training split, which is in the order of its speakers or subjects.
    chosen = np.linspace(0, len(data.train.x) - 1, min(len(data.train.x), MAX_CALIBRATION)).round().astype(int)
    np.savez_compressed(folder / "calibration.npz", x=data.train.x[chosen])  # the name of the model's input
    np.savez_compressed(folder / "test.npz", x=data.test.x, y=data.test.y)
    (folder / "run.json").write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
