"""What an HDF5 file holds, as plain groups, attributes and arrays; made by `hdf5.py`, walked by the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgernn.converters.keras.source_model import Array
from edgernn.errors import InputError

_HINT = "save the model again with Keras."

Attribute = str | list[str] | int | float | None  # None: of a kind that Keras does not write


@dataclass(frozen=True, eq=False)
class Dataset:
    """An array of the file.

    Attributes:
        shape: of the array.
        values: read-only; floats as float32, integers as they are; None if it is refused.
        refused: which rule the dataset breaks, and what was found, or an empty string.
    """

    shape: tuple[int, ...]
    values: Array | None
    refused: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """A link that leads out of its place: soft, external, or defined by some program."""


@dataclass(frozen=True, eq=False)
class Group:
    """A group of the file.

    Attributes:
        attrs: texts, lists of texts and numbers.
        members: by name.
    """

    attrs: Mapping[str, Attribute]
    members: Mapping[str, Node]


Node = Group | Dataset | Elsewhere


def member(parent: Node | None, path: str) -> Group | Dataset | None:
    """The group or dataset at `path` below a group, or None.

    Raises:
        InputError: a link on the way leads somewhere else.
    """
    current = parent
    for part in path.split("/"):
        if not isinstance(current, Group):
            return None
        current = current.members.get(part)
        if isinstance(current, Elsewhere):
            raise InputError(f"weights '{path}': must be in the file itself. Found: a link to elsewhere.", hint=_HINT)
    return None if isinstance(current, Elsewhere) else current


def text_list(group: Node | None, name: str) -> list[str]:
    """A list of names in an attribute; Keras splits long lists into `name0`, `name1`, ..."""
    if not isinstance(group, Group):
        return []
    if name in group.attrs:
        chunks = [group.attrs[name]]
    else:
        chunks = []
        while f"{name}{len(chunks)}" in group.attrs:
            chunks.append(group.attrs[f"{name}{len(chunks)}"])
    return [str(item) for chunk in chunks for item in (chunk if isinstance(chunk, list) else [chunk])]


def numbers(node: Node | None, where: str) -> Array:
    """The array of a dataset: float32, or integers.

    Raises:
        InputError: this is no dataset, or one that is refused.
    """
    if not isinstance(node, Dataset):
        found = "none" if node is None else type(node).__name__
        raise InputError(f"weights '{where}': must be a dataset. Found: {found}.", hint=_HINT)
    if node.values is None:
        raise InputError(f"weights '{where}': {node.refused}", hint=_HINT)
    return node.values


def with_slashes(group: Group) -> Group:
    r"""The group with `layers\gru/vars/0` at `layers/gru/vars/0`, which Keras 2 on Windows writes so."""
    if not any("\\" in name for name in group.members):
        return group
    attrs: dict[tuple[str, ...], Mapping[str, Attribute]] = {}
    leaves: dict[tuple[str, ...], Node] = {}

    def collect(node: Node, path: tuple[str, ...]) -> None:
        if not isinstance(node, Group):
            leaves[path] = node
            return
        attrs[path] = node.attrs
        for name, inner in node.members.items():
            collect(inner, (*path, *name.split("\\")))

    def build(path: tuple[str, ...], below: Mapping[tuple[str, ...], list[tuple[str, ...]]]) -> Node:
        if path in leaves:
            return leaves[path]
        return Group(attrs.get(path, {}), {inner[-1]: build(inner, below) for inner in below.get(path, ())})

    collect(group, ())
    below: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    known: set[tuple[str, ...]] = {()}
    for path in (*attrs, *leaves):
        for depth in range(1, len(path) + 1):
            if path[:depth] not in known:
                known.add(path[:depth])
                below.setdefault(path[: depth - 1], []).append(path[:depth])
    made = build((), below)
    return made if isinstance(made, Group) else group
