"""Index expressions: one C expression per axis, and what data movement does to them."""

from __future__ import annotations

from collections.abc import Sequence

Index = tuple[str, ...]


def plus(index: str, offset: int) -> str:
    """Index + offset, as short as it gets."""
    if offset == 0:
        return index
    if index.lstrip("-").isdigit():
        return str(int(index) + offset)
    return f"{index} {'+' if offset > 0 else '-'} {abs(offset)}"


def times(index: str, factor: int) -> str:
    """Index * factor."""
    if factor == 1 or index == "0":
        return index
    if index.lstrip("-").isdigit():
        return str(int(index) * factor)
    return f"{factor} * {index}" if index.isidentifier() else f"{factor} * ({index})"


def flat(index: Index, shape: Sequence[int]) -> str:
    """The position in memory, row by row; axes of one element do not move it."""
    terms, stride = [], 1
    for part, size in zip(reversed(index), reversed(shape), strict=True):
        if size != 1 and part != "0":
            terms.append(times(part, stride))
        stride *= size
    numbers = sum(int(term) for term in terms if term.isdigit())
    words = [term for term in reversed(terms) if not term.isdigit()]
    return " + ".join([*words, *([str(numbers)] if numbers or not words else [])])


def broadcast(index: Index, shape: Sequence[int]) -> Index:
    """The index of an operand of `shape` that NumPy would broadcast."""
    own = index[len(index) - len(shape) :]
    return tuple("0" if size == 1 else part for part, size in zip(own, shape, strict=True))
