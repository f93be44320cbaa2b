"""The table of recipes. A new one is one module that defines `RECIPE`, and one line here."""

from __future__ import annotations

from difflib import get_close_matches

from edgernn.errors import InputError
from edgernn.training import japanese_vowels, watch_activity
from edgernn.training.recipe import Recipe

RECIPES: tuple[Recipe, ...] = (
    japanese_vowels.RECIPE,
    watch_activity.RECIPE,
)


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        InputError: there is none; the message lists those that exist.
    """
    by_name = {recipe.name: recipe for recipe in RECIPES}
    if name in by_name:
        return by_name[name]
    close = get_close_matches(name, by_name, n=1)
    raise InputError(
        f"recipe: must be one of {', '.join(by_name)}. Found: '{name}'.",
        hint=f"did you mean '{close[0]}'?" if close else "'edgernn recipes' says what each is.",
    )


def recipes() -> tuple[Recipe, ...]:
    """Every recipe, in the table's order."""
    return RECIPES
