"""The table of tasks. A new one is a `Task`, and its module's name here."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.fidelity import forecasts, heart, memory, pixels, recorded, sound, text
from benchmarks.fidelity.task import CELLS, SEEDS, Model, Task
from edgernn.errors import InputError

TASKS: tuple[Task, ...] = (
    *memory.TASKS,
    *pixels.TASKS,
    *forecasts.TASKS,
    *sound.TASKS,
    *heart.TASKS,
    *text.TASKS,
    *recorded.TASKS,
)


def find_tasks(names: Sequence[str]) -> tuple[Task, ...]:
    """The tasks of those names, or all if there are none.

    Raises:
        InputError: a name is of no task.
    """
    known = {task.name: task for task in TASKS}
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"task: must be one of {', '.join(known)}. Found: '{unknown[0]}'.")
    return tuple(known[name] for name in names) if names else TASKS


def models(tasks: Sequence[Task], seeds: Sequence[int] = SEEDS) -> list[Model]:
    """Every network of the tasks; those of the first seed first."""
    return [Model(task, cell, seed) for seed in seeds for task in tasks for cell in CELLS]
