"""``edgernn recipes``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from edgernn.cli.output import json_option, note, print_json, print_table

if TYPE_CHECKING:
    from edgernn.training import Recipe


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the training recipes and where their data comes from.

    'edgernn train' fetches a recipe's data once; "cached" says whether it is here already.
    """
    from edgernn.training.catalog import RECIPES
    from edgernn.training.download import cache_folder, is_cached

    if as_json:
        print_json(
            {
                "schema": "edgernn.recipes",
                "version": 1,
                "cache": cache_folder(),
                "recipes": [
                    {
                        "name": recipe.name,
                        "task": recipe.task,
                        "steps": recipe.steps,
                        "features": recipe.features,
                        "variable_length": recipe.padding is not None,
                        "classes": recipe.classes,
                        "metric": recipe.metric,
                        "package": recipe.source.package,
                        "package_version": recipe.source.version,
                        "licence": recipe.source.licence,
                        "origin": recipe.source.origin,
                        "cached": is_cached(recipe.source),
                    }
                    for recipe in RECIPES
                ],
            }
        )
        return
    print_recipes(RECIPES, [is_cached(recipe.source) for recipe in RECIPES])


def print_recipes(recipes: Sequence[Recipe], cached: Sequence[bool]) -> None:
    """The recipes, and whether the data of each is here."""
    rows = [
        (
            recipe.name,
            recipe.task,
            f"{'<= ' if recipe.padding is not None else ''}{recipe.steps} x {recipe.features}",
            len(recipe.classes),
            recipe.metric,
            f"{recipe.source.package} {recipe.source.version}",
            recipe.source.licence,
            here,
        )
        for recipe, here in zip(recipes, cached, strict=True)
    ]
    columns = ("Recipe", "Task", "Steps x features", "Classes", "Metric", "Package", "Licence", "Cached")
    print_table("", columns, rows, drop=("Package", "Classes", "Licence", "Metric"), prose=("Task",))
    note("A package's licence does not prove the rights in its data: --json and docs/recipes.md say who made it.")
