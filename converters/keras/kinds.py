"""What the value of each option must be: a file may hold anything in place of what Keras writes there.

A kind is a function whose docstring says what a value must be. It gives the value in the one form that the readers use,
or raises ValueError. Options that no table names are of no use to the readers, and are kept as they are.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Kind = Callable[[Any], Any]

LARGEST_SIZE = 2**31 - 1  # what a .tflite can say about an axis


def shown(value: object) -> str:
    """A value for a message, however long or deep it is."""
    return reprlib.repr(value)


def must_be(kind: Kind) -> str:
    """What a kind's values must be, for a message."""
    sentence = kind.__doc__ or ""
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _single(value: Any) -> Any:
    """The value itself, which some versions of Keras save as a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _whole(value: Any, least: int) -> int:
    value = _single(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_SIZE:
        raise ValueError
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if value is not None and not (isinstance(value, int) and value in (0, 1)):
        raise ValueError
    return bool(value)


def size(value: Any) -> int:
    """A positive whole number of at most 2147483647."""
    return _whole(value, 1)


def axis(value: Any) -> int:
    """The number of an axis."""
    return _whole(value, -LARGEST_SIZE)


def number(value: Any) -> float:
    """A finite number."""
    value = _single(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= float(np.finfo("f4").max):
        raise ValueError
    return value


def positive(value: Any) -> float:
    """A finite number that is not negative."""
    if number(value) < 0:
        raise ValueError
    return number(value)


def numbers(value: Any) -> Any:
    """A finite number, or an array of them."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            todo.extend(item)
        else:
            number(item)
    np.asarray(value, np.float64)  # raises for rows of different lengths
    return value


def pair(value: Any) -> list[int]:
    """One or two whole numbers that are not negative."""
    both = value if isinstance(value, list) and len(value) == 2 else [value, value]
    return [_whole(item, 0) for item in both]


def axes(value: Any) -> list[int]:
    """The number of an axis, or a list of them."""
    return [axis(item) for item in (value if isinstance(value, list) else [value])]


def two_axes(value: Any) -> list[int]:
    """The number of an axis, or one for each of two inputs."""
    found = axes(value)
    if not 1 <= len(found) <= 2:
        raise ValueError
    return [found[0], found[-1]]


def shape(value: Any) -> list[int]:
    """A list of positive whole numbers, of which one may be -1."""
    if not isinstance(value, list) or sum(item == -1 for item in value) > 1:
        raise ValueError
    return [-1 if item == -1 else size(item) for item in value]


def order(value: Any) -> list[int]:
    """The numbers of the axes, from 1 on, in any order."""
    if not isinstance(value, list) or sorted(map(size, value)) != list(range(1, len(value) + 1)):
        raise ValueError
    return [size(item) for item in value]


def optional(kind: Kind) -> Kind:
    """The same kind, or null."""

    def accept(value: Any) -> Any:
        return None if value is None else kind(value)

    accept.__doc__ = f"{must_be(kind)}, or null"
    return accept


def one_of(*words: str | None) -> Kind:
    """One of a few words."""

    def accept(value: Any) -> Any:
        if not isinstance(value, str | None) or value not in words:
            raise ValueError
        return value

    accept.__doc__ = "one of " + ", ".join("null" if word is None else f"'{word}'" for word in words)
    return accept


_DATA_FORMAT = {"data_format": one_of("channels_last", "channels_first", None)}
_CELL = {"units": size, "use_bias": flag, "reset_after": flag}
_SEQUENCES = ("return_sequences", "return_state", "zero_output_for_mask", "time_major")
_LOOP = dict.fromkeys((*_SEQUENCES, "go_backwards", "stateful", "unroll"), flag)
_RECURRENT = {**_CELL, **_LOOP}
_WINDOW = {**_DATA_FORMAT, "strides": size, "dilation_rate": size, "kernel_size": size, "use_bias": flag}
_CONV = {**_WINDOW, "filters": size, "groups": size, "padding": one_of("valid", "same", "causal")}
_DEPTHWISE = {**_CONV, "depth_multiplier": size, "padding": one_of("valid", "same")}
_POOL = {**_DATA_FORMAT, "pool_size": size, "strides": optional(size), "padding": one_of("valid", "same")}
_GLOBAL = {**_DATA_FORMAT, "keepdims": flag}
_CENTERED = {"epsilon": positive, "center": flag, "scale": flag}

KINDS: Mapping[str, Mapping[str, Kind]] = {
    **dict.fromkeys(("SimpleRNNCell", "LSTMCell", "GRUCell"), _CELL),
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU"), _RECURRENT),
    "RNN": _LOOP,
    "StackedRNNCells": {"reverse_state_order": flag},
    "Bidirectional": {"merge_mode": one_of("concat", "sum", "mul", "ave", None)},
    "Dense": {"units": size, "use_bias": flag},
    "Embedding": {"input_dim": size, "output_dim": size, "mask_zero": flag},
    "Masking": {"mask_value": number},
    "ReLU": dict.fromkeys(("negative_slope", "threshold"), optional(number)) | {"max_value": optional(positive)},
    "LeakyReLU": {"negative_slope": number},
    "ELU": {"alpha": number},
    "Softmax": {"axis": axes},
    "BatchNormalization": {**_CENTERED, "axis": axis, "renorm": flag},
    "LayerNormalization": {**_CENTERED, "axis": axes, "rms_scaling": flag},
    "Normalization": {
        "axis": optional(axes),
        "mean": optional(numbers),
        "variance": optional(numbers),
        "invert": flag,
    },
    "Rescaling": {"scale": numbers, "offset": numbers},
    "Conv1D": _CONV,
    "DepthwiseConv1D": _DEPTHWISE,
    "SeparableConv1D": {**_DEPTHWISE, "padding": one_of("valid", "same", "causal")},
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), _POOL),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalAveragePooling1D"), _GLOBAL),
    "ZeroPadding1D": {**_DATA_FORMAT, "padding": pair},
    "Cropping1D": {"cropping": pair},
    "UpSampling1D": {"size": size},
    "Flatten": _DATA_FORMAT,
    "Reshape": {"target_shape": shape},
    "Permute": {"dims": order},
    "RepeatVector": {"n": size},
    "Concatenate": {"axis": axis},
    "Dot": {"axes": two_axes, "normalize": flag},
}

# Options without which Keras does not build the layer.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("SimpleRNNCell", "LSTMCell", "GRUCell", "SimpleRNN", "LSTM", "GRU", "Dense"), ("units",)),
    "Embedding": ("input_dim", "output_dim"),
    **dict.fromkeys(("Conv1D", "SeparableConv1D"), ("filters", "kernel_size")),
    "DepthwiseConv1D": ("kernel_size",),
    "Reshape": ("target_shape",),
    "Permute": ("dims",),
    "RepeatVector": ("n",),
    "Rescaling": ("scale",),
    "Dot": ("axes",),
}
