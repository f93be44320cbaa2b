"""Inbound nodes: how Keras 2 and Keras 3 write down one call of a layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgernn.converters.keras.source_model import TensorRef

_AFTER_THE_FIRST = ("initial_state", "mask", "training")  # further positional arguments of a recurrent layer


@dataclass
class Node:
    """One call as saved: the tensors of each argument, in order."""

    layer: str
    call: int
    arguments: list[TensorRef] = field(default_factory=list)
    keywords: dict[str, list[TensorRef]] = field(default_factory=dict)
    named: dict[str, TensorRef] = field(default_factory=dict)  # when the first argument is a dictionary
    constants: dict[str, object] = field(default_factory=dict)  # arguments that are not tensors, by name


def tensor(value: object) -> TensorRef | None:
    """The tensor that a saved value stands for, if it stands for one."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value.get("config")
        value = config.get("keras_history") if isinstance(config, dict) else None
    if isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str):
        layer, call, index = value[:3]
        if type(call) is int and type(index) is int:
            return TensorRef(layer, call, index)
    return None


def leaves(value: object, name: str | None = None) -> list[tuple[str, TensorRef]]:
    """The tensors of a nested structure, as Keras flattens it (dictionaries by sorted key), with a name for each."""
    ref = tensor(value)
    if ref is not None:
        return [(name or ref.layer, ref)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, name)]
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in leaves(value[key], key)]
    return []


def constant(value: object) -> object:
    """The first part of a nested structure that is neither a tensor nor absent; None if there is none."""
    if tensor(value) is not None or value is None or value is False:
        return None
    if isinstance(value, list) or (isinstance(value, dict) and "class_name" not in value):
        items = value if isinstance(value, list) else list(value.values())
        return next((found for found in map(constant, items) if found is not None), None)
    return value


def read_node(saved: object, layer: str, call: int) -> Node:
    """One inbound node, of Keras 3 (args and kwargs) or Keras 2 (lists of [layer, call, output, kwargs])."""
    node = Node(layer, call)
    if isinstance(saved, dict) and "args" in saved:
        args = saved["args"] if isinstance(saved["args"], list) else [saved["args"]]
        keywords = dict(saved.get("kwargs") or {})
        first = args[0] if args else keywords.pop("inputs", keywords.pop("sequences", None))
        keywords |= {_AFTER_THE_FIRST[index]: value for index, value in enumerate(args[1:4])}
    else:
        first = saved
        keywords = next((item[3] for item in _legacy_items(saved) if isinstance(item[3], dict) and item[3]), {})
    node.arguments = [ref for _, ref in leaves(first)]
    if isinstance(first, dict) and tensor(first) is None:
        node.named = {key: ref for key, value in first.items() if (ref := tensor(value)) is not None}
    for key, value in {"inputs": first, **keywords}.items():
        if key != "inputs" and leaves(value):
            node.keywords[key] = [ref for _, ref in leaves(value)]
        if (found := constant(value)) is not None:
            node.constants[key] = found
    return node


def _legacy_items(saved: object) -> list[list[Any]]:
    if isinstance(saved, list) and len(saved) == 4 and isinstance(saved[0], str):
        return [saved]
    items = list(saved.values()) if isinstance(saved, dict) else saved if isinstance(saved, list) else []
    return [leaf for item in items for leaf in _legacy_items(item)]


def operands(saved: object) -> tuple[list[tuple[TensorRef, int]], list[float]]:
    """The tensors (each with its rank) and the numbers that an operation of Keras 3 was called on."""
    tensors: list[tuple[TensorRef, int]] = []
    numbers: list[float] = []
    todo = [saved["args"], saved.get("kwargs")] if isinstance(saved, dict) and "args" in saved else []
    while todo:
        item = todo.pop(0)
        if (ref := tensor(item)) is not None:
            shape = item["config"].get("shape") if isinstance(item, dict) else None
            tensors.append((ref, len(shape) if isinstance(shape, list) else 0))
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            numbers.append(item)
    return tensors, numbers
