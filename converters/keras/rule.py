"""What a rule of the reader is, and the list of all of them.

A check returns what it found where the rule is broken, else None. The docstring is the sentence in the error message
and in the generated page of supported layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgernn.converters.keras.source_model import KerasLayer
from edgernn.converters.keras.use import Use

Check = Callable[[KerasLayer], str | None]
UseCheck = Callable[[Use], str | None]


@dataclass(frozen=True)
class Rule:
    """A rule about a layer.

    Attributes:
        name: the check's name.
        sentence: what must be; the check's docstring.
        classes: the Keras classes that it is about; empty for all.
        hint: what to do about a layer that breaks it.
        check: for a rule about options and weights alone.
        check_use: for a rule that also depends on what the layer is called on.
    """

    name: str
    sentence: str
    classes: tuple[str, ...]
    hint: str
    check: Check | None = None
    check_use: UseCheck | None = None

    def concerns(self, class_name: str) -> bool:
        """Whether the rule is about this class."""
        return not self.classes or class_name in self.classes


RULES: list[Rule] = []


def about_layer(*classes: str, hint: str) -> Callable[[Check], Check]:
    """Register a rule about options and weights."""

    def register(check: Check) -> Check:
        RULES.append(Rule(check.__name__, _sentence(check.__doc__), classes, hint, check=check))
        return check

    return register


def about_use(*classes: str, hint: str) -> Callable[[UseCheck], UseCheck]:
    """Register a rule about a layer and what it is called on."""

    def register(check: UseCheck) -> UseCheck:
        RULES.append(Rule(check.__name__, _sentence(check.__doc__), classes, hint, check_use=check))
        return check

    return register


def _sentence(doc: str | None) -> str:
    return " ".join((doc or "").split())
