"""Models that nothing has trained, for when only size and speed matter."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgernn.training import network
from edgernn.training.arguments import check_arguments
from edgernn.training.catalog import find_recipe
from edgernn.training.output import OutputFolder
from edgernn.training.recipe import Recipe
from edgernn.training.record import building_record
from edgernn.training.sizes import Shape, recurrent_parameters

_BIAS_DEVIATION = 0.1


@dataclass(frozen=True)
class BuildResult:
    """A model with random weights; the attributes are those of `TrainResult`."""

    folder: Path
    cell: str
    units: int
    layers: int
    seed: int
    parameters: int
    recurrent_parameters: int
    document: dict[str, Any]


def build(
    source: str | Recipe | Shape,
    *,
    cell: str,
    units: int,
    output: str | os.PathLike[str],
    seed: int = 0,
    layers: int = 1,
    force: bool = False,
) -> BuildResult:
    """Write a model with random weights, for when only size and speed matter: model.keras and run.json.

    Its biases are random too and not zero, as a trained model's are, so that nothing can be left out for being zero.

    Args:
        source: a recipe, its name, or the shape of the samples.
        cell: lstm, gru, simplernn or cnn.
        units: as for `train`.
        output: the folder, as for `train`.
        seed: decides the weights.
        layers: as for `train`.
        force: replace an earlier run in the folder.

    Raises:
        InputError: unknown recipe or cell, a value out of range, or a folder that is taken or cannot be written.
        EnvironmentProblem: Keras is missing.
    """
    recipe = None
    if isinstance(source, Shape):
        shape = source
    else:
        recipe = find_recipe(source) if isinstance(source, str) else source
        shape = Shape.of(recipe)
    cell = cell.lower()
    check_arguments(cell, shape, {"units": units, "layers": layers, "seed": seed})
    with OutputFolder(Path(output), replace_run=force) as folder:
        keras = network.import_keras()
        keras.utils.set_random_seed(seed)
        model = network.build_network(keras, shape, cell, units, layers, f"untrained_{cell}{units}")
        random = np.random.default_rng(seed)
        for weight in model.weights:
            if weight.name == "bias":
                weight.assign(weight + random.normal(0, _BIAS_DEVIATION, weight.shape))
        result = BuildResult(
            folder=Path(output),
            cell=cell,
            units=units,
            layers=layers,
            seed=seed,
            parameters=model.count_params(),
            recurrent_parameters=recurrent_parameters(shape, cell, units, layers),
            document={},
        )
        result = replace(result, document=building_record(result, recipe, shape, keras.backend.backend()))
        folder.commit(model, result.document)
    return result
