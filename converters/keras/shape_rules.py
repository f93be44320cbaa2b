"""The rules about shapes: what a layer's options and weights ask of the tensors that it is called on.

Keras keeps them when it builds a model; a file may say anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from edgernn.converters.keras.calls import state_shapes
from edgernn.converters.keras.rule import about_use
from edgernn.converters.keras.source_model import Array, KerasLayer
from edgernn.converters.keras.use import Use

WINDOWS = ("Conv1D", "DepthwiseConv1D", "SeparableConv1D", "MaxPooling1D", "AveragePooling1D")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")
_OVER_AXES = ("BatchNormalization", "LayerNormalization", "Normalization", "Dot")
_HINT = "save the model again with the Keras that built it."


@about_use(
    *_RECURRENT, *WINDOWS, "GlobalMaxPooling1D", "GlobalAveragePooling1D", "ZeroPadding1D", "Cropping1D",
    "UpSampling1D", hint="give a sequence of vectors; TimeDistributed works on a sequence of sequences.",
)  # fmt: skip
def input_is_a_sequence(use: Use) -> str | None:
    """The input must have the shape (steps, features)."""
    return None if len(use.x.shape) == 2 else f"shape {use.x.shape}"


@about_use("TimeDistributed", hint="give a sequence, with keras.Input((steps, features)) or a Reshape layer.")
def input_has_steps(use: Use) -> str | None:
    """The input must have an axis of time steps before the last."""
    return None if len(use.x.shape) > 1 else f"shape {use.x.shape}"


@about_use("RepeatVector", hint="flatten the input with a Flatten layer.")
def input_is_a_vector(use: Use) -> str | None:
    """The input must be a vector."""
    return None if len(use.x.shape) == 1 else f"shape {use.x.shape}"


@about_use(*_OVER_AXES, "Concatenate", "Softmax", hint="count the batch as axis 0, or from -1 backwards.")
def axes_are_there(use: Use) -> str | None:
    """Every axis must be one that the input has."""
    found = [(axis, rank) for axis, rank in _axes(use) if not -rank <= axis < rank]
    return f"axis {found[0][0]} of {found[0][1]}" if found else None


@about_use(*_OVER_AXES, "Concatenate", "Softmax", hint="choose an axis from 1 on.")
def axes_are_not_the_batch(use: Use) -> str | None:
    """No axis may be the batch axis."""
    return "axis 0" if any(axis % rank == 0 for axis, rank in _axes(use)) else None


@about_use("Permute", hint="name every axis of the input once, the first behind the batch as 1.")
def order_is_of_the_inputs_axes(use: Use) -> str | None:
    """`dims` must name every axis of the input."""
    dims = use.config["dims"]
    return None if len(dims) == len(use.x.shape) else f"dims={dims} for an input of shape {use.x.shape}"


@about_use("Reshape", hint="choose sizes whose product is that of the input's.")
def reshape_keeps_all_elements(use: Use) -> str | None:
    """`target_shape` must hold as many elements as the input."""
    target = use.config["target_shape"]
    known = math.prod(size for size in target if size != -1)
    if known == use.x.size or (-1 in target and use.x.size % known == 0):
        return None
    return f"{tuple(target)} for an input of shape {use.x.shape}"


@about_use(*MERGES, hint="reshape the inputs to the same number of axes, of fitting sizes.")
def merged_shapes_fit(use: Use) -> str | None:
    """The shapes of the inputs must fit together."""
    shapes = [tensor.shape for tensor in use.inputs]
    found = ", ".join(map(str, shapes))
    if use.layer.class_name != "Concatenate":
        for sizes in zip(*(((1,) * 99 + shape)[-99:] for shape in shapes), strict=True):
            if len({size for size in sizes if size != 1}) > 1:
                return found
        return None
    if len({len(shape) for shape in shapes}) > 1:
        return found
    axis = use.option("axis", -1)
    others = {tuple(size for k, size in enumerate(shape) if k != axis % (len(shape) + 1) - 1) for shape in shapes}
    return found if len(others) > 1 else None


@about_use("Dot", hint="choose axes of one size.")
def dot_axes_fit(use: Use) -> str | None:
    """`axes` must name one axis of each input, of the same size."""
    sizes = [tensor.shape[axis % rank - 1] for tensor, (axis, rank) in zip(use.inputs, _axes(use), strict=True)]
    return None if len(set(sizes)) == 1 else f"axes of sizes {sizes}"


@about_use("Rescaling", hint="give one number, or one per feature.")
def scale_fits(use: Use) -> str | None:
    """`scale` and `offset` must be one number, or fit the input's last axes."""
    found = {option: np.shape(use.config.get(option, 0.0)) for option in ("scale", "offset")}
    misfits = [option for option, shape in found.items() if not _broadcasts(shape, use.x.shape)]
    return f"{misfits[0]} of shape {found[misfits[0]]} for an input of shape {use.x.shape}" if misfits else None


@about_use(*_RECURRENT, hint="give every state of the layer, each of shape (units,).")
def states_fit(use: Use) -> str | None:
    """`initial_state` must have the shapes of the layer's states."""
    given = [state.shape for state in use.initial_state]
    return None if not given or given == state_shapes(use.layer) else f"{given} for {state_shapes(use.layer)}"


@about_use(hint=_HINT)
def weights_fit(use: Use) -> str | None:
    """The weights must fit the shape of the input."""
    for role, weight, wanted in _wanted(use.layer, use.x.shape):
        if wanted != weight.shape:
            return f"'{role}' of shape {weight.shape} for an input of shape {use.x.shape}"
    return None


def _axes(use: Use) -> list[tuple[int, int]]:
    """The axes that the options name, each with the number of axes of its input; the batch is axis 0."""
    ranks = [len(tensor.shape) + 1 for tensor in use.inputs]
    if use.layer.class_name == "Dot":
        return list(zip(use.config["axes"], ranks, strict=True))
    return [(axis, ranks[0]) for axis in _listed(use.config.get("axis", -1))]


def _listed(axes: object) -> list[int]:
    return [] if axes is None else [axes] if isinstance(axes, int) else list(axes)  # type: ignore[call-overload]


def _wanted(layer: KerasLayer, shape: tuple[int, ...]) -> Iterator[tuple[str, Array, tuple[int, ...]]]:
    """Weights whose shape depends on that of the input, and the shape that they must have."""
    weights, depth = layer.weights, shape[-1] if shape else 1
    match layer.class_name:
        case "Dense":
            yield "kernel", weights["kernel"], (depth, *weights["kernel"].shape[1:])
        case "Conv1D":
            size, _, filters = weights["kernel"].shape
            yield "kernel", weights["kernel"], (size, depth, filters)
        case "DepthwiseConv1D" | "SeparableConv1D":
            size, _, multiplier = weights["depthwise_kernel"].shape
            yield "depthwise_kernel", weights["depthwise_kernel"], (size, depth, multiplier)
            rows = depth * multiplier
            if "pointwise_kernel" in weights:
                yield "pointwise_kernel", weights["pointwise_kernel"], (1, rows, weights["pointwise_kernel"].shape[-1])
            elif "bias" in weights:
                yield "bias", weights["bias"], (rows,)
        case "BatchNormalization" | "LayerNormalization":
            for role, weight in weights.items():
                yield role, weight, _sizes(_listed(layer.config.get("axis", -1)), shape)
        case "Normalization":
            sizes = _sizes(_listed(layer.config.get("axis", -1)), shape)
            for role in ("mean", "variance"):  # as options they are broadcast
                shown = tuple(size for size in weights[role].shape if size != 1)
                fits = weights[role].size == 1 or sizes[len(sizes) - len(shown) :] == shown
                yield role, weights[role], weights[role].shape if fits else sizes
        case "PReLU":
            alpha = weights["alpha"]
            yield "alpha", alpha, alpha.shape if _broadcasts(alpha.shape, shape) else shape
        case "Bidirectional":
            for child in layer.children.values():
                yield from _wanted_cells(_cells(child), depth)
        case name if name in _RECURRENT:
            yield from _wanted_cells(_cells(layer), depth)


def _broadcasts(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether an array of `shape` can be spread over one of the shape `whole`."""
    pairs = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(size in (1, other) for size, other in pairs)


def _sizes(axes: Iterable[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in sorted(axis % (len(shape) + 1) - 1 for axis in axes))


def _cells(layer: KerasLayer) -> list[KerasLayer]:
    return [cell for child in layer.children.values() for cell in _cells(child)] if layer.children else [layer]


def _wanted_cells(cells: Iterable[KerasLayer], depth: int) -> Iterator[tuple[str, Array, tuple[int, ...]]]:
    for cell in cells:
        kernel = cell.weights["kernel"]
        yield "kernel", kernel, (depth, kernel.shape[1])
        depth = cell.weights["recurrent_kernel"].shape[0]
