"""What is odd about the samples that a model is calibrated with, or about its weights: a note each, with what to do.

Nothing is said of what does no harm: ranges of features that differ are seen to elsewhere, by what they cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Scan, Value
from edgernn.graph import operators as ops
from edgernn.passes import lift_masks, split_front, without_masked_steps
from edgernn.quantization import Calibrated
from edgernn.quantization.types import choose_types
from edgernn.ranges import may_pass_zero

FEWEST = 50  # samples; the extremes of fewer are far from those to come
_FAR, _WIDE = 5.0, 10.0  # of features that were normalized: where their middle lies, and how they are spread
_OUTLIER = 32.0  # of the largest weight to the root mean square: the others are left 4 of 127 steps
_SHOWN = 4  # features that a note names


def calibration_notes(graph: Graph, samples: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """The notes.

    Args:
        graph: float, as read.
        samples: `[samples, *shape]` per input.
    """
    graph, masks = lift_masks(graph)
    given = dict(samples)
    for mask in masks:
        given[mask.name] = (given[mask.source] != np.float32(mask.value)).any(-1)
    given = without_masked_steps(graph, given)
    states = {
        value
        for node in graph.nodes
        if isinstance(node.operator, Scan)
        for value in node.inputs[: node.operator.carries]
    }
    inputs = [value for value in graph.inputs if value.dtype == "float32" and value.shape and value not in states]
    return (
        *_few(given),
        *(note for value in inputs for note in _constant(value, given[value.name])),
        *_other_units(graph, inputs, given),
        *_outliers(graph),
    )


def side_notes(calibrated: Calibrated, wide: frozenset[str]) -> tuple[str, ...]:
    """Of answers in 8 bits: a side of zero that none was on, though one may be.

    Inputs are left alone: most that are never negative, such as pixels, counts and energies, cannot be. So are answers
    that lie far from zero, and those of a function that has one side only.

    Args:
        calibrated: what the integers are made from.
        wide: names of values with 16 bits.
    """
    graph, ranges, plan = calibrated.graph, calibrated.statistics.ranges, replace(calibrated.plan, wide=wide)
    types = choose_types(graph, plan, ranges)
    if calibrated.front is None:
        types |= {value: plan.type_of_output(value) for value in graph.outputs}
    makers = {value: node for node in graph.nodes for value in node.outputs}
    notes = []
    for value in graph.outputs:
        linear = value in makers and isinstance(makers[value].operator, ops.Affine)
        if linear and types.get(value) == "int8" and value in ranges and may_pass_zero(ranges[value]):
            side, nearest = ("below", ranges[value].low) if ranges[value].low > 0 else ("above", ranges[value].high)
            notes.append(
                f"calibration: no answer '{value.name}' is {side} 0, the nearest is {nearest:.3g}; one that is becomes "
                "0: give samples with such answers, if there can be any."
            )
    return tuple(notes)


def _few(samples: Mapping[str, np.ndarray]) -> Iterator[str]:
    count = len(next(iter(samples.values())))
    if count < FEWEST:
        yield f"calibration: {count} samples tell little of what tensors reach: give at least {FEWEST} typical ones."


def _constant(value: Value, array: np.ndarray) -> Iterator[str]:
    """Features that never change; rare ones of zeros and ones, as of a one-hot row, need not."""
    features = array.reshape(-1, value.shape[-1])
    fixed = np.flatnonzero(features.max(axis=0) == features.min(axis=0))
    if not fixed.size or (np.isin(features, (0, 1)).all() and features.any()):
        return
    advice = "give samples in which they change, or leave them out of the model."
    if fixed.size == features.shape[1]:
        same = f" ({features[0, 0] + 0.0:g})" if (features == features[0, 0]).all() else ""
        yield f"calibration: input '{value.name}' never changes{same}: its range is unknown; give real samples."
    else:
        yield f"calibration: input '{value.name}', {_named(fixed)} never changed in all samples: {advice}"


def _other_units(graph: Graph, inputs: list[Value], samples: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Features that a normalization does not bring near zero, since it was made for other units."""
    front, rest = split_front(graph)
    shifted = {node.output: node for node in front.nodes if isinstance(node.operator, ops.Binary)}
    made = front.evaluate(samples)
    for value in inputs:
        behind = {value}
        for node in front.nodes:
            if behind & set(node.inputs):
                behind.update(node.outputs)
        for last in (each for each in rest.inputs if each in behind and each in shifted):
            features = made[last.name].reshape(-1, last.shape[-1]).astype("f8")
            middle, spread = np.median(features, axis=0), features.std(axis=0)
            odd = np.flatnonzero(((np.abs(middle) > _FAR) | (spread > _WIDE)) & (features.min(0) < features.max(0)))
            if odd.size:
                worst = odd[np.argmax(np.maximum(np.abs(middle[odd]), spread[odd]))]
                yield (
                    f"calibration: input '{value.name}', {_named(odd)} look like other units than the model's "
                    f"normalization expects: it makes {middle[worst]:.3g} +- {spread[worst]:.3g} of feature {worst}, "
                    "not about 0 +- 1; give samples as the model was trained on."
                )


def _outliers(graph: Graph) -> Iterator[str]:
    """Weights of one scale that are far larger than the others."""
    told = set()
    for node in graph.walk():
        if not isinstance(node.operator, ops.Affine):
            continue
        count = node.operator.operands
        for kernel in node.inputs[count : 2 * count]:
            data = kernel.data
            if data is None or data.size < 64 or node.layer in told:
                continue
            mean = float(np.linalg.norm(data.ravel())) / data.size**0.5
            whole = float(max(data.max(), -data.min())) / max(mean, 1e-30)
            if whole > _OUTLIER:
                told.add(node.layer)
                yield (
                    f"layer '{node.layer}': its largest weight is {whole:.0f} times their root mean square, so 8 bits "
                    "leave the others few steps: train with a kernel_constraint, or use --quantize float16."
                )


def _named(features: np.ndarray) -> str:
    shown = ", ".join(map(str, features[:_SHOWN]))
    more = f" and {features.size - _SHOWN} more" if features.size > _SHOWN else ""
    return f"feature{'s' if features.size > 1 else ''} {shown}{more}"
