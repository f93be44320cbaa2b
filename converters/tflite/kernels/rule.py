"""What a rule of the contract is: a function whose docstring is the rule, with its libraries and its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edgernn.converters.tflite.file import FileOperator, FileSubgraph, FileTensor, TfliteFile

Library = Literal["reference", "CMSIS-NN", "ESP-NN", "HiFi", "Ethos-U", "LiteRT"]
LIBRARIES: tuple[Library, ...] = ("reference", "CMSIS-NN", "ESP-NN", "HiFi", "Ethos-U", "LiteRT")
# TFLite-Micro with the kernels of its own, of Arm's Cortex-M, of Espressif and of Cadence's DSPs. An operator that a
# library does not have runs on the reference kernel, so what that one refuses all four refuse.
MICRO: tuple[Library, ...] = ("reference", "CMSIS-NN", "ESP-NN", "HiFi")
EVERYWHERE: tuple[Library, ...] = (*MICRO, "LiteRT")


@dataclass(frozen=True)
class Call:
    """An operator of a file, in its place.

    Attributes:
        file: all of it.
        subgraph: index of the one that it stands in.
        position: of the operator in that.
    """

    file: TfliteFile
    subgraph: int
    position: int

    @property
    def graph(self) -> FileSubgraph:
        """The subgraph."""
        return self.file.subgraphs[self.subgraph]

    @property
    def operator(self) -> FileOperator:
        """The operator."""
        return self.graph.operators[self.position]

    @property
    def name(self) -> str:
        """Of the operator."""
        return self.operator.name

    @property
    def inputs(self) -> tuple[FileTensor | None, ...]:
        """All input tensors; None for an absent one."""
        return tuple(self._tensor(index) for index in self.operator.inputs)

    @property
    def outputs(self) -> tuple[FileTensor | None, ...]:
        """All output tensors."""
        return tuple(self._tensor(index) for index in self.operator.outputs)

    def input(self, k: int) -> FileTensor | None:
        """Input number `k`, or None."""
        return self._tensor(self.operator.inputs[k]) if k < len(self.operator.inputs) else None

    def output(self, k: int = 0) -> FileTensor | None:
        """Output number `k`, or None."""
        return self._tensor(self.operator.outputs[k]) if k < len(self.operator.outputs) else None

    def type(self, k: int) -> str:
        """The type of input `k`; empty if it is absent."""
        tensor = self.input(k)
        return tensor.dtype if tensor is not None else ""

    def _tensor(self, index: int) -> FileTensor | None:
        return self.graph.tensors[index] if index >= 0 else None


@dataclass(frozen=True)
class Rule:
    """One rule of the contract.

    Attributes:
        check: what breaks it in one operator, a text per breach.
        text: the rule, one sentence.
        libraries: that have it.
        operators: that it is about; empty for all.
        silent: whether a breach gives wrong numbers and no error.
        source: where it was read or how it was seen.
        hint: what a user can do about it, if anything special.
    """

    check: Callable[[Call], Iterator[str]]
    text: str
    libraries: tuple[Library, ...]
    operators: tuple[str, ...]
    silent: bool
    source: str
    hint: str = ""


def rule(
    libraries: Sequence[Library], operators: str, source: str, *, silent: bool = False, hint: str = ""
) -> Callable[[Callable[[Call], Iterator[str]]], Rule]:
    """Make a rule of a function; its docstring is the rule.

    Args:
        libraries: that have it.
        operators: their names, with spaces between; empty for all.
        source: where it was read or how it was seen.
        silent: whether a breach gives wrong numbers and no error.
        hint: what a user can do about it, if anything special.
    """

    def made(check: Callable[[Call], Iterator[str]]) -> Rule:
        text = " ".join((check.__doc__ or "").split()).removesuffix(".")
        return Rule(check, text, tuple(libraries), tuple(operators.split()), silent, source, hint)

    return made


def rules_in(names: dict[str, object]) -> tuple[Rule, ...]:
    """The rules among a module's names."""
    return tuple(value for value in names.values() if isinstance(value, Rule))


def told(what: str, tensor: FileTensor | None) -> str:
    """A tensor in a message."""
    if tensor is None:
        return f"{what} is absent"
    scales = f", {len(tensor.scales)} scales" if len(tensor.scales) > 1 else ""
    name = f" '{tensor.name}'" if tensor.name else ""
    return f"{what}{name}: {tensor.dtype} {list(tensor.shape)}{scales}"
