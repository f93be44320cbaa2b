"""Which libraries of kernels an artifact is promised to run with, and that none is written that breaks the promise."""

from __future__ import annotations

from collections.abc import Sequence

from edgernn.converters.tflite.kernels import LIBRARIES, MICRO, Library, check
from edgernn.converters.tflite.kernels.contract import Breach
from edgernn.converters.tflite.reader import read_tflite
from edgernn.errors import InputError, UnsupportedError, one_of

_OF_TARGET: dict[str, tuple[Library, ...]] = {"micro": MICRO, "phone": ("LiteRT",)}
_BY_LOWER_NAME = {library.lower(): library for library in LIBRARIES}


def promised(target: str, kernels: str | Sequence[str] | None) -> tuple[Library, ...]:
    """The libraries that an artifact must run with.

    Args:
        target: of the conversion.
        kernels: names, with commas between in a text; None for all that the target stands for.

    Raises:
        InputError: an unknown name, none at all, or names beside a target that has only one library.
    """
    if kernels is None:
        return _OF_TARGET[target]
    if target != "micro":
        message = f"kernels: are of --target micro; a {target} has those of LiteRT. Found: target '{target}'."
        raise InputError(message, hint="leave --kernels out.")
    given = kernels.split(",") if isinstance(kernels, str) else list(kernels)
    names = [name.strip().lower() for name in given if name.strip()]
    if not names:
        raise InputError(f"kernels: must name one of {', '.join(LIBRARIES)}. Found: none.", hint="name one or more.")
    known = list(_BY_LOWER_NAME)
    found = {_BY_LOWER_NAME[one_of("kernels", name, known)] for name in names}
    return tuple(library for library in LIBRARIES if library in found)


def keep_promise(content: bytes, libraries: Sequence[Library]) -> None:
    """Check a written artifact against the contract.

    Raises:
        UnsupportedError: an operator breaks a rule of a promised library; every rule is named once, with its libraries.
    """
    by_rule: dict[str, list[Breach]] = {}
    for breach in check(read_tflite(content), libraries):
        by_rule.setdefault(breach.rule.text, []).append(breach)
    if not by_rule:
        return
    broken = {breach.library for breaches in by_rule.values() for breach in breaches}
    left = [library for library in libraries if library not in broken]
    raise UnsupportedError([_told(breaches, left) for breaches in by_rule.values()])


def _told(breaches: Sequence[Breach], left: Sequence[Library]) -> tuple[str, str]:
    """Message and hint of a rule that is broken."""
    names = ", ".join(dict.fromkeys(breach.library for breach in breaches))
    hint = breaches[0].rule.hint or "choose another --quantize."
    if left:
        hint = f"{hint.removesuffix('.')}; or narrow the promise: --kernels {','.join(left)}."
    return f"kernels of {names}: {breaches[0].message}", hint
