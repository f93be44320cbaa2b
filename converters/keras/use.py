"""One use of a Keras layer: what it is given, and where its nodes go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edgernn.converters.keras.source_model import Array, KerasLayer
from edgernn.graph import Builder, Value


@dataclass(frozen=True)
class Tensor:
    """What flows from layer to layer.

    Attributes:
        value: without the batch axis.
        mask: bool, one element per time step (Keras's `_keras_mask`), or None.
    """

    value: Value
    mask: Value | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape, without the batch axis."""
        return self.value.shape


@dataclass
class Findings:
    """What is learned on the way through a model.

    Attributes:
        broken: one `(message, hint)` pair per broken rule, in the model's order.
        unreadable: the paths of the layers that break a rule by themselves, whatever they are called on.
        notes: what a user might not expect, one sentence each.
        shapes: the shape of each layer's first output, by the layer's path, in the order of their first use.
        products: matrix products that no Affine or Conv stands for, as (path, multiply-accumulates, per time step).
        integer_inputs: model inputs that an Embedding reads although their type is said to be a float.
    """

    broken: list[tuple[str, str]] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    products: list[tuple[str, int, int]] = field(default_factory=list)
    integer_inputs: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Use:
    """One use of a layer.

    Attributes:
        b: where its nodes go.
        layer: options and weights.
        path: its name, behind the names of the models around it.
        inputs: the tensors that it is called on.
        read: reads another use; wrappers call it for the layer inside.
        findings: shared by the whole model.
        initial_state: given states of a recurrent layer, flat; empty if none were given.
        given_mask: an explicit `mask=` argument, bool.
        in_loop: inside the body of a TimeDistributed.
    """

    b: Builder
    layer: KerasLayer
    path: str
    inputs: tuple[Tensor, ...]
    read: Callable[[Use], tuple[Tensor, ...]]
    findings: Findings
    initial_state: tuple[Value, ...] = ()
    given_mask: Value | None = None
    in_loop: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """The layer's options."""
        return self.layer.config

    @property
    def x(self) -> Value:
        """The only, or first, input."""
        return self.inputs[0].value

    @property
    def steps(self) -> int:
        """Length of the first axis of the first input."""
        return self.x.shape[0]

    @property
    def mask(self) -> Value | None:
        """The mask that goes with the first input: the explicit one, or the one that it brings along."""
        return self.inputs[0].mask if self.given_mask is None else self.given_mask

    def keep(self, value: Value) -> tuple[Tensor, ...]:
        """The outputs of a layer that hands its mask on."""
        return (Tensor(value, self.mask),)

    def drop(self, value: Value) -> tuple[Tensor, ...]:
        """The outputs of a layer behind which Keras forgets the mask."""
        if self.mask is not None:
            self.note(f"drops the mask of its input, as in Keras: the layers behind {self.layer.class_name} see none")
        return (Tensor(value),)

    def note(self, sentence: str) -> None:
        """Keep a sentence about this layer for the user."""
        self.findings.notes[f"layer '{self.path}': {sentence}."] = None

    def constant(self, name: str, array: Array) -> Value:
        """A constant of this layer."""
        return self.b.constant(name, array)

    def weight(self, role: str) -> Array | None:
        """A weight, or None if the layer has none in this role."""
        return self.layer.weights.get(role)

    def option(self, key: str, default: int) -> int:
        """A whole number, which Keras also saves as a list of one."""
        return whole(self.config.get(key), default)

    def inside(self, child: KerasLayer, b: Builder, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the layer inside a wrapper gives."""
        in_loop = self.in_loop or b is not self.b
        inner = replace(self, b=b, layer=child, inputs=inputs, initial_state=(), given_mask=None, in_loop=in_loop)
        return self.read(inner)

    def integer_input(self) -> Value | None:
        """The model input whose elements the first input consists of, if they were only moved on the way."""
        return None if self.in_loop else self.b.moved_input(self.x)


def whole(value: object, default: int) -> int:
    """A whole number, which Keras also saves as a list of one; `default` for None."""
    if isinstance(value, list | tuple) and len(value) == 1:
        (value,) = value
    return value if isinstance(value, int) else default


def pair(value: object, default: int) -> tuple[int, int]:
    """Two whole numbers, of which Keras also saves one for both."""
    if isinstance(value, list | tuple) and len(value) == 2:
        before, after = value
        return before, after
    size = whole(value, default)
    return size, size
