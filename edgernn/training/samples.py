"""What a recipe's data gives besides a trained model: samples to calibrate and to test with, and simple baselines."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgernn.files import atomic_write, explained
from edgernn.training import fit
from edgernn.training.catalog import find_recipe
from edgernn.training.data import Dataset
from edgernn.training.download import fetch
from edgernn.training.output import CALIBRATION, TEST
from edgernn.training.recipe import Recipe

MAX_CALIBRATION = 200


def write_samples(recipe: str | Recipe, folder: str | os.PathLike[str]) -> None:
    """Write calibration.npz and test.npz as `train` does for the whole training split, and replace what is there.

    Args:
        recipe: a recipe or its name.
        folder: made if missing.

    Raises:
        InputError: no such recipe, or the folder cannot be written.
        EnvironmentProblem: the data is missing, or the disk is full.
    """
    place = Path(folder)
    data = dataset(recipe)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explained(place, error) from error
    save_samples(data, place)


def baselines(recipe: str | Recipe) -> tuple[dict[str, int], dict[str, float]]:
    """How many samples each split has, and what simpler answers than a network reach on the test samples, by name.

    Raises:
        InputError: no such recipe.
        EnvironmentProblem: the data is missing.
    """
    chosen = find_recipe(recipe) if isinstance(recipe, str) else recipe
    data = dataset(chosen)
    return counts(data), baseline_scores(data, chosen.padding)


def dataset(recipe: str | Recipe) -> Dataset:
    """All of a recipe's samples."""
    chosen = find_recipe(recipe) if isinstance(recipe, str) else recipe
    return chosen.prepare(chosen.load(fetch(chosen.source)))


def counts(data: Dataset) -> dict[str, int]:
    """How many samples each split has."""
    return {"train": len(data.train.x), "validation": len(data.validation.x), "test": len(data.test.x)}


def baseline_scores(data: Dataset, padding: float | None) -> dict[str, float]:
    """What simpler answers than a network reach on the test samples, the naive one first."""
    return {
        "most frequent class": fit.most_frequent_class(data),
        "nearest class mean": fit.nearest_class_mean(data, padding),
    }


def save_samples(data: Dataset, folder: Path) -> None:
    """Write test.npz and calibration.npz, which comes last: where it is, both are."""
    # Evenly spread over the training split, which is in the order of its speakers or subjects.
    chosen = np.linspace(0, len(data.train.x) - 1, min(len(data.train.x), MAX_CALIBRATION)).round().astype(int)
    save_arrays(folder / TEST, x=data.test.x, y=data.test.y)
    save_arrays(folder / CALIBRATION, x=data.train.x[chosen])  # the name of the model's input


def save_arrays(path: Path, **arrays: NDArray[np.generic]) -> None:
    """Write an `.npz` file whole or not at all.

    Raises:
        InputError: it cannot be written.
        EnvironmentProblem: the disk is full.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    atomic_write(path, stream.getvalue())
