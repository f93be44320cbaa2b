"""The errors that edgernn raises on purpose, each with the exit status that the command line gives it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, TypeVar

Choice = TypeVar("Choice", bound=str)


LARGEST_COUNT = 2**31 - 1
"""Of steps, frames or whatever else is counted: what is larger than a shape can hold is no count of anything."""


class EdgernnError(Exception):
    """An error with a message that says where, what was expected and what was found, and a hint that says what to do.

    Attributes:
        message: one sentence, ``where: rule. Found: ...``.
        hint: what the user can do about it, or an empty string.
        broken: ``(message, hint)`` pairs: of an error that gathers several, each one's; else its own.
        exit_status: the status with which the command line ends.
    """

    exit_status = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the message and the hint apart, so that the command line can print them on two lines."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.broken = [(message, hint)]

    def __str__(self) -> str:
        """Message and hint in one string."""
        return f"{self.message} Hint: {self.hint}" if self.hint else self.message


class InputError(EdgernnError):
    """Bad usage or bad input: a wrong option, a broken file, an unsupported layer (exit status 2)."""


class CheckFailed(EdgernnError):
    """A check that the user asked for did not hold (exit status 1)."""

    exit_status = 1


class EnvironmentProblem(EdgernnError):
    """The machine lacks something: a package, disk space, a runtime, a device (exit status 3)."""

    exit_status = 3


class InternalError(EdgernnError):
    """What edgernn made is wrong, and it is not the user's fault (exit status 3)."""

    exit_status = 3


class UnsupportedError(InputError):
    """A model breaks one or more rules; all of them are gathered before this is raised, in the model's order."""

    def __init__(self, broken: Iterable[tuple[str, str]]) -> None:
        """Join the broken rules, one per line."""
        rules = list(broken)
        hints = list(dict.fromkeys(hint for _, hint in rules if hint))
        super().__init__("\n".join(message for message, _ in rules), hint=" ".join(hints))
        self.broken = rules

    def __reduce__(self) -> tuple[type[UnsupportedError], tuple[list[tuple[str, str]]]]:
        """Take it to another process."""
        return type(self), (self.broken,)


class GraphError(UnsupportedError):
    """A graph is not sound: built by hand, or by a pass that has a fault."""


def missing_extra(package: str, extra: str, purpose: str) -> EnvironmentProblem:
    """The error for an optional package that is not installed, with the command that installs it."""
    return EnvironmentProblem(
        f"{purpose} needs the package '{package}', which is not installed.",
        hint=f"pip install 'edgernn[{extra}]'",
    )


def no_room(error: OSError) -> EnvironmentProblem:
    """The error for a temporary file that cannot be written."""
    message = f"cannot write a temporary file: {error.strerror or error}."
    return EnvironmentProblem(message, hint="free some disk space.")


def no_count(what: str, value: object, least: int, most: int = LARGEST_COUNT) -> str:
    """What is wrong with `value` as a whole number from `least` to `most`; empty if nothing is."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        found = f"{value!r}"
    elif least <= int(value) <= most:
        return ""
    else:
        found = str(value) if abs(int(value)) < 10**20 else "one of more than 20 digits"  # Python writes out 4300
    return f"{what}: must be a whole number from {least} to {most}. Found: {found}."


def whole_number(what: str, value: Any, least: int, *, hint: str) -> int:
    """`value` as a count of at least `least`.

    Raises:
        InputError: it is none.
    """
    if wrong := no_count(what, value, least):
        raise InputError(wrong, hint=hint)
    return int(value)


def one_of(what: str, value: str, known: Sequence[Choice]) -> Choice:
    """`value` as one of the known names.

    Raises:
        InputError: it is none of them; the message lists them and the hint names the closest.
    """
    for name in known:
        if value == name:
            return name
    import difflib

    close = difflib.get_close_matches(str(value), known, n=1, cutoff=0.4)
    raise InputError(
        f"{what}: must be one of {', '.join(known)}. Found: '{value}'.",
        hint=f"did you mean '{close[0]}'?" if close else "'edgernn convert --help' says what each is for.",
    )
