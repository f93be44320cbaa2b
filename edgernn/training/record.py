"""What run.json says of a run, which is also what the command prints with --json."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from edgernn.training.recipe import Recipe
from edgernn.training.samples import MAX_CALIBRATION
from edgernn.training.sizes import Shape

if TYPE_CHECKING:
    from edgernn.training.trainer import TrainResult
    from edgernn.training.untrained import BuildResult


def training_record(result: TrainResult, recipe: Recipe, backend: str) -> dict[str, Any]:
    """Of a trained model."""
    return {
        "schema": "edgernn.train",
        "version": 1,
        "trained": True,
        "recipe": result.recipe,
        "cell": result.cell,
        "units": result.units,
        "layers": result.layers,
        "seed": result.seed,
        "fraction": result.fraction,
        **asdict(result.settings),
        "updates": result.updates,
        "metric": result.metric,
        "score": result.score,
        "baselines": [asdict(baseline) for baseline in result.baselines],
        "parameters": result.parameters,
        "recurrent_parameters": result.recurrent_parameters,
        "seconds": round(result.seconds, 3),
        "seconds_per_epoch": round(result.seconds_per_epoch, 4),
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
            "seconds": [round(epoch.seconds, 4) for epoch in result.history],
        },
        "versions": _versions(backend),
    }


def building_record(result: BuildResult, recipe: Recipe | None, shape: Shape, backend: str) -> dict[str, Any]:
    """Of a model that was only built: what there is to say of it, under the same names."""
    return {
        "schema": "edgernn.train",
        "version": 1,
        "trained": False,
        "recipe": recipe.name if recipe is not None else None,
        "cell": result.cell,
        "units": result.units,
        "layers": result.layers,
        "seed": result.seed,
        "score": None,
        "parameters": result.parameters,
        "recurrent_parameters": result.recurrent_parameters,
        "steps": shape.steps,
        "features": shape.features,
        "classes": list(recipe.classes) if recipe is not None else [str(index) for index in range(shape.classes)],
        "versions": _versions(backend),
    }


def _versions(backend: str) -> dict[str, str | None]:
    packages = ("edgernn", "keras", backend, "numpy")
    return {"python": platform.python_version(), **{package: _version(package) for package in packages}}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
