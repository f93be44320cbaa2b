"""A comparison of networks that are trained for it: which ones, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgernn.comparison.plan import FULL, Sweep
from edgernn.comparison.records import CNN, Score, Task
from edgernn.comparison.session import Comparison
from edgernn.comparison.tasks import Samples, Training
from edgernn.errors import InputError, one_of
from edgernn.training import Recipe, Shape, baselines, find_recipe, parameters, units_for_parameters, write_samples
from edgernn.training.samples import save_arrays
from edgernn.training.sizes import CELLS

_NOISE_SAMPLES = 50


@dataclass(frozen=True)
class Networks:
    """What to train.

    Attributes:
        recipe: its name, or None for untrained networks of `shape`.
        shape: steps, features and classes of these.
        cells: lstm, gru, simplernn.
        units: sizes of the recurrent layer.
        seeds: how often each network is trained.
        fractions: shares of the training data for the learning curves.
        cnn: whether to train convolutional networks of the same number of parameters beside them.
        matched: whether to train GRUs with as many parameters as each LSTM too.
        trained: False to keep the random weights.
        epochs: instead of the recipe's.
    """

    recipe: str | None
    shape: Shape | None
    cells: tuple[str, ...]
    units: tuple[int, ...]
    seeds: int
    fractions: tuple[float, ...]
    cnn: bool
    matched: bool
    trained: bool
    epochs: int | None


def plan_networks(base: Comparison, wanted: Networks, schemes: Sequence[str], targets: Sequence[str]) -> Comparison:
    """Complete a comparison with the networks to train and the artifacts to make of them, and write its samples.

    Raises:
        InputError: options that are out of range or do not go together; no such recipe.
        EnvironmentProblem: the recipe's data cannot be had.
    """
    recipe, shape = _source(wanted)
    for cell in wanted.cells:
        one_of("cell", cell, CELLS)
    cells = (*wanted.cells, CNN) if wanted.cnn and CNN not in wanted.cells else wanted.cells
    pairs: tuple[tuple[int, int], ...] = ()
    if wanted.matched and {"lstm", "gru"} <= set(cells):
        pairs = tuple(
            (units, units_for_parameters(shape, "gru", parameters(shape, "lstm", units))) for units in wanted.units
        )
    fractions = tuple(fraction for fraction in wanted.fractions if fraction != FULL) if wanted.trained else ()
    sweep = Sweep(cells, wanted.units, tuple(schemes), tuple(targets), wanted.seeds, fractions, pairs)
    models = sweep.models()
    folder = base.folder / "data"
    samples = Samples(folder / "calibration.npz", folder / "test.npz" if wanted.trained else None)
    return replace(
        base,
        task=_task(wanted, recipe, shape),
        models=models,
        artifacts=tuple(artifact for model in models for artifact in sweep.artifacts(model)),
        training=Training(
            recipe=wanted.recipe or "",
            trained=wanted.trained,
            epochs=wanted.epochs,
            steps=shape.steps,
            features=shape.features,
            classes=shape.classes,
        ),
        samples=samples,
    )


def prepare_samples(comparison: Comparison, recipe: str | None) -> None:
    """Write what the models are calibrated and tested with, unless it is there.

    Raises:
        EnvironmentProblem: the recipe's data cannot be had, or the disk is full.
    """
    training, path = comparison.training, comparison.samples.calibration
    if training is None or path is None or path.exists():
        return
    if recipe is not None:
        write_samples(find_recipe(recipe), path.parent)
    else:
        noise = np.random.default_rng(0).standard_normal((_NOISE_SAMPLES, training.steps, training.features))
        save_arrays(path, x=noise.astype(np.float32))


def _source(wanted: Networks) -> tuple[Recipe | None, Shape]:
    if wanted.recipe is not None:
        recipe = find_recipe(wanted.recipe)
        return recipe, Shape.of(recipe)
    if wanted.trained or wanted.shape is None:
        raise InputError(
            "compare: must be given files, or --recipe, or --untrained with --steps, --features and --classes. "
            "Found: none of them.",
            hint="'edgernn recipes' lists the recipes.",
        )
    return None, wanted.shape


def _task(wanted: Networks, recipe: Recipe | None, shape: Shape) -> Task:
    name = recipe.name if recipe is not None else f"{shape.steps} x {shape.features}"
    task = Task(
        name=name if wanted.trained else f"{name}, untrained",
        about=recipe.task if recipe is not None else "",
        steps=shape.steps,
        features=shape.features,
        classes=shape.classes,
    )
    if recipe is None or not wanted.trained:
        return task
    counts, scores = baselines(recipe)
    source = recipe.source
    return replace(
        task,
        metric=recipe.metric,
        samples=counts,
        baselines=tuple(Score(name, score) for name, score in scores.items()),
        origin=f"{source.package} {source.version}, {source.licence}. {source.origin.rstrip('.')}",
    )
