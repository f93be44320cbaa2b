"""The Keras classes that are read, where Keras keeps them, and what weights each of them owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CELLS = {"SimpleRNNCell": 1, "LSTMCell": 2, "GRUCell": 1}  # number of states
RECURRENT = {"SimpleRNN": "SimpleRNNCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}  # the cell inside
MERGES = frozenset({"Concatenate", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Dot"})
MODELS = frozenset({"Functional", "Sequential"})
# The layers that hand the mask of their input on to their output, without weights of their own in the matter.
KEEPS_MASK = frozenset(
    {
        "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Dense", "Identity", "TimeDistributed",
        "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization",
        "BatchNormalization", "LayerNormalization", "Normalization", "Rescaling",
    }
)  # fmt: skip
PLAIN_LAYERS = (
    frozenset(
        {
            "Embedding", "Conv1D", "DepthwiseConv1D", "SeparableConv1D", "MaxPooling1D", "AveragePooling1D",
            "GlobalMaxPooling1D", "GlobalAveragePooling1D", "ZeroPadding1D", "Cropping1D", "UpSampling1D",
            "Flatten", "Reshape", "Permute", "RepeatVector", "Masking",
        }
    )
    | MERGES
    | (KEEPS_MASK - {"TimeDistributed"})
)  # fmt: skip
WRAPPERS = frozenset({"RNN", "Bidirectional", "TimeDistributed"})
SUPPORTED = PLAIN_LAYERS | WRAPPERS | MODELS | set(RECURRENT) | set(CELLS) | {"StackedRNNCells", "InputLayer"}

# Modules under which a file may name these classes; anything else is somebody's own class.
LAYER_MODULES = frozenset({"keras.layers"})
MODEL_MODULES = frozenset(
    {
        "keras", "keras.models",
        "keras.src.models.functional", "keras.src.models.sequential", "keras.src.models.model",
        "keras.src.engine.functional", "keras.src.engine.sequential", "keras.engine.functional",
        "keras.engine.sequential", "tf_keras.src.engine.functional", "tf_keras.src.engine.sequential",
    }
)  # fmt: skip
# Operations that Keras 3 itself adds to a Functional model to carry masks; all of them are a kind of "or".
MASK_OPERATIONS = frozenset(
    {"NotEqual", "Any", "ExpandDims", "ZerosLike", "OnesLike", "LogicalOr", "BroadcastTo", "Concatenate"}
)

ACTIVATIONS = frozenset(
    {
        "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
        "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid",
        "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
        "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
    }
)  # fmt: skip
ACTIVATION_MODULES = ("builtins", "keras.activations", "keras.src.activations.activations")
SYNONYMS = {"swish": "silu", "hard_swish": "hard_silu"}
# max(0, min(1, x/5 + 1/2)) in Keras 2, max(0, min(1, x/6 + 1/2)) in Keras 3: each gets a name of its own.
KERAS_2_ACTIVATIONS = {"hard_sigmoid": "keras_2_hard_sigmoid"}

# Options that say nothing about inference.
IGNORED_OPTIONS = frozenset(
    {
        "name", "trainable", "dtype", "seed", "implementation", "unit_forget_bias", "input_length",
        "momentum", "autocast", "batch_input_shape", "batch_shape", "input_shape", "input_dtype", "dynamic", "fused",
        "synchronized", "noise_shape", "lora_rank", "lora_alpha", "quantization_config", "time_major", "renorm",
        "renorm_clipping", "renorm_momentum", "virtual_batch_size", "num_constants", "reverse_state_order",
    }
)  # fmt: skip
IGNORED_ENDINGS = ("_initializer", "_regularizer", "_constraint")
DTYPES = frozenset({"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"})

Shape = tuple[int | str, ...]  # a letter stands for a size that the layer's options do not say


@dataclass(frozen=True)
class Slot:
    """A weight that a layer owns: its role, its shape if the options say it, and how else Keras has called it."""

    role: str
    shape: Shape | None
    trainable: bool = True
    also: tuple[str, ...] = ()


def weight_slots(class_name: str, config: Mapping[str, Any]) -> tuple[Slot, ...]:
    """The weights that a layer itself owns (not its children), in the order in which Keras keeps them."""
    maker = _SLOTS.get(RECURRENT.get(class_name, class_name))
    return maker(config) if maker else ()


def _optional(config: Mapping[str, Any], key: str, slot: Slot, default: bool = True) -> tuple[Slot, ...]:
    return (slot,) if config.get(key, default) else ()


def _cell(gates: int) -> Callable[[Mapping[str, Any]], tuple[Slot, ...]]:
    def slots(config: Mapping[str, Any]) -> tuple[Slot, ...]:
        units = config["units"]
        # Only the GRU has `reset_after`; it then keeps one bias for the input and one for the state.
        bias: Shape = (2, gates * units) if config.get("reset_after") else (gates * units,)
        if config.get("cudnn"):  # the same two, one behind the other; an LSTM's too
            bias = (2 * gates * units,)
        kernels = (Slot("kernel", ("f", gates * units)), Slot("recurrent_kernel", (units, gates * units)))
        return kernels + _optional(config, "use_bias", Slot("bias", bias))

    return slots


def _dense(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    units = config["units"]
    return (Slot("kernel", ("f", units)), *_optional(config, "use_bias", Slot("bias", (units,))))


def _conv(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    filters = config["filters"]
    kernel = Slot("kernel", (config["kernel_size"], "c", filters))
    return (kernel, *_optional(config, "use_bias", Slot("bias", (filters,))))


def _depthwise(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    shape: Shape = (config["kernel_size"], "c", config.get("depth_multiplier", 1))
    return (
        Slot("depthwise_kernel", shape, also=("kernel",)),
        *_optional(config, "use_bias", Slot("bias", ("d",))),
    )


def _separable(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    filters = config["filters"]
    return (
        Slot("depthwise_kernel", (config["kernel_size"], "c", config.get("depth_multiplier", 1))),
        Slot("pointwise_kernel", (1, "d", filters)),
        *_optional(config, "use_bias", Slot("bias", (filters,))),
    )


def _batch_normalization(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    return (
        *_optional(config, "scale", Slot("gamma", ("c",))),
        *_optional(config, "center", Slot("beta", ("c",))),
        Slot("moving_mean", ("c",), trainable=False),
        Slot("moving_variance", ("c",), trainable=False),
    )


def _layer_normalization(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    if config.get("rms_scaling"):
        return (Slot("gamma", None),)
    return (*_optional(config, "scale", Slot("gamma", None)), *_optional(config, "center", Slot("beta", None)))


def _normalization(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    if config.get("mean") is not None:  # given as an option: Keras then keeps no weights
        return ()
    return tuple(
        Slot(role, shape, trainable=False) for role, shape in (("mean", None), ("variance", None), ("count", ()))
    )


def _embedding(config: Mapping[str, Any]) -> tuple[Slot, ...]:
    return (Slot("embeddings", (config["input_dim"], config["output_dim"]), also=("kernel",)),)


_SLOTS: dict[str, Callable[[Mapping[str, Any]], tuple[Slot, ...]]] = {
    "SimpleRNNCell": _cell(1),
    "LSTMCell": _cell(4),
    "GRUCell": _cell(3),
    "Dense": _dense,
    "Conv1D": _conv,
    "DepthwiseConv1D": _depthwise,
    "SeparableConv1D": _separable,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Normalization": _normalization,
    "Embedding": _embedding,
    "PReLU": lambda config: (Slot("alpha", None),),
}
