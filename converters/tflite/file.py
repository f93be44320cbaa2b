"""A .tflite file as plain data, as it was read: ours, or that of another tool."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgernn.converters.tflite.writer import METADATA_NAME


@dataclass(frozen=True)
class FileTensor:
    """One tensor as the file describes it.

    Attributes:
        shape: with the batch axis.
        dtype: lower-case name of its type: float32, int8, ..., resource.
        buffer: index of its constant data, or 0.
        data_bytes: size of its constant data; 0 for an activation.
        scales: of its quantization; empty if there is none.
        zero_points: one per scale.
        axis: the channels' axis when there are several scales.
        variable: whether it keeps its value from one call to the next.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: int
    data_bytes: int
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    variable: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def scale(self) -> float:
        """The scale of a tensor that is quantized as a whole, else 0."""
        return self.scales[0] if len(self.scales) == 1 else 0.0

    @property
    def zero_point(self) -> int:
        """The zero point that goes with `scale`."""
        return self.zero_points[0] if self.scale else 0


@dataclass(frozen=True)
class FileOperator:
    """One operator: its name (a custom one's own), version, tensor indices (-1: absent) and the subgraphs it runs."""

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: tuple[int, ...]


@dataclass(frozen=True)
class FileSubgraph:
    """Tensors and operators, in the order of execution."""

    name: str
    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class FileSignature:
    """A named entry point with the names of its inputs and outputs, by tensor index."""

    key: str
    subgraph: int
    inputs: Mapping[int, str]
    outputs: Mapping[int, str]


@dataclass(frozen=True, eq=False)
class TfliteFile:
    """A whole file; the first subgraph is the main one.

    Attributes:
        content: the file's bytes.
        buffers: position and size of each constant's data in `content`.
        metadata: entries by name.
    """

    content: bytes
    subgraphs: tuple[FileSubgraph, ...]
    signatures: tuple[FileSignature, ...]
    buffers: tuple[tuple[int, int], ...]
    metadata: Mapping[str, bytes]
    description: str

    @property
    def main(self) -> FileSubgraph:
        """The subgraph that an interpreter runs."""
        return self.subgraphs[0]

    @cached_property
    def operators(self) -> dict[str, int]:
        """How many operators of each kind there are, bodies of loops included, the most frequent first."""
        counts = Counter(operator.name for graph in self.subgraphs for operator in graph.operators)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def weight_bytes(self) -> int:
        """Bytes of all constants' data, each counted once."""
        return sum(size for _, size in self.buffers) - sum(len(entry) for entry in self.metadata.values())

    @cached_property
    def own(self) -> Mapping[str, Any]:
        """What edgernn wrote about the model; empty in a file of another tool."""
        try:
            entry = json.loads(self.metadata.get(METADATA_NAME, b"{}"))
        except (ValueError, RecursionError):
            return {}
        return entry if isinstance(entry, dict) else {}

    def data(self, tensor: FileTensor) -> bytes:
        """The constant data of a tensor."""
        position, size = self.buffers[tensor.buffer]
        return self.content[position : position + size]

    def names(self, indices: tuple[int, ...], *, outputs: bool = False) -> tuple[str, ...]:
        """Names of the main subgraph's inputs or outputs: the signature's, else the tensors' own."""
        known: dict[int, str] = {}
        for signature in self.signatures:
            if signature.subgraph == 0:
                known = {**(signature.outputs if outputs else signature.inputs), **known}
        return tuple(known.get(index) or self.main.tensors[index].name for index in indices)
