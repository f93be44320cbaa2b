"""The graph's operators: frozen records of attributes; what they compute is in `edgernn.reference`.

Shapes never include the batch axis. A back end handles every operator by a `match` that ends in `assert_never`, so the
type checker finds a missing one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from edgernn.graph.graph import Graph

BinaryFunction = Literal["add", "sub", "mul", "div", "maximum", "minimum"]
UnaryFunction = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "gelu_tanh",
    "silu",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "hard_silu",
    "exponential",
    "mish",
    "abs",
    "log",
    "reciprocal",
    "rsqrt",
]
ReduceFunction = Literal["mean", "sum", "max"]


@dataclass(frozen=True)
class Affine:
    """y = W_1 x_1 + ... + W_n x_n + b.

    Inputs: n operands `[..., in_k]`, n kernels `[out, in_k]`, then b `[out]` if any.

    A gate of a recurrent cell is one Affine of two operands (x_t and h); a Dense layer has one operand. With `widen`,
    8-bit kernels become float32 before the product, instead of the operands becoming 8-bit.
    """

    operands: int
    bias: bool
    widen: bool = False


@dataclass(frozen=True)
class Binary:
    """Elementwise function of two values, broadcasting as NumPy does."""

    function: BinaryFunction


@dataclass(frozen=True)
class Unary:
    """Elementwise function of one value; `alpha` is the slope or scale of leaky_relu and elu."""

    function: UnaryFunction
    alpha: float = 0.0


@dataclass(frozen=True)
class Softmax:
    """exp(x) / sum(exp(x)) along the last axis."""


@dataclass(frozen=True)
class Reduce:
    """Mean, sum or maximum along one axis, which is dropped unless `keepdims`."""

    function: ReduceFunction
    axis: int
    keepdims: bool = False


@dataclass(frozen=True)
class Reshape:
    """The same elements in another shape."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose:
    """Axis k of the output is axis `permutation[k]` of the input."""

    permutation: tuple[int, ...]


@dataclass(frozen=True)
class Concat:
    """The inputs one after the other along `axis`."""

    axis: int


@dataclass(frozen=True)
class Split:
    """Consecutive pieces of the given sizes along `axis`, one output each."""

    sizes: tuple[int, ...]
    axis: int


@dataclass(frozen=True)
class Slice:
    """Elements begin, begin + stride, ... before `end` along axis 0."""

    begin: int
    end: int
    stride: int = 1


@dataclass(frozen=True)
class Pad:
    """Zeros before and after along axis 0."""

    before: int
    after: int


@dataclass(frozen=True)
class Reverse:
    """The elements of axis 0 in the opposite order."""


@dataclass(frozen=True)
class Broadcast:
    """The input repeated to a larger shape, by NumPy's broadcasting rule."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Gather:
    """Rows of a constant table. Inputs: table `[rows, width]`, ids int32 `[...]`; output `[..., width]`."""


@dataclass(frozen=True)
class Conv:
    """1-D convolution without padding. Inputs: x `[steps, in]`, kernel `[out, size, in]`, then bias `[out]` if any."""

    stride: int
    dilation: int
    bias: bool


@dataclass(frozen=True)
class DepthwiseConv:
    """1-D convolution of each channel by itself.

    Inputs: x `[steps, in]`, kernel `[size, in * multiplier]`, then bias.
    """

    stride: int
    dilation: int
    bias: bool


@dataclass(frozen=True)
class Pool:
    """Mean or maximum over windows of axis 0; padded steps (`same`) take no part, in the mean neither."""

    function: Literal["mean", "max"]
    size: int
    stride: int
    same: bool


@dataclass(frozen=True)
class Differs:
    """Where x is not `value`, as a bool: per element, or, with `rows`, whether any element of the last axis differs."""

    value: float
    rows: bool


@dataclass(frozen=True)
class Or:
    """Elementwise logical or of two bools."""


@dataclass(frozen=True)
class Select:
    """Inputs condition (bool, one element or broadcastable), a, b: a where the condition holds, b elsewhere."""


@dataclass(frozen=True)
class FusedLstm:
    """A whole LSTM over a sequence; made by fusing only.

    Inputs: x `[steps, features]`, then per gate i, f, c, o the kernels, the recurrent kernels and the biases.
    """


@dataclass(frozen=True)
class Unstack:
    """Every element of axis 0 as an output of its own; made by unrolling only."""


@dataclass(frozen=True)
class Stack:
    """The inputs as elements of a new axis 0; made by unrolling only."""


@dataclass(frozen=True)
class Requantize:
    """The same real value as another integer type or scale, or to and from float; made by quantization only."""


@dataclass(frozen=True)
class CellWeights:
    """The weights of a recurrent cell, gate by gate.

    Attributes:
        kernel: W per gate, each `[units, features]`.
        recurrent_kernel: U per gate, each `[units, units]`.
        bias: b per gate, each `[units]`; empty without bias.
        recurrent_bias: the second bias of a `reset_after` GRU, per gate; empty elsewhere.
    """

    kernel: Mapping[str, np.ndarray]
    recurrent_kernel: Mapping[str, np.ndarray]
    bias: Mapping[str, np.ndarray]
    recurrent_bias: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Scan:
    """A loop over axis 0, as `jax.lax.scan`.

    Node inputs: the initial carries, then the sequences `[steps, ...]`. Node outputs: the final carries, then the
    stacked outputs `[steps, ...]`. Body inputs: carries, one step of each sequence; body outputs: new carries, one
    step of each output. With `reverse`, steps run from the last to the first, and outputs keep their input's index.
    `weights` are those of the body's cell if it is one plain cell, for kernels that compute a whole cell.
    """

    body: Graph
    carries: int
    steps: int
    reverse: bool = False
    weights: CellWeights | None = None


Operator: TypeAlias = (
    Affine
    | Binary
    | Unary
    | Softmax
    | Reduce
    | Reshape
    | Transpose
    | Concat
    | Split
    | Slice
    | Pad
    | Reverse
    | Broadcast
    | Gather
    | Conv
    | DepthwiseConv
    | Pool
    | Differs
    | Or
    | Select
    | FusedLstm
    | Unstack
    | Stack
    | Requantize
    | Scan
)
