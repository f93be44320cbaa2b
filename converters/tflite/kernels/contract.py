"""The contract between a file and the libraries of kernels that may run it, and what breaks it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.kernels import control, elementwise, ethos_u, movement, types, weighted
from edgernn.converters.tflite.kernels.rule import LIBRARIES, Call, Library, Rule

RULES: tuple[Rule, ...] = (
    *control.RULES,
    *types.RULES,
    *weighted.RULES,
    *elementwise.RULES,
    *movement.RULES,
    *ethos_u.RULES,
)


@dataclass(frozen=True)
class Breach:
    """A rule that an operator breaks.

    Attributes:
        rule: that is broken.
        library: whose rule it is.
        operator: the builtin's name.
        subgraph: that it stands in.
        position: of the operator in that.
        found: the tensor or the number that breaks it.
    """

    rule: Rule
    library: Library
    operator: str
    subgraph: int
    position: int
    found: str

    @property
    def message(self) -> str:
        """The rule and what was found, without the library."""
        where = f"{self.operator} (operator {self.position} of subgraph {self.subgraph})"
        return f"{where}: {self.rule.text}. Found: {self.found}."


def check(file: TfliteFile, libraries: Sequence[Library] = LIBRARIES) -> tuple[Breach, ...]:
    """What in a file, ours or anyone's, breaks the contract with these libraries, in the file's order."""
    wanted = [rule for rule in RULES if set(rule.libraries) & set(libraries)]
    everywhere = [rule for rule in wanted if not rule.operators]
    special: dict[str, list[Rule]] = defaultdict(list)
    for rule in wanted:
        for name in rule.operators:
            special[name].append(rule)
    found = []
    for index, graph in enumerate(file.subgraphs):
        for position, operator in enumerate(graph.operators):
            call = Call(file, index, position)
            for rule in (*everywhere, *special.get(operator.name, ())):
                for text in rule.check(call):
                    found += [
                        Breach(rule, library, operator.name, index, position, text)
                        for library in libraries
                        if library in rule.libraries
                    ]
    return tuple(found)


def reasons(breaches: Sequence[Breach]) -> tuple[str, ...]:
    """One sentence for every rule that is broken, of the first operator that breaks it."""
    by_rule: dict[str, list[Breach]] = defaultdict(list)
    for breach in breaches:
        by_rule[breach.rule.text].append(breach)
    more = {text: f" And {len(found) - 1} more." if len(found) > 1 else "" for text, found in by_rule.items()}
    return tuple(found[0].message + more[text] for text, found in by_rule.items())


def runs_with(file: TfliteFile) -> Mapping[Library, tuple[Breach, ...]]:
    """For every library what stands against it; empty for one that runs the file."""
    breaches = check(file)
    return {library: tuple(breach for breach in breaches if breach.library == library) for library in LIBRARIES}
