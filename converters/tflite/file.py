"""A .tflite file as plain data, as it was read: ours, or that of another tool."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# Bits per element, by type; strings and handles of resources have no size that a file tells.
BITS: Mapping[str, int] = {
    **{"float32": 32, "float16": 16, "bfloat16": 16, "float64": 64, "bool": 8, "int2": 2, "int4": 4, "uint4": 4},
    **{"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64},
    **{"complex64": 64, "complex128": 128, "float8_e4m3fn": 8, "float8_e5m2": 8},
}


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
    def nbytes(self) -> int:
        """Bytes of its value; 0 for strings and handles of resources."""
        return -(-self.size * BITS.get(self.dtype, 0) // 8)

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
    """One operator.

    Attributes:
        name: of the builtin, or a custom one's own.
        version: of the builtin.
        inputs: tensor indices; -1 is an absent one.
        outputs: likewise.
        subgraphs: that it runs.
        variable: of a VAR_HANDLE, the name of the resource.
        custom: whether it is none of the format's builtins.
        activation: the function that is fused into it, by the schema's name; NONE if there is none.
        bias_type: of a product, what the file says of its bias beside the tensor itself; empty if it says nothing.
        powers_of_two: of an ADD or SUB, whether the file promises scales that are powers of two.
        intermediates: tensors of its own.
    """

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: tuple[int, ...]
    variable: str = ""
    custom: bool = False
    activation: str = "NONE"
    bias_type: str = ""
    powers_of_two: bool = False
    intermediates: tuple[int, ...] = ()


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
            entry = json.loads(self.description)
        except (ValueError, RecursionError):
            return {}
        return entry if isinstance(entry, dict) and "edgernn" in entry else {}

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
