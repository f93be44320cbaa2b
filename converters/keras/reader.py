"""Reads a Keras model, from a file or from memory, into a float graph and a table of its layers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from edgernn.converters.keras.cost import Cost, costs
from edgernn.converters.keras.source import read_source
from edgernn.converters.keras.source_model import KerasLayer, KerasModel, ModelInput, walk
from edgernn.converters.keras.use import Findings, Tensor
from edgernn.converters.keras.walk import LARGEST_TENSOR, check_layers, read_calls
from edgernn.errors import InputError, UnsupportedError, whole_number
from edgernn.graph import Builder, DType, Graph, Value
from edgernn.graph import operators as ops
from edgernn.graph.verify import verify

Precision = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class LayerInfo:
    """A row of the layer table.

    Attributes:
        name: the layer's name, behind those of the models around it.
        class_name: Keras's class.
        output_shape: shape of the first output, without the batch axis.
        parameters: number of weights, trainable or not; 0 for a layer that was counted before.
        macs: multiply-accumulates per inference, over all uses of the layer.
        macs_per_step: of those, what one time step of the layer's own sequence costs.
    """

    name: str
    class_name: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    macs_per_step: int


@dataclass(frozen=True, eq=False)
class ReadModel:
    """A Keras model as edgernn sees it.

    Attributes:
        graph: float, not simplified; inputs and outputs in Keras's order, under Keras's names.
        layers: in the model's order, nested models unfolded.
        parameters: as Keras counts them.
        macs: multiply-accumulates (matrix products only) per inference of the whole window.
        macs_per_step: what one time step costs in the layers that work on a sequence, whether recurrent, convolutional
            or dense; what is computed once per window, behind the last step, takes no part.
        source_hash: SHA-256 of the source.
        notes: what a user might not expect: masks that Keras drops, states that start from zero.
        precision: the coarsest in which Keras computes a layer.
        keras_major: the generation of Keras that wrote it.
        stateful: the size of the batches in which Keras carries a state from one window to the next; 0 where none is.
    """

    graph: Graph
    layers: tuple[LayerInfo, ...]
    parameters: int
    macs: int
    macs_per_step: int
    source_hash: str
    notes: tuple[str, ...] = ()
    precision: Precision = "float32"
    keras_major: int = 3
    stateful: int = 0

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs, in Keras's order."""
        return tuple(value.name for value in self.graph.inputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in Keras's order."""
        return tuple(value.name for value in self.graph.outputs)


def read_model(path_or_model: Any, *, steps: int | None = None) -> ReadModel:
    """Read a Keras model.

    Args:
        path_or_model: a `.keras` or `.h5` file, or a Keras model.
        steps: the number of time steps, where the model leaves it open.

    Raises:
        InputError: the file is not a readable Keras model, or the number of steps is missing or wrong.
        UnsupportedError: the model breaks rules; all of them are named.
    """
    source, digest = read_source(path_or_model)
    return read_keras(source, digest, steps=steps)


def read_keras(source: KerasModel, digest: str = "", *, steps: int | None = None) -> ReadModel:
    """Like `read_model`, of a model that `read_source` has read."""
    if steps is not None:
        steps = whole_number("steps", steps, 1, hint="give the length of the input window.")
    shapes = [_shape(model_input, steps) for model_input in source.inputs]
    _check_steps(source.inputs, steps)
    graph, findings = _build(source, shapes, frozenset())
    if findings.integer_inputs:  # an Embedding reads an input that the model says to be float32
        graph, findings = _build(source, shapes, frozenset(findings.integer_inputs))
    verify(graph)
    layers = tuple(_layers(source, findings, _all_costs(graph, findings)))
    return ReadModel(
        graph=graph,
        layers=layers,
        parameters=sum(layer.parameters for layer in layers),
        macs=sum(layer.macs for layer in layers),
        macs_per_step=sum(layer.macs_per_step for layer in layers),
        source_hash=digest,
        notes=tuple(findings.notes),
        precision=_precision(source),
        keras_major=source.keras_major,
        stateful=_stateful(source),
    )


def _stateful(source: KerasModel) -> int:
    if not any(layer.config.get("stateful") for layer in walk(source)):
        return 0
    return next((each.batch for each in source.inputs if each.batch), 1)


def _precision(source: KerasModel) -> Precision:
    computed = {layer.dtype.removeprefix("mixed_") for layer in walk(source)}
    coarsest: tuple[Precision, ...] = ("bfloat16", "float16")
    return next((name for name in coarsest if name in computed), "float32")


def _shape(model_input: ModelInput, steps: int | None) -> tuple[int, ...]:
    first, *rest = model_input.shape or (1,)
    if None in rest:
        raise InputError(
            f"input '{model_input.name}': only the number of time steps may be unknown. Found: {model_input.shape}.",
            hint="build the model with keras.Input((None, features)) or a fixed shape.",
        )
    if first is None and steps is None:
        raise InputError(
            f"input '{model_input.name}': the number of time steps must be known. Found: {model_input.shape}.",
            hint="give it with --steps N (in Python: steps=N).",
        )
    shape = tuple(size for size in (steps if first is None else first, *rest) if size is not None)
    if math.prod(shape) > LARGEST_TENSOR:
        found = f"{' x '.join(map(str, shape))}"
        message = f"input '{model_input.name}': a tensor must have at most {LARGEST_TENSOR} elements. Found: {found}."
        raise InputError(message, hint="shorten the window.")
    return shape


def _check_steps(inputs: Sequence[ModelInput], steps: int | None) -> None:
    """`steps` must say nothing else than the model itself."""
    if steps is None:
        return
    fixed = {model_input.name: model_input.shape[0] for model_input in inputs if model_input.shape}
    if None not in fixed.values() and steps not in fixed.values():
        known = ", ".join(f"'{name}' has {count}" for name, count in fixed.items())
        raise InputError(
            f"steps: the model fixes the number of time steps: {known}. Found: {steps}.",
            hint="leave --steps out, or build the model with keras.Input((None, features)).",
        )


def _build(source: KerasModel, shapes: Sequence[tuple[int, ...]], integers: frozenset[str]) -> tuple[Graph, Findings]:
    findings = Findings()
    check_layers(source, findings)
    b = Builder(_clean(source.name))
    inputs = []
    for model_input, shape in zip(source.inputs, shapes, strict=True):
        dtype = _dtype(model_input.dtype)
        name = _clean(model_input.name)
        inputs.append(Tensor(b.input(name, shape, "int32" if name in integers else dtype)))
    names = [b.names(_clean(name)) for name in source.output_names]  # before the layers can take them
    outputs = read_calls(source, inputs, b, findings)
    b.layer = ""
    values = [tensor.value for tensor in outputs if tensor is not None]
    if findings.broken:
        raise UnsupportedError(dict.fromkeys(findings.broken))
    return _named(b, values, names), findings


def _clean(name: str) -> str:
    """The name, with what could disturb a shell, a file name or a signature replaced."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "_"


def _dtype(keras_dtype: str) -> DType:
    if keras_dtype == "bool":
        return "bool"
    return "int32" if keras_dtype.startswith(("int", "uint")) else "float32"


def _named(b: Builder, values: Sequence[Value], names: Sequence[str]) -> Graph:
    """The finished graph, with its outputs renamed; one that is an input, or comes twice, is copied."""
    made = {value for node in b.nodes for value in node.outputs}
    renamed: dict[Value, Value] = {}
    outputs = []
    for value, name in zip(values, names, strict=True):
        if value in made and value not in renamed:
            renamed[value] = replace(value, name=name)
            outputs.append(renamed[value])
        else:
            copy = b.apply(ops.Reshape(value.shape), value)
            b.nodes[-1] = replace(b.nodes[-1], outputs=(replace(copy, name=name),))
            outputs.append(b.nodes[-1].output)
    b.nodes = [
        replace(
            node,
            inputs=tuple(renamed.get(value, value) for value in node.inputs),
            outputs=tuple(renamed.get(value, value) for value in node.outputs),
        )
        for node in b.nodes
    ]
    return b.finish(*outputs)


def _all_costs(graph: Graph, findings: Findings) -> dict[str, tuple[int, int]]:
    """Multiply-accumulates, in all and per time step, of all that happens at a path and below it."""
    totals: dict[str, tuple[int, int]] = {}
    for cost in (*costs(graph), *(Cost(path, macs, per_step) for path, macs, per_step in findings.products)):
        path = cost.layer
        while path:
            macs, per_step = totals.get(path, (0, 0))
            totals[path] = macs + cost.macs, per_step + cost.per_step
            path = path.rpartition("/")[0]
    return totals


def _layers(
    model: KerasModel, findings: Findings, spent: Mapping[str, tuple[int, int]], prefix: str = ""
) -> Iterator[LayerInfo]:
    for layer in model.layers:
        path = prefix + layer.name
        if layer.model is not None:
            yield from _layers(layer.model, findings, spent, path + "/")
            continue
        macs, per_step = spent.get(path, (0, 0))
        yield LayerInfo(
            name=path,
            class_name=layer.class_name,
            output_shape=findings.shapes.get(path, ()),
            parameters=_parameters(layer),
            macs=macs,
            macs_per_step=per_step,
        )


def _parameters(layer: KerasLayer) -> int:
    """Weights of a layer and of what it wraps; a layer that the file describes twice counts once."""
    if layer.shared or (layer.class_name == "Normalization" and layer.config.get("mean") is not None):
        return 0  # a given mean and variance are options, not weights
    if layer.class_name == "Normalization":
        return sum(weight.size for weight in layer.weights.values()) + 1  # and the number of samples seen
    inner = sum(_parameters(child) for child in layer.children.values())
    nested = sum(_parameters(child) for child in walk(layer.model)) if layer.model is not None else 0
    return sum(weight.size for weight in layer.weights.values()) + inner + nested
