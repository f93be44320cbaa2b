"""What hands out samples one by one: generators, `tf.data`, Keras's `PyDataset`, data loaders, plain lists.

No library of theirs is imported: whatever can be iterated is, and whatever NumPy makes an array of is one. An element
is a sample or a batch of them, which its number of axes tells:

- an array, of the only input;
- `[x1, x2]`, a list in the order of the inputs, as TFLite's `representative_dataset` yields it;
- `(x, y)` or `(x, y, weights)`, as Keras takes it, x being any of these;
- a dict by the inputs' names, targets in it under `y`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.errors import InputError
from edgernn.graph import Value
from edgernn.sources.found import NAMED, TARGETS, Array, Found, Wanted, several
from edgernn.sources.windows import in_windows

MOST_NUMBERS = 1 << 27  # that are taken from what never ends: 512 MB
_HINT = "give arrays [steps, features], a batch of them, lists [x1, x2] for several inputs, or pairs (x, y)."


@dataclass(frozen=True)
class Elements:
    """What was handed out.

    Attributes:
        items: the elements.
        more: whether there were more.
    """

    items: tuple[Any, ...]
    more: bool


def taken_from(source: Any, most: int) -> Elements:
    """The first elements of something that can be iterated, up to so many, or to `MOST_NUMBERS` numbers."""
    items: list[Any] = []
    numbers = 0
    iterator = _iterator(source)
    for item in iterator:
        if len(items) >= most or numbers >= MOST_NUMBERS:
            return Elements(tuple(items), more=True)
        items.append(item)
        numbers += _size(item)
    return Elements(tuple(items), more=False)


def _iterator(source: Any) -> Iterator[Any]:
    """Also of what has a length and is indexed, but never says that it ends, as Keras's `PyDataset`."""
    if hasattr(source, "__len__") and hasattr(source, "__getitem__"):
        return (source[k] for k in range(len(source)))
    return iter(source)


def _size(item: Any) -> int:
    if isinstance(item, Mapping):
        return sum(map(_size, item.values()))
    if isinstance(item, (list, tuple)):
        return sum(map(_size, item))
    size = getattr(item, "size", 1)
    return size if isinstance(size, int) else int(np.size(item))


def steps_of_elements(elements: Elements, rank: int) -> int:
    """Of the longest sample, if samples of the wanted input have that many axes, their own included; 0 if none has."""
    arrays = [array for item in elements.items[:1] for array in _leaves(item)]
    found = [array.shape[1] for array in arrays if array.ndim == rank]
    found += [array.shape[0] for array in arrays if array.ndim == rank - 1 and array.ndim > 0]
    return max(found, default=0)


def _leaves(item: Any) -> Iterator[Array]:
    if isinstance(item, Mapping):
        for name, part in item.items():
            if name != TARGETS:
                yield from _leaves(part)
    elif isinstance(item, tuple) and len(item) in (2, 3):
        yield from _leaves(item[0])
    elif isinstance(item, (list, tuple)) and any(hasattr(part, "shape") for part in item):
        for part in item:
            yield from _leaves(part)
    else:
        yield np.asarray(item)


def read_elements(elements: Elements, wanted: Wanted) -> Found:
    """All elements together, as arrays by the inputs' names.

    Raises:
        InputError: there are none, or one is not what the model takes; it is named by its number.
    """
    if not elements.items:
        raise InputError(
            f"{wanted.where}: must hold at least one sample. Found: none.",
            hint="a generator can be read only once: make it anew, or give the function that makes it.",
        )
    parts: dict[str, list[Array]] = {}
    notes = []
    shapes = {value.name: value.shape for value in wanted.inputs}
    for number, item in enumerate(elements.items):
        inputs, targets = _divided(item, wanted, f"{wanted.where}, element {number}")
        single = all(name in shapes and array.ndim == len(shapes[name]) for name, array in inputs.items())
        for name, array in (inputs | targets).items():
            parts.setdefault(name, []).append(array[None] if single else array)
    if _are_recordings(parts, wanted):
        (recordings,) = ([array for batch in batches for array in batch] for batches in parts.values())
        found = in_windows(recordings, wanted, "recording", len(recordings))
        return Found({wanted.window.name: found.arrays[""]}, found.notes)
    arrays = {name: _joined(name, list_, wanted, len(elements.items)) for name, list_ in parts.items()}
    counts = {len(array) for array in arrays.values()}
    if elements.more or counts.pop() > wanted.most:
        arrays = {name: array[: wanted.most] for name, array in arrays.items()}
        taken = len(next(iter(arrays.values())))
        notes.append(f"{wanted.where}: the first {taken:,} samples are taken of more.")
    return Found(arrays, tuple(notes))


def _are_recordings(parts: Mapping[str, Sequence[Array]], wanted: Wanted) -> bool:
    """Whether there is nothing but samples of the only input, some of which are longer than its window."""
    if len(wanted.inputs) != 1 or list(parts) != [wanted.window.name] or not wanted.window.shape:
        return False
    shapes = [array.shape[1:] for array in parts[wanted.window.name]]
    fitting = all(len(shape) == len(wanted.window.shape) and shape[1:] == wanted.frame for shape in shapes)
    return fitting and any(shape[0] > wanted.steps for shape in shapes)


def _joined(name: str, arrays: Sequence[Array], wanted: Wanted, count: int) -> Array:
    if len(arrays) != count:
        message = f"{wanted.where}: every element must hold '{name}'. Found: {len(arrays)} of {count} do."
        raise InputError(message, hint=_HINT)
    for number, array in enumerate(arrays):
        if not array.ndim:
            raise InputError(
                f"{wanted.where}, element {number}: '{name}' must be an array of numbers. Found: {array.dtype}.",
                hint=_HINT,
            )
        if array.shape[1:] != arrays[0].shape[1:]:
            raise InputError(
                f"{wanted.where}, element {number}: '{name}' must have the shape of the first one. "
                f"Found: {list(array.shape[1:])} after {list(arrays[0].shape[1:])}.",
                hint="pad sequences that differ.",
            )
    return np.concatenate(arrays)


def _divided(item: Any, wanted: Wanted, where: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """An element's arrays by input, and its targets by the names that they have in a file."""
    values = wanted.inputs
    if isinstance(item, Mapping):
        inputs = {str(name): part for name, part in item.items() if not _is_target(str(name), values)}
        targets = {str(name): part for name, part in item.items() if _is_target(str(name), values)}
        if len(values) == 1 and len(inputs) == 1:
            inputs = {values[0].name: next(iter(inputs.values()))}
        elif all(value.name in inputs for value in values):
            inputs = {value.name: inputs[value.name] for value in values}
        return _arrays(inputs, where), _targets(targets.pop(TARGETS, None), targets, wanted, where)
    if isinstance(item, (list, tuple)) and any(isinstance(part, Mapping) or _is_array(part) for part in item):
        paired = len(item) in (2, 3) and (len(values) == 1 or not hasattr(item[0], "shape"))
        if paired:
            inputs, _ = _divided(item[0], wanted, where)
            return inputs, _targets(item[1], {}, wanted, where)
        if len(item) != len(values):
            found = several(len(item), "array")
            raise InputError(
                f"{where}: must hold {several(len(values), 'array')}, one per input. Found: {found}.", hint=_HINT
            )
        return _arrays({value.name: part for value, part in zip(values, item, strict=True)}, where), {}
    if len(values) > 1:
        raise InputError(f"{where}: must hold {len(values)} arrays, one per input. Found: one.", hint=_HINT)
    return _arrays({values[0].name: item}, where), {}


def _is_array(part: Any) -> bool:
    return hasattr(part, "shape") or (isinstance(part, (list, tuple)) and any(hasattr(each, "shape") for each in part))


def _is_target(name: str, values: Sequence[Value]) -> bool:
    taken = {value.name for value in values}
    return name not in taken and (name == TARGETS or name.startswith(NAMED))


def _targets(plain: Any, named: Mapping[str, Any], wanted: Wanted, where: str) -> dict[str, Array]:
    if not wanted.with_targets:
        return {}
    if isinstance(plain, Mapping):
        named = {**named, **{f"{NAMED}{name}": part for name, part in plain.items()}}
        plain = None
    return _arrays({**({} if plain is None else {TARGETS: plain}), **named}, where)


def _arrays(parts: Mapping[str, Any], where: str) -> dict[str, Array]:
    try:
        return {name: np.asarray(part) for name, part in parts.items()}
    except Exception as error:  # whatever library it is from
        message = f"{where}: must be an array of numbers. Found: {type(error).__name__}: {str(error)[:120]}."
        raise InputError(message, hint=_HINT) from error
