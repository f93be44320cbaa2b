"""What int8 costs in accuracy on real data: models trained by edgernn's recipes, mean over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.child import run_module
from benchmarks.ours import TARGETS, convert
from benchmarks.results import CELLS, TaskScore

RECIPES = ("japanese-vowels", "watch-activity")
UNITS = 32
RUNTIMES = {"micro": "micro", "phone": "litert"}


@dataclass(frozen=True)
class _Score:
    keras: float
    artifact: float


class TaskError(Exception):
    """A model could not be trained, converted or verified."""


def task_scores(
    folder: Path, recipes: Sequence[str], seeds: int, announce: Callable[[str], None]
) -> Iterator[TaskScore]:
    """Train, convert and verify one model per recipe, cell and seed; models that are in `folder` are taken as they are.

    Raises:
        TaskError: a command failed; the message holds its own words.
    """
    for recipe in recipes:
        for cell in CELLS:
            announce(f"{recipe}: {cell}, {UNITS} units, {seeds} seeds")
            models = [_trained(folder, recipe, cell, seed) for seed in range(seeds)]
            for target in TARGETS:
                scores = [_verified(model, target) for model in models]
                keras, artifact = fmean(s.keras for s in scores), fmean(s.artifact for s in scores)
                yield TaskScore(recipe, cell, target, keras, artifact, 100 * (keras - artifact), seeds)


def _trained(folder: Path, recipe: str, cell: str, seed: int) -> Path:
    """The folder of a trained model, which `run.json`, written last, makes complete."""
    output = folder / f"{recipe}-{cell.lower()}{UNITS}-seed{seed}"
    if not (output / "run.json").exists():
        options = ("--cell", cell.lower(), "--units", UNITS, "--seed", seed, "--output", output)
        outcome = run_module("edgernn", "train", recipe, *options, "--json")
        if outcome.failure:
            raise TaskError(f"{recipe}, {cell}, seed {seed}: {outcome.failure}")
    return output


def _verified(model: Path, target: str) -> _Score:
    artifact = model / f"int8-{target}.tflite"
    outcome = convert(model, artifact, "int8", target)
    if not outcome.failure:
        data = ("--data", model / "test.npz", "--runtime", RUNTIMES[target], "--json")
        # A large error on some sample (exit status 1) is no reason to leave the accuracy out.
        outcome = run_module("edgernn", "verify", model / "model.keras", artifact, *data, statuses=(0, 1))
    if outcome.failure:
        raise TaskError(f"{model.name} for {target}: {outcome.failure}")
    return _Score(outcome.value["metric"]["keras"], outcome.value["metric"]["artifact"])
