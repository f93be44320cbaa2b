"""One TFLite subgraph under construction: values to tensor indices, small integer constants, operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from edgernn.converters.tflite.flatbuffer import TfOperator, TfSubgraph, TfTensor, digest, schema
from edgernn.converters.tflite.versions import version
from edgernn.graph import Quantization, Value


@dataclass
class Program:
    """All subgraphs of one model; the first is the main one."""

    subgraphs: list[TfSubgraph] = field(default_factory=list)
    variables: int = 0

    def subgraph(self) -> Subgraph:
        """A new, empty subgraph."""
        self.subgraphs.append(TfSubgraph())
        return Subgraph(self, self.subgraphs[-1], len(self.subgraphs) - 1)

    def variable(self) -> str:
        """A name for a resource variable that no other has."""
        self.variables += 1
        return f"v{self.variables}"


@dataclass
class Subgraph:
    """Builds one subgraph."""

    program: Program
    target: TfSubgraph
    index: int
    known: dict[Any, int] = field(default_factory=dict)

    def tensor(self, value: Value) -> int:
        """The tensor of an activation, with the batch axis, or of a constant, as it is."""
        if value not in self.known:
            shape = value.shape if value.data is not None else (1, *value.shape)
            form = value.quantization
            tensor = TfTensor(shape, value.dtype, value.data)
            self.known[value] = self.add(_with_form(tensor, form))
        return self.known[value]

    def batched(self, value: Value) -> int:
        """Like `tensor`, but a constant gets the batch axis too."""
        if value.data is None:
            return self.tensor(value)
        return self.constant(value.data[None], value.quantization)

    def shaped(self, value: Value, shape: Sequence[int]) -> int:
        """A constant in another shape, as kernels of convolutions want it."""
        return self.constant(value.constant.reshape(tuple(shape)), value.quantization)

    def scratch(self, shape: Sequence[int], like: Value | None = None, dtype: str = "", form: Any = None) -> int:
        """A tensor without a value in the graph; with `like`, of that value's type and scale."""
        quantization = form if form is not None else (like.quantization if like else None)
        return self.add(_with_form(TfTensor(tuple(shape), dtype or (like.dtype if like else "")), quantization))

    def constant(self, data: np.ndarray, form: Quantization | None = None) -> int:
        """A constant tensor; equal ones are one tensor."""
        key = (data.dtype.str, data.shape, digest(data), form)
        if key not in self.known:
            self.known[key] = self.add(_with_form(TfTensor(data.shape, data.dtype.name, data), form))
        return self.known[key]

    def variable(self, shape: Sequence[int]) -> int:
        """A float32 tensor that an operator updates and the runtime keeps between calls."""
        return self.add(TfTensor(tuple(shape), "float32", variable=True))

    def integers(self, values: int | Sequence[Any]) -> int:
        """An int32 constant: an axis, a shape, sizes."""
        return self.constant(np.asarray(values, "int32"))

    def emit(
        self,
        code: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        dtype: str,
        *,
        hybrid: bool = False,
        at_least: int = 1,
        options: str = "",
        **attributes: Any,
    ) -> None:
        """Add an operator; `options` names its options table, whose fields are `attributes`."""
        table = None
        if options:
            table = getattr(schema(), f"{options}T")(**attributes)
        number = max(version(code, dtype, hybrid=hybrid), at_least)
        self.target.operators.append(TfOperator(code, tuple(inputs), tuple(outputs), table, number))

    def name(self, index: int, name: str) -> None:
        """Name a tensor: graph inputs and outputs only."""
        self.target.tensors[index] = replace(self.target.tensors[index], name=name)

    def add(self, tensor: TfTensor) -> int:
        """Add a tensor as it is."""
        self.target.tensors.append(tensor)
        return len(self.target.tensors) - 1


def reshape(g: Subgraph, source: int, target: int, shape: tuple[int, ...]) -> None:
    """RESHAPE, its new shape both as an input, which all runtimes read, and nowhere else."""
    g.emit("RESHAPE", [source, g.integers(shape)], [target], "", options="ReshapeOptions")


def weights(g: Subgraph, kernel: Value, shape: tuple[int, ...] | None = None, *, widen: bool = False) -> int:
    """The tensor of a kernel; half-precision weights, and others on demand, are widened to float32 by a DEQUANTIZE.

    The runtimes compute a DEQUANTIZE of a constant once, not at every call.
    """
    index = g.tensor(kernel) if shape is None else g.shaped(kernel, shape)
    if kernel.dtype != "float16" and not widen:
        return index
    key = ("widened", kernel)
    if key not in g.known:
        wide = g.scratch(shape or kernel.shape, dtype="float32")
        g.emit("DEQUANTIZE", [index], [wide], kernel.dtype, options="DequantizeOptions")
        g.known[key] = wide
    return g.known[key]


def _with_form(tensor: TfTensor, form: Quantization | None) -> TfTensor:
    if form is None:
        return tensor
    return replace(tensor, scales=form.scales, zero_point=form.zero_point, axis=form.axis)
