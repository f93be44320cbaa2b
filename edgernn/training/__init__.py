"""Training a model on real data, by a recipe.

A recipe (`recipe`) names a package that holds data (`download`), reads recordings out of it and makes samples of them
(`data`, `japanese_vowels`, `watch_activity`); `sizes` and `network` say which models there are, and `fit` trains one;
`trainer` runs all of that and leaves a folder that every other command can use. `untrained` only builds a model.
"""

from edgernn.training.catalog import RECIPES, find_recipe, recipes
from edgernn.training.data import Dataset, Recordings, Samples, Split
from edgernn.training.fit import Epoch
from edgernn.training.recipe import Recipe
from edgernn.training.samples import baselines, write_samples
from edgernn.training.sizes import Shape, parameters, recurrent_parameters, units_for_parameters
from edgernn.training.trainer import Score, TrainResult, train
from edgernn.training.untrained import BuildResult, build

__all__ = [
    "RECIPES",
    "BuildResult",
    "Dataset",
    "Epoch",
    "Recipe",
    "Recordings",
    "Samples",
    "Score",
    "Shape",
    "Split",
    "TrainResult",
    "baselines",
    "build",
    "find_recipe",
    "parameters",
    "recipes",
    "recurrent_parameters",
    "train",
    "units_for_parameters",
    "write_samples",
]
