"""Gives the layers of a parsed model their weights, by role.

`.keras` keeps the weights by place: `layers/<class>_<n>/...`, where n counts the layers of one class in their model.
`.h5` keeps, per layer of the outermost model, one list of all weights inside: trainable ones first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgernn.converters.keras import known
from edgernn.converters.keras.identity import Broken
from edgernn.converters.keras.known import Slot
from edgernn.converters.keras.legacy import Version
from edgernn.converters.keras.legacy_weights import conv_of_keras_1, of_cudnn, of_keras_1
from edgernn.converters.keras.source_model import Array, KerasLayer, KerasModel, walk
from edgernn.converters.keras.tree import Group, Node, member, numbers, text_list
from edgernn.errors import UnsupportedError

_DAMAGED = "the file is damaged; save the model again."
_UNBUILT = "the model was saved before it was built: call it once on data, then save it again."
_PIECE = 1 << 18
_CHILD_PLACES = {"forward": "forward_layer", "backward": "backward_layer"}
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")

_Found = dict[int, dict[str, Array]]  # the weights of each layer, by id() of the layer


@dataclass(frozen=True)
class _Seen:
    """The layers whose place in a `.keras` file is past; Keras writes an object once, at its first place."""

    version: Version
    layers: dict[tuple[str, str], KerasLayer] = field(default_factory=dict)

    def first(self, layer: KerasLayer) -> KerasLayer | None:
        """The layer that is the same object, if there was one before."""
        return self.layers.get((layer.class_name, layer.name)) if layer.shared else None


def with_weights(model: KerasModel, group: Group, by_layer_name: bool, version: Version) -> KerasModel:
    """The model with its weights.

    Args:
        model: as parsed.
        group: the HDF5 group that holds them.
        by_layer_name: whether they are kept per layer name (`.h5`) or per place (`.keras`).
        version: of the Keras that wrote it, which decides the order in `.h5`.

    Raises:
        UnsupportedError: weights that are missing, of a wrong shape, or not finite, all of them.
        InputError: something in the file is no weight at all.
    """
    broken: Broken = []
    found: _Found = {}
    if by_layer_name:
        if version < (2, 0):
            group = of_keras_1(group)
        for layer in model.layers:
            _read_named(layer, group, version, found, broken)
    else:
        _read_places(model, "", group, found, _Seen(version), broken)
    if not broken:
        model = _rebuilt(model, found, broken)
    for layer in walk(model):
        for role, values in layer.weights.items():
            if not _finite(values):
                bad = f"{np.isnan(values).sum()} NaN, {np.isinf(values).sum()} infinite of {values.size}"
                message = f"layer '{layer.name}': weight '{role}' must be finite. Found: {bad}."
                broken.append((message, "train again with a smaller learning rate, or take an earlier checkpoint."))
    if broken:
        raise UnsupportedError(dict.fromkeys(broken))
    return model


def _finite(values: Array) -> bool:
    """Whether all are finite, in pieces: no copy of a large weight."""
    flat = values.reshape(-1)
    return all(np.isfinite(flat[start : start + _PIECE]).all() for start in range(0, flat.size, _PIECE))


def _read(
    layer: KerasLayer,
    slot: Slot,
    dataset: Node | None,
    sizes: dict[str, int],
    where: str,
    found: _Found,
    broken: Broken,
) -> None:
    """Take one weight after its type and shape have been checked; `sizes` holds the layer's free sizes so far."""
    values = numbers(dataset, where)
    wanted = slot.shape
    if layer.class_name == "Conv1D" and slot.role == "kernel" and values.ndim == 4:
        values = conv_of_keras_1(values, layer.config["kernel_size"], layer.config["filters"])
    shape = values.shape
    if wanted is not None:
        fits = len(wanted) == len(shape)
        for want, size in zip(wanted, shape, strict=False):
            fits = fits and size == (sizes.setdefault(want, size) if isinstance(want, str) else want)
        if not fits:
            pattern = "(" + ", ".join(str(sizes.get(want, want) if isinstance(want, str) else want) for want in wanted)
            message = f"layer '{layer.name}': weight '{slot.role}' must have shape {pattern}). Found: {shape}."
            broken.append((message, _DAMAGED))
            return
    if slot.role == "count":  # of a Normalization: how many samples it has seen
        return
    if values.dtype != np.float32:
        message = f"layer '{layer.name}': weight '{slot.role}' must be of a float type. Found: {values.dtype}."
        broken.append((message, "save the model before Keras quantizes it."))
        return
    found.setdefault(id(layer), {})[slot.role] = values


def _missing(layer: KerasLayer, slots: Sequence[Slot], count: int, broken: Broken) -> bool:
    if count == len(slots):
        return False
    roles = ", ".join(slot.role for slot in slots) or "none"
    message = f"layer '{layer.name}': must have {len(slots)} weights ({roles}). Found: {count}."
    broken.append((message, _DAMAGED if count else _UNBUILT))
    return True


# Weights by place: .keras


def _read_places(model: KerasModel, path: str, file: Group, found: _Found, seen: _Seen, broken: Broken) -> None:
    """The weights of the layers of a model kept at `path`."""
    used: Counter[str] = Counter()
    for layer in model.layers:
        first = seen.first(layer)
        if first is not None and seen.version < (3, 0):  # Keras 2 does not count it again
            _same_weights(layer, first, found)
        else:
            name = _place_name(layer.class_name, used)
            _read_place(layer, f"{path}layers/{name}", file, found, seen, broken)


def _place_name(class_name: str, used: Counter[str]) -> str:
    """`simple_rnn`, then `simple_rnn_1`, ..."""
    word = _WORD.sub("_", class_name).lower()
    used[word] += 1
    return f"{word}_{used[word] - 1}" if used[word] > 1 else word


def _read_place(layer: KerasLayer, path: str, file: Group, found: _Found, seen: _Seen, broken: Broken) -> None:
    first = seen.first(layer)
    if first is not None and _group(file, path) is None:
        _same_weights(layer, first, found)
        return
    seen.layers.setdefault((layer.class_name, layer.name), layer)
    own = _group(file, f"{path}/vars")
    if own is not None and "name" in own.attrs and str(own.attrs["name"]) != layer.name:
        message = f"layer '{layer.name}': weights at '{path}' must be its own. Found: those of"
        broken.append((f"{message} '{own.attrs['name']}'.", _DAMAGED))
        return
    cell_path = f"{path}/cell" if layer.class_name in known.RECURRENT else path
    group = _group(file, f"{cell_path}/vars")
    slots = known.weight_slots(layer.class_name, layer.config)
    if not _missing(layer, slots, len(group.members) if group is not None else 0, broken):
        sizes: dict[str, int] = {}
        for index, slot in enumerate(slots):
            dataset = member(group, str(index))
            _read(layer, slot, dataset, sizes, f"{cell_path}/vars/{index}", found, broken)
    used: Counter[str] = Counter()
    for role, child in layer.children.items():
        if layer.class_name == "StackedRNNCells":
            place = f"cells/{_place_name(child.class_name, used)}"
        else:
            place = _CHILD_PLACES.get(role, role)
        _read_place(child, f"{path}/{place}", file, found, seen, broken)
    if layer.model is not None:
        _read_places(layer.model, f"{path}/", file, found, seen, broken)


def _group(file: Group, path: str) -> Group | None:
    # What later versions call `layers` was `_layer_checkpoint_dependencies` in Keras 2.12 and 2.13.
    for place in (path, path.replace("layers/", "_layer_checkpoint_dependencies/")):
        if isinstance(found := member(file, place), Group):
            return found
    return None


def _same_weights(layer: KerasLayer, first: KerasLayer, found: _Found) -> None:
    if id(first) in found:
        found[id(layer)] = found[id(first)]
    for role, child in layer.children.items():
        _same_weights(child, first.children[role], found)
    if layer.model is not None and first.model is not None:
        for inner, first_inner in zip(layer.model.layers, first.model.layers, strict=True):
            _same_weights(inner, first_inner, found)


# Weights by layer name: .h5


def _read_named(layer: KerasLayer, group: Group, version: Version, found: _Found, broken: Broken) -> None:
    """The weights of one layer of the outermost model, with all that is inside it."""
    trainable, others = (_order_keras_2 if version < (3, 0) else _order_keras_3)(layer)
    order = trainable + others
    own = member(group, layer.name)
    names = text_list(own, "weight_names") if own is not None else []
    if _missing(layer, [slot for _, slot in order], len(names), broken):
        return
    if len(set(names)) < len(names):  # written by Keras 3.0, which then fails
        message = f"layer '{layer.name}': weights must have a name each. Found: names twice."
        broken.append((message, "save the model as .keras."))
        return
    sizes: dict[int, dict[str, int]] = {}
    for name, (owner, slot) in zip(names, order, strict=True):
        role = name.split("/")[-1].split(":")[0]
        if role not in (slot.role, *slot.also):
            message = f"layer '{owner.name}': weight '{slot.role}' must be in its place. Found: '{name}'."
            broken.append((message, _DAMAGED))
            continue
        dataset = member(own, name)
        _read(owner, slot, dataset, sizes.setdefault(id(owner), {}), f"{layer.name}/{name}", found, broken)


_Order = list[tuple[KerasLayer, Slot]]


def _inside(layer: KerasLayer) -> Iterator[KerasLayer]:
    yield from layer.children.values()
    if layer.model is not None:
        yield from layer.model.layers


def _order_keras_3(layer: KerasLayer) -> tuple[_Order, _Order]:
    """All weights inside, the trainable ones first; in plain order if the layer itself is frozen."""

    def plain(item: KerasLayer) -> _Order:
        own = [(item, slot) for slot in known.weight_slots(item.class_name, item.config)]
        return own + [weight for child in _inside(item) for weight in plain(child)]

    order = plain(layer)
    if not layer.trainable:
        return [], order
    trains = [slot.trainable and owner.trainable for owner, slot in order]
    return (
        [weight for weight, trained in zip(order, trains, strict=True) if trained],
        [weight for weight, trained in zip(order, trains, strict=True) if not trained],
    )


def _order_keras_2(layer: KerasLayer) -> tuple[_Order, _Order]:
    """The same in Keras 2, which asks every layer on the way for its two lists."""
    slots = [(layer, slot) for slot in known.weight_slots(layer.class_name, layer.config)]
    own = [[item for item in slots if item[1].trainable == trained] for trained in (True, False)]
    parts = [_order_keras_2(child) for child in _inside(layer)]
    inner = [[item for part in parts for item in part[kind]] for kind in (0, 1)]
    if layer.trainable:
        return own[0] + inner[0], own[1] + inner[1]
    if layer.model is not None:
        return [], inner[0] + inner[1]
    return [], own[0] + own[1] + [item for part in parts for item in part[0] + part[1]]


# Putting them in


def _rebuilt(model: KerasModel, found: _Found, broken: Broken) -> KerasModel:
    return replace(model, layers=tuple(_rebuilt_layer(layer, found, broken) for layer in model.layers))


def _rebuilt_layer(layer: KerasLayer, found: _Found, broken: Broken) -> KerasLayer:
    weights: Mapping[str, Array] = found.get(id(layer), {})
    config = dict(layer.config)
    if config.pop("cudnn", False) and weights:
        weights = of_cudnn(weights, 4 if layer.class_name == "LSTM" else 3)
    if layer.class_name == "Normalization":  # its statistics are options or weights; here they are weights
        given = {role: config.get(role) for role in ("mean", "variance")}
        if given["mean"] is not None:
            try:
                weights = {role: np.asarray(values, np.float32) for role, values in given.items()}
            except (TypeError, ValueError):
                message = f"layer '{layer.name}': mean and variance must be numbers. Found: something else."
                broken.append((message, _DAMAGED))
    for values in weights.values():
        values.setflags(write=False)
    return replace(
        layer,
        config=config,
        weights=weights,
        children={role: _rebuilt_layer(child, found, broken) for role, child in layer.children.items()},
        model=_rebuilt(layer.model, found, broken) if layer.model is not None else None,
    )
