"""The rules about layers that a model must keep: each is a function whose docstring is the rule."""

from __future__ import annotations

import difflib

from edgernn.converters.keras.layers import READERS
from edgernn.converters.keras.layers.activations import ACTIVATIONS
from edgernn.converters.keras.layers.convolution import padding, window
from edgernn.converters.keras.layers.recurrent import effective_mask
from edgernn.converters.keras.rule import RULES, Rule, about_layer, about_use
from edgernn.converters.keras.shape_rules import MERGES, WINDOWS
from edgernn.converters.keras.source_model import KerasLayer
from edgernn.converters.keras.use import Use, pair
from edgernn.graph.shapes import windows

__all__ = ["RULES", "Rule"]

# Integers pass through what only moves them, on their way to an Embedding.
_TAKES_INTEGERS = frozenset(
    {
        "Embedding",
        "TimeDistributed",
        "Masking",
        "Flatten",
        "Reshape",
        "Permute",
        "RepeatVector",
        "ZeroPadding1D",
        "Cropping1D",
        "UpSampling1D",
        "Concatenate",
        "Identity",
        "Dropout",
        "SpatialDropout1D",
    }
)


def closest_class(class_name: str) -> str:
    """The supported class with the most similar name."""
    return max(READERS, key=lambda known: difflib.SequenceMatcher(None, known.lower(), class_name.lower()).ratio())


@about_layer(hint="use one of the listed activations, or an activation layer such as ReLU or Softmax.")
def activation_is_listed(layer: KerasLayer) -> str | None:
    """Every activation must be one of those listed under Activations."""
    names = {key: layer.config.get(key) or "linear" for key in ("activation", "recurrent_activation")}
    unknown = [f"{key}='{name}'" for key, name in names.items() if name not in ACTIVATIONS]
    return ", ".join(unknown) or None


@about_layer(
    "Conv1D",
    "DepthwiseConv1D",
    "SeparableConv1D",
    "MaxPooling1D",
    "AveragePooling1D",
    "GlobalMaxPooling1D",
    "GlobalAveragePooling1D",
    "ZeroPadding1D",
    "Flatten",
    hint="put a Permute((2, 1)) in front and use data_format='channels_last'.",
)
def data_is_channels_last(layer: KerasLayer) -> str | None:
    """`data_format` must be 'channels_last'."""
    found = layer.config.get("data_format") or "channels_last"
    return None if found == "channels_last" else f"'{found}'"


@about_layer("Conv1D", hint="use groups=1, or a DepthwiseConv1D where every channel is a group.")
def groups_are_one(layer: KerasLayer) -> str | None:
    """`groups` must be 1."""
    found = layer.config.get("groups") or 1
    return None if found == 1 else f"groups={found}"


@about_layer("ReLU", hint="shift the input with a Rescaling layer instead.")
def relu_has_no_threshold(layer: KerasLayer) -> str | None:
    """`threshold` must be 0."""
    found = layer.config.get("threshold") or 0
    return None if found == 0 else f"threshold={found}"


@about_layer("BatchNormalization", "Normalization", hint="train again, or take an earlier checkpoint.")
def variance_is_not_negative(layer: KerasLayer) -> str | None:
    """Variances must not be negative, nor zero where nothing is added to them."""
    learned = layer.class_name == "BatchNormalization"
    values = layer.weights.get("moving_variance" if learned else "variance")
    if values is None:  # beside a layer that is refused, nobody has read the weights
        return None
    least = float(values.min(initial=1.0)) + (float(layer.config.get("epsilon", 1e-3)) if learned else 0.0)
    return f"{least:.3g}" if least < 0 or (learned and least == 0) else None


@about_layer("Softmax", hint="flatten these axes into one with a Reshape layer.")
def softmax_has_one_axis(layer: KerasLayer) -> str | None:
    """`axis` must be a single axis."""
    axis = layer.config.get("axis", -1)
    return f"axis={axis}" if isinstance(axis, list | tuple) and len(axis) != 1 else None


@about_use("Softmax", hint="leave the mask out, and mask the scores before the layer.")
def softmax_has_no_mask(use: Use) -> str | None:
    """The layer must be called without a mask."""
    return None if use.mask is None else f"a mask of shape {use.mask.shape}"


@about_use(hint="declare the input with dtype='float32', or feed it to an Embedding alone.")
def inputs_are_floats(use: Use) -> str | None:
    """Inputs must be float32, except integers on their way to an Embedding."""
    allowed = {"float32", "int32"} if use.layer.class_name in _TAKES_INTEGERS else {"float32"}
    found = [tensor.value.dtype for tensor in use.inputs if tensor.value.dtype not in allowed]
    return ", ".join(dict.fromkeys(found)) or None


@about_use("Embedding", hint="feed the ids to the model as an input of dtype='int32'.")
def ids_are_an_input(use: Use) -> str | None:
    """The ids must be a model input, at most reshaped on the way."""
    if use.x.dtype == "int32" or use.integer_input() is not None:
        return None
    return f"computed values of type {use.x.dtype}"


@about_use(
    "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "GlobalAveragePooling1D", hint="give a mask of shape (steps,)."
)
def mask_is_per_step(use: Use) -> str | None:
    """A mask must have one element per time step."""
    mask = effective_mask(use)
    return None if mask is None or mask.shape == (use.steps,) else f"a mask of shape {mask.shape} for {use.steps} steps"


@about_use("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", hint="set unroll=False; the weights stay the same.")
def unrolled_layer_masks_forwards(use: Use) -> str | None:
    """`unroll` must be off where a mask zeroes outputs of a layer with `go_backwards`: Keras mixes up their order."""
    if effective_mask(use) is None:
        return None
    layers = (use.layer, *(child for role, child in use.layer.children.items() if role in ("forward", "backward")))
    options = ("unroll", "go_backwards", "zero_output_for_mask", "return_sequences")
    broken = [layer.name for layer in layers if all(layer.config.get(option) for option in options)]
    return f"unroll=True in '{broken[0]}'" if broken else None


@about_use(*MERGES, hint="take the mask away with a Reshape layer, or mask the inputs alike.")
def masks_fit_together(use: Use) -> str | None:
    """Masks that meet must each have one element per time step of their input."""
    found = [tensor for tensor in use.inputs if tensor.mask is not None and tensor.mask.shape != tensor.shape[:-1]]
    same = len({tensor.mask.shape for tensor in use.inputs if tensor.mask is not None}) < 2
    if not found and (same or use.layer.class_name == "Concatenate"):
        return None
    return ", ".join(f"mask {t.mask.shape} of {t.shape}" for t in use.inputs if t.mask is not None)


@about_use("Dot", hint="reshape the inputs to (steps, features) or (features,).")
def dot_has_at_most_two_axes(use: Use) -> str | None:
    """Both inputs must be vectors or sequences of vectors."""
    ranks = [len(tensor.shape) for tensor in use.inputs]
    return None if max(ranks) <= 2 else f"inputs of shapes {', '.join(str(tensor.shape) for tensor in use.inputs)}"


@about_use(*WINDOWS, hint="give the model more time steps, or use padding='same'.")
def window_fits(use: Use) -> str | None:
    """The input must have at least as many time steps as one window covers."""
    size, stride, dilation = window(use)
    if use.config.get("padding") == "same" or windows(use.steps + sum(padding(use)), size, stride, dilation) > 0:
        return None
    return f"{use.steps} steps for a window of {dilation * (size - 1) + 1}"


@about_use("Cropping1D", hint="give the model more time steps, or crop less.")
def cropping_leaves_something(use: Use) -> str | None:
    """At least one time step must be left."""
    left = use.steps - sum(pair(use.config.get("cropping"), 1))
    return None if left > 0 else f"{left} steps left of {use.steps}"
