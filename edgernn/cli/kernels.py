"""With which libraries of kernels a file runs, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgernn.cli.output import say, say_wrapped


def kernels_rows(kernels: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """The rows of a table of properties."""
    if not kernels:
        return []
    runs, stops = ([name for name, why in kernels.items() if bool(why) is broken] for broken in (False, True))
    rows: list[tuple[str, str]] = [("runs with", ", ".join(runs) or "none of the kernels that are known")]
    return [*rows, ("not with", f"{', '.join(stops)}: see below")] if stops else rows


def print_reasons(kernels: Mapping[str, Sequence[str]]) -> None:
    """Why a library does not run it; a reason that several have is told once."""
    libraries: dict[str, list[str]] = {}
    for name, why in kernels.items():
        for reason in why:
            libraries.setdefault(reason, []).append(name)
    if libraries:
        say()
    for reason, names in libraries.items():
        say_wrapped(f"not with {', '.join(names)}: {reason}")
