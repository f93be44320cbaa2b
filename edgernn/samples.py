"""Samples: what a model is calibrated and verified with, checked against its inputs before anything runs.

Whatever `edgernn.sources` reads becomes arrays with a leading sample axis, named after the model's inputs, or any one
name when there is one input; targets under `y`, those of several outputs under `y_` and the output's name.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgernn.errors import InputError
from edgernn.graph import Graph, Value
from edgernn.graph import operators as ops
from edgernn.recordings import as_windows
from edgernn.sources import Array, Source, Wanted, arrays_of, gathered, steps_of
from edgernn.sources.found import LABELS, NAMED, TARGETS
from edgernn.sources.numpy_files import FORM

__all__ = ["Array", "Samples", "Source", "load_samples", "read_once", "steps_in", "table_rows"]

# Samples that are taken: so many tell the ranges of all tensors, and so many a metric to half a point.
MOST = {"calibration": 2048, "data": 16384}
_MOVES = (ops.Reshape, ops.Transpose, ops.Concat, ops.Split, ops.Slice, ops.Pad, ops.Reverse, ops.Unstack, ops.Stack)


@dataclass(frozen=True)
class Samples:
    """Checked samples.

    Attributes:
        inputs: `[samples, *shape]` per input, float32, int32 or bool as the input wants it, in the inputs' order.
        targets: of the first output, `[samples, ...]`, or None.
        named_targets: of outputs by name.
        recordings: that the samples are windows of, in their order, of a stateful model; 0 of others.
        notes: what was left out.
    """

    inputs: Mapping[str, Array]
    targets: Array | None
    named_targets: Mapping[str, Array] = field(default_factory=dict)
    recordings: int = 0
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.inputs.values())))

    @property
    def has_targets(self) -> bool:
        """Whether any output has targets."""
        return self.targets is not None or bool(self.named_targets)

    def targets_of(self, output: str, position: int) -> Array | None:
        """The targets of an output of this name, in this place among the outputs."""
        return self.named_targets.get(output, self.targets if position == 0 else None)

    def take(self, numbers: Sequence[int]) -> Samples:
        """These samples, with their targets; the notes stay."""
        chosen = list(numbers)
        return replace(
            self,
            inputs={name: array[chosen] for name, array in self.inputs.items()},
            targets=None if self.targets is None else self.targets[chosen],
            named_targets={name: array[chosen] for name, array in self.named_targets.items()},
        )

    def only(self, number: int) -> Samples:
        """That sample alone, without its target."""
        return Samples({name: array[number : number + 1] for name, array in self.inputs.items()}, None)


def load_samples(
    source: Source,
    graph: Graph,
    purpose: str,
    *,
    with_targets: bool = True,
    rows: Mapping[str, int] | None = None,
    stateful: int = 0,
    whole: bool = False,
) -> Samples:
    """Load samples and check them against a model's inputs.

    Args:
        source: a file, a folder, arrays by name, or whatever else `edgernn.sources` reads.
        graph: the float graph; its inputs say names, shapes and types, its embeddings which ids exist.
        purpose: what messages call the samples: ``calibration`` or ``data``.
        with_targets: whether to take and check the targets too.
        rows: of the tables that inputs pick from, by input, where the graph does not say it.
        stateful: the batch size of a model that carries its state from window to window; 0 for others. Of that,
            recordings of any length are taken too.
        whole: whether all samples are taken, however many there are.

    Raises:
        InputError: missing, damaged, empty, or not what the model takes; says which array and how it should be.
    """
    where = where_of(source, purpose)
    wanted = Wanted(where, graph.inputs, sys.maxsize if whole else MOST[purpose], with_targets, stateful=bool(stateful))
    found = arrays_of(source, wanted)
    arrays, notes, recordings = found.arrays, found.notes, 0
    targets = _targets(arrays, graph, where) if with_targets else {}
    chosen = _by_input(arrays, graph, where)
    if stateful:
        outputs = {TARGETS: graph.outputs[0], **{NAMED + value.name: value for value in graph.outputs}}
        windows = as_windows(chosen, targets, outputs, graph, stateful)
        chosen, targets, recordings = windows.inputs, windows.targets, windows.recordings
        notes += windows.notes
    known = {**{value.name: count for value, count in table_rows(graph).items()}, **(rows or {})}
    inputs = {value.name: _checked(chosen[value.name], value, where, known.get(value.name)) for value in graph.inputs}
    counts = {name: array.shape[0] for name, array in inputs.items()}
    counts |= {name: array.shape[0] for name, array in targets.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"'{name}' has {count}" for name, count in counts.items())
        raise InputError(f"{where}: arrays must have equally many samples. Found: {listed}.", hint=FORM)
    plain = targets.pop(TARGETS, None)
    named = {name.removeprefix(NAMED): array for name, array in targets.items()}
    return Samples(inputs, plain, named, recordings, notes)


def where_of(source: Source, purpose: str) -> str:
    """How messages call samples: by the path, if they have one."""
    return f"{purpose} '{source!s}'" if isinstance(source, (str, os.PathLike)) else purpose


def steps_in(source: Source, purpose: str, rank: int | None = None) -> int:
    """How many steps the longest samples have that have so many axes (None: more than two); 0 if there are none.

    Raises:
        InputError: missing or damaged.
    """
    return steps_of(source, where_of(source, purpose), rank)


def read_once(source: Source, purpose: str) -> Source:
    """The same, but for what can be read only once, as a generator: of that, what `load_samples` then takes."""
    return gathered(source, MOST[purpose])


def _targets(arrays: Mapping[str, Array], graph: Graph, where: str) -> dict[str, Array]:
    """The targets by the names of their arrays: `y`, and one for each output."""
    return {name: _checked_targets(arrays[name], name, where) for name in _target_names(graph) if name in arrays}


def _target_names(graph: Graph) -> list[str]:
    taken = {value.name for value in graph.inputs}
    names = [TARGETS, *(NAMED + value.name for value in graph.outputs)]
    return [name for name in names if name not in taken]


def _by_input(arrays: Mapping[str, Array], graph: Graph, where: str) -> dict[str, Array]:
    """Each input's array: by name, or the only one there is for the only input."""
    names = [value.name for value in graph.inputs]
    if all(name in arrays for name in names):
        return {name: arrays[name] for name in names}
    targets = _target_names(graph)
    others = [name for name in arrays if name not in targets]
    if len(names) == 1:
        if len(others) > 1:
            others = [name for name in others if name.lower() not in LABELS and not name.lower().startswith(NAMED)]
        if len(others) == 1:
            return {names[0]: arrays[others[0]]}
        found = ", ".join(f"'{name}'" for name in arrays) or "no array"
        message = f"{where}: must hold one array, or one named '{names[0]}' as the model's input. Found: {found}."
        raise InputError(message, hint=f"name the array '{names[0]}'.")
    missing = [name for name in names if name not in arrays]
    found = ", ".join(f"'{name}'" for name in arrays if name) or "one array without a name"
    hints = [
        f"'{close[0]}' may be meant for '{name}'."
        for name in missing
        if (close := difflib.get_close_matches(name, [other for other in others if other not in names], n=1))
    ]
    wanted = ", ".join(f"'{name}'" for name in names)
    raise InputError(
        f"{where}: must hold an array for each input: {wanted}. Found: {found}.", hint=" ".join(hints) or FORM
    )


def table_rows(graph: Graph) -> dict[Value, int]:
    """For each input that picks rows of a table, how many the smallest table has."""
    rows: dict[Value, int] = {}
    held: dict[Value, set[Value]] = {value: {value} for value in graph.inputs}  # the inputs in each value
    for node in graph.walk():
        if isinstance(node.operator, ops.Gather):
            table, ids = node.inputs
            rows |= {value: min(rows.get(value, table.shape[0]), table.shape[0]) for value in held.get(ids, ())}
        elif isinstance(node.operator, _MOVES):
            found = set[Value]().union(*(held.get(value, ()) for value in node.inputs))
            held |= dict.fromkeys(node.outputs, found)
    return rows


def _checked(array: Array, value: Value, where: str, rows: int | None) -> Array:
    """The array in the input's type, or the error that says what is wrong with it."""
    what = f"{where}: the array for input '{value.name}'"
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} must hold numbers. Found: the type {array.dtype}.", hint=FORM)
    shape = ", ".join(("samples", *map(str, value.shape)))
    if array.shape[1:] != value.shape or array.ndim == 0:
        hint = FORM
        if array.shape == value.shape:
            hint = "put a sample axis in front: array[None]."
        elif array.ndim == len(value.shape) + 1 and array.ndim > 2 and array.shape[2:] == value.shape[1:]:
            hint = f"give windows of {value.shape[0]} steps, or choose another --steps where the model leaves it open."
        raise InputError(f"{what} must have the shape [{shape}]. Found: {list(array.shape)}.", hint=hint)
    if array.shape[0] == 0:
        raise InputError(f"{what} must hold at least one sample. Found: none.", hint="give a hundred or so.")
    _check_finite(array, what)
    if rows is not None:
        _check_ids(array, 0, rows - 1, what)
    if value.dtype == "float32":
        with np.errstate(over="ignore"):
            real = array.astype(np.float32)
        _check_finite(real, what)  # a float64 beyond the range of float32
        return real
    if (array != np.round(array)).any() if array.dtype.kind == "f" else False:
        raise InputError(f"{what} must hold whole numbers. Found: fractions.", hint="give the ids of an embedding.")
    if value.dtype == "bool":
        return array.astype(np.bool_)
    _check_ids(array, -(1 << 31), (1 << 31) - 1, what)
    return array.astype(np.int32)


def _check_ids(array: Array, first: int, last: int, what: str) -> None:
    if array.min() < first or array.max() > last:
        span = f"from {first} to {last}" if first == 0 else "of 32 bits"
        raise InputError(
            f"{what} must hold ids {span}. Found: {array.min():g} to {array.max():g}.",
            hint="ids count from 0, below the Embedding's input_dim.",
        )


def _checked_targets(array: Array, name: str, where: str) -> Array:
    what = f"{where}: the targets '{name}'"
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        hint = "give class numbers or real numbers, [samples] or [samples, ...]."
        raise InputError(f"{what} must be an array of numbers. Found: the type {array.dtype}.", hint=hint)
    _check_finite(array, what)
    return array


def _check_finite(array: Array, what: str) -> None:
    with np.errstate(invalid="ignore"):
        bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(k) for k in np.argwhere(bad)[0])
        value = "NaN" if np.isnan(array[first]) else "an infinite number"
        raise InputError(
            f"{what} must hold finite numbers. Found: {value} at {list(first)}, {int(bad.sum())} such in all.",
            hint="remove or fill these samples.",
        )
