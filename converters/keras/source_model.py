"""What a Keras file says, in one form for every generation of Keras and every kind of file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class TensorRef:
    """Output `index` of call number `call` of the layer (or of the model input) named `layer`."""

    layer: str
    call: int
    index: int


@dataclass(frozen=True)
class Call:
    """One use of a layer.

    Attributes:
        layer: name of the layer.
        call_index: 0 for the first use of a shared layer, 1 for the second, ...
        arguments: the tensors of the first argument, flat. A recurrent layer has one; its states are the keyword
            `initial_state`, flat, however they were passed. For a nested model: in the order of its inputs.
        keywords: the other arguments that are tensors, flat: `initial_state`, `mask`. A mask that Keras derives
            by itself (from Masking or `mask_zero`) is never here, only one that the model was given. An empty `mask`
            stands for the input's own mask where it was given explicitly, beside an `initial_state`.
        output_count: number of tensors that the call gives.
    """

    layer: str
    call_index: int
    arguments: tuple[TensorRef, ...]
    keywords: Mapping[str, tuple[TensorRef, ...]]
    output_count: int


@dataclass(frozen=True)
class ModelInput:
    """An input of a model: name, shape without the batch axis (None: unknown), dtype such as "float32" or "int32".

    A model whose batches have one size, as a stateful one must, has it as `batch`.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    batch: int | None = None


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """A layer with its options and its weights.

    Attributes:
        class_name: one of `known.SUPPORTED`.
        name: unique inside its model.
        config: the options that matter for inference, as plain JSON values; activations by name.
        weights: float32 arrays by role: kernel, recurrent_kernel, bias, gamma, moving_mean, ...
        children: Bidirectional: "forward", "backward" (with its own `go_backwards`); TimeDistributed: "layer";
            RNN: "cell"; StackedRNNCells: "0", "1", ...
        model: the inside of a nested Functional or Sequential.
        trainable: as saved.
        shared: the file says that this layer is the same object as one that it described before.
        dtype: in which Keras computes it, where the file says so: "float32", "mixed_float16", ...
    """

    class_name: str
    name: str
    config: Mapping[str, Any]
    weights: Mapping[str, Array] = field(default_factory=dict)
    children: Mapping[str, KerasLayer] = field(default_factory=dict)
    model: KerasModel | None = None
    trainable: bool = True
    shared: bool = False
    dtype: str = ""


@dataclass(frozen=True, eq=False)
class KerasModel:
    """A Sequential or Functional model: its layers, and how they are called, in an order that can be computed.

    Attributes:
        name: the model's name.
        layers: every layer once; inputs are not layers.
        calls: every use of a layer, each after those that it needs.
        inputs: in the order in which Keras flattens them (a dictionary: by sorted key).
        outputs: in the same kind of order.
        output_names: one unique name per output: the dictionary's key or the layer's name.
        keras_major: the generation of Keras that wrote it.
    """

    name: str
    layers: tuple[KerasLayer, ...]
    calls: tuple[Call, ...]
    inputs: tuple[ModelInput, ...]
    outputs: tuple[TensorRef, ...]
    output_names: tuple[str, ...]
    keras_major: int = 3

    def layer(self, name: str) -> KerasLayer:
        """The layer called `name`."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, KerasLayer]:
        return {layer.name: layer for layer in self.layers}


def walk(model: KerasModel) -> Iterator[KerasLayer]:
    """Every layer of a model, wrapped cells and nested models included, parents first."""

    def inside(layer: KerasLayer) -> Iterator[KerasLayer]:
        yield layer
        for child in layer.children.values():
            yield from inside(child)
        if layer.model is not None:
            yield from walk(layer.model)

    for layer in model.layers:
        yield from inside(layer)
