"""Training a recurrent model on real data, by a recipe.

A recipe (`recipe`) names a package that holds data (`download`), prepares it (`japanese_vowels`, `watch_activity`) and
says how to train on it (`network`, `fit`); `trainer` runs one and leaves a folder that every other command can use.
"""

from edgernn.training.catalog import RECIPES, find_recipe, recipes
from edgernn.training.fit import Epoch
from edgernn.training.recipe import Recipe
from edgernn.training.trainer import Score, TrainResult, train

__all__ = ["RECIPES", "Epoch", "Recipe", "Score", "TrainResult", "find_recipe", "recipes", "train"]
