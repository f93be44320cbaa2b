"""The verb ``train``: a recipe, a cell and a size in; a model, calibration samples, test samples and a record out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from edgernn.training import fit, network
from edgernn.training.arguments import check_arguments
from edgernn.training.catalog import find_recipe
from edgernn.training.download import fetch
from edgernn.training.output import OutputFolder
from edgernn.training.recipe import Recipe, Settings
from edgernn.training.record import training_record
from edgernn.training.samples import baseline_scores, counts, save_samples
from edgernn.training.sizes import Shape, recurrent_parameters

STARTING_KERAS = "starting Keras"


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
        folder: holds model.keras, run.json and, unless that was turned off, calibration.npz and test.npz.
        recipe: the recipe's name.
        cell: lstm, gru, simplernn or cnn.
        units: per layer; of a CNN, those of the GRU whose parameters were its budget.
        layers: recurrent layers.
        seed: which decided the share, the initial weights and the order of samples.
        fraction: of the training split that was used.
        settings: epochs, batch size and learning rate, as used.
        updates: steps of the optimizer in all epochs.
        metric: the name of the score.
        score: on the test samples.
        baselines: what simpler answers reach on the same samples, the naive one first.
        parameters: of the whole model.
        recurrent_parameters: of these, of the recurrent layers.
        samples: how many there are, by name of the split; of the training split, in the share that was used.
        history: one entry per epoch.
        seconds: that training took, compilation included, loading excluded.
        seconds_per_epoch: median of the epochs' times, without the first, which compiles, if there are more.
        document: all of this as written to run.json.
        notes: which files in the folder were kept under another name.
    """

    folder: Path
    recipe: str
    cell: str
    units: int
    layers: int
    seed: int
    fraction: float
    settings: Settings
    updates: int
    metric: str
    score: float
    baselines: tuple[Score, ...]
    parameters: int
    recurrent_parameters: int
    samples: dict[str, int]
    history: tuple[fit.Epoch, ...]
    seconds: float
    seconds_per_epoch: float
    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def train(
    recipe: str | Recipe,
    *,
    cell: str,
    units: int,
    output: str | os.PathLike[str],
    seed: int = 0,
    layers: int = 1,
    fraction: float = 1.0,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    samples: bool = True,
    force: bool = False,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_epoch: Callable[[fit.Epoch], None] = lambda epoch: None,
) -> TrainResult:
    """Train a model by a recipe and write it, with samples to calibrate and test it, into a folder.

    The same arguments give the same weights on the same machine and package versions. To that end this seeds the
    global generators of Python, NumPy and the Keras backend.

    Args:
        recipe: a recipe or its name.
        cell: lstm, gru, simplernn or cnn.
        units: size of each layer's state; a CNN gets as many parameters as a GRU of that size has, and never more.
        output: the folder; it and its parents are made if missing, and only once everything has succeeded.
        seed: decides the share, the initial weights and the order of samples.
        layers: recurrent layers, one upon the other; a CNN has its own.
        fraction: share of the training split to learn from, by whole recordings of each class.
        epochs: instead of the recipe's. From a share there are as many more as make the same number of updates.
        batch_size: instead of the recipe's.
        learning_rate: instead of the recipe's.
        samples: write calibration.npz and test.npz; `write_samples` writes them once for many runs.
        force: replace an earlier run in the folder; what was changed in it since is kept as NAME.orig.
        on_stage: called with a few words when something that takes time begins.
        on_epoch: called after each epoch.

    Raises:
        InputError: unknown recipe or cell, a value out of range, a folder that is taken or cannot be written, or
            training that diverged.
        EnvironmentProblem: a package or the data is missing.
    """
    chosen = find_recipe(recipe) if isinstance(recipe, str) else recipe
    shape = Shape.of(chosen)
    usual = chosen.settings
    settings = Settings(
        epochs=usual.epochs if epochs is None else epochs,
        batch_size=usual.batch_size if batch_size is None else batch_size,
        learning_rate=usual.learning_rate if learning_rate is None else learning_rate,
    )
    cell = cell.lower()
    check_arguments(
        cell, shape, {"units": units, "layers": layers, "seed": seed, "fraction": fraction, **asdict(settings)}
    )
    with OutputFolder(Path(output), replace_run=force) as folder:
        on_stage(f"loading {chosen.name}")
        split = chosen.load(fetch(chosen.source))
        data = chosen.prepare(split)
        if fraction < 1:
            whole, _ = fit.batches(data, settings.batch_size)
            data = chosen.prepare(split.share(fraction, seed))
            part, _ = fit.batches(data, settings.batch_size)
            settings = replace(settings, epochs=round(settings.epochs * whole / part))
        on_stage(STARTING_KERAS)
        keras = network.import_keras()
        keras.utils.set_random_seed(seed)
        name = f"{chosen.name.replace('-', '_')}_{cell}{units}"
        model = network.build_network(keras, shape, cell, units, layers, name)
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
            fraction=fraction,
            settings=settings,
            updates=settings.epochs * fit.batches(data, settings.batch_size)[0],
            metric=chosen.metric,
            score=fit.accuracy(fit.predict(model, data.test.x), data.test),
            baselines=tuple(Score(name, score) for name, score in baseline_scores(data, chosen.padding).items()),
            parameters=model.count_params(),
            recurrent_parameters=recurrent_parameters(shape, cell, units, layers),
            samples=counts(data),
            history=history,
            seconds=seconds,
            seconds_per_epoch=median(epoch.seconds for epoch in (history[1:] or history)),
            document={},
        )
        result = replace(result, document=training_record(result, chosen, keras.backend.backend()))
        if samples:
            save_samples(data, folder.path)
        return replace(result, notes=folder.commit(model, result.document))
