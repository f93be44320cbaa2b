"""TimeDistributed: a layer applied to every time step."""

from __future__ import annotations

from edgernn.converters.keras.source_model import KerasLayer
from edgernn.converters.keras.use import Tensor, Use
from edgernn.graph import Scan

# Layers that work on the last axis, or on single elements, and so on all time steps at once.
_ON_LAST_AXIS = frozenset(
    {
        "Activation",
        "ActivityRegularization",
        "AlphaDropout",
        "Dense",
        "Dropout",
        "ELU",
        "Embedding",
        "GaussianDropout",
        "GaussianNoise",
        "Identity",
        "LeakyReLU",
        "ReLU",
        "Rescaling",
        "SpatialDropout1D",
    }
)
_LAST_AXIS_BY_OPTION = frozenset({"BatchNormalization", "LayerNormalization", "Softmax"})


def time_distributed(use: Use) -> tuple[Tensor, ...]:
    """The layer inside, on all time steps at once if it works on the last axis, else in a loop without a state."""
    child = use.layer.children["layer"]
    if works_on_last_axis(child):
        (output,) = use.inside(child, use.b, Tensor(use.x))
        return use.keep(output.value)
    body = use.b.body("step")
    inputs = [Tensor(body.input(f"{use.b.layer}/x", use.x.shape[1:], use.x.dtype))]
    sequences = [use.x]
    # A mask with more than the time axis reaches the layer inside, step by step, as in Keras.
    if use.mask is not None and len(use.mask.shape) > 1:
        inputs = [Tensor(inputs[0].value, body.input(f"{use.b.layer}/mask", use.mask.shape[1:], "bool"))]
        sequences.append(use.mask)
    before = len(use.findings.broken)
    outputs = use.inside(child, body, *inputs)
    if len(use.findings.broken) > before:
        return ()
    scan = Scan(body.finish(outputs[0].value), 0, use.steps)
    return use.keep(use.b.apply(scan, *sequences, name="loop"))


def works_on_last_axis(layer: KerasLayer) -> bool:
    """Whether a layer does the same to every vector along the last axis."""
    if layer.model is not None:
        single = len(layer.model.inputs) == len(layer.model.outputs) == 1
        return single and all(map(works_on_last_axis, layer.model.layers))
    if layer.class_name in _LAST_AXIS_BY_OPTION:
        return layer.config.get("axis", -1) in (-1, [-1])
    if layer.class_name == "TimeDistributed":
        return works_on_last_axis(layer.children["layer"])
    return layer.class_name in _ON_LAST_AXIS
