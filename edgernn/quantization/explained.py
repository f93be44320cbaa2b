"""What every tensor of a quantized model holds, what it should hold, and what it costs the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from edgernn.graph import DType, Graph, Scan, Value
from edgernn.graph import operators as ops
from edgernn.passes import without_masked_steps
from edgernn.quantization.arithmetic import Arithmetic
from edgernn.quantization.calibrated import Calibrated
from edgernn.quantization.parts import Costs, Group, groups_of
from edgernn.quantization.precision import attribute, enough, spread_error
from edgernn.quantization.simulated import Simulation
from edgernn.ranges import Range
from edgernn.reference import Array, evaluate

Kind = Literal["input", "output", "state", "activation", "weights"]
BINS = 48
_ORDINARY: Kind = "activation"
WORST = 3  # tensors that come with advice


@dataclass(frozen=True)
class Histogram:
    """How many numbers lie in each of equal parts of a range.

    Attributes:
        low: where the first begins.
        high: where the last ends.
        counts: of numbers; one that lies in a cell of calibration's own grid is spread over it.
    """

    low: float
    high: float
    counts: tuple[float, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor, or several of one scale.

    Attributes:
        name: of the one that is made first.
        layer: that makes it.
        kind: what it is to the model.
        dtype: its integer type.
        low: the smallest number that calibration saw, of weights the smallest one; NaN where it saw none.
        high: the largest.
        scale: of a step; of weights with one for each row, the coarsest.
        finest: the finest scale of a row; of all others, `scale`.
        zero_point: the integer of 0.
        least: the smallest number that it holds; of weights, in the coarsest row.
        most: the largest.
        made: names of the float values whose numbers it holds, each once.
        histogram: of what calibration saw.
        beyond: the share of numbers that it does not hold, of those of the samples that were measured with; None where
            nothing was measured.
        error: that its rounding and saturation alone add to the answer, over the outputs' spread; None likewise.
        saturation: the part of that error that its ends are to blame for: 1 for all; None where that was not looked at.
        advice: what to do about it; of the worst only.
    """

    name: str
    layer: str
    kind: Kind
    dtype: DType
    low: float
    high: float
    scale: float
    finest: float
    zero_point: int
    least: float
    most: float
    made: tuple[str, ...]
    histogram: Histogram | None = None
    beyond: float | None = None
    error: float | None = None
    saturation: float | None = None
    advice: str = ""


@dataclass(frozen=True)
class Subject:
    """An integer graph and what it was made from.

    Attributes:
        integers: quantized.
        floats: what it was made from, value by value of the same names.
        ranges: that calibration saw, by name.
        channels: extremes of every element of the last axis, by name; `[2, elements]`.
        arithmetic: it was made for.
        costs: on the target.
    """

    integers: Graph
    floats: Graph
    ranges: Mapping[str, Range]
    channels: Mapping[str, Array]
    arithmetic: Arithmetic
    costs: Costs

    @classmethod
    def of(cls, calibrated: Calibrated, wide: frozenset[str], costs: Costs) -> Subject:
        """Of a model with integer activations."""
        statistics = calibrated.statistics
        return cls(
            calibrated.integers(wide),
            calibrated.graph,
            {value.name: found for value, found in statistics.ranges.items()},
            {value.name: found for value, found in statistics.channels.items()},
            calibrated.plan.arithmetic,
            costs,
        )

    def tensors(self) -> list[Tensor]:
        """Every one, in the order in which they are made, weights last; nothing of harm."""
        groups = groups_of(self.integers, self.floats, self.arithmetic, self.costs)
        kinds, constants = self._kinds(), self.constants()
        return [self._tensor(group, kinds, constants) for group in groups]

    def harmed(self, inputs: Mapping[str, Array]) -> list[Tensor]:
        """Every one with what it costs, the worst first.

        Args:
            inputs: real samples `[samples, *shape]` as the float graph takes them, by name.
        """
        few = enough(self.floats, inputs)
        groups = attribute(self.integers, self.floats, self.arithmetic, self.costs, few)
        kinds, constants = self._kinds(), self.constants()
        tensors = [self._tensor(group, kinds, constants) for group in groups]
        counted = self._beyond(tensors, without_masked_steps(self.floats, inputs))
        known = [
            replace(tensor, error=group.part.error, beyond=0.0 if tensor.kind == "weights" else share)
            for tensor, group, share in zip(tensors, groups, counted, strict=True)
        ]
        expected, simulation = evaluate(self.floats, few), Simulation(self.integers, self.floats)
        for k, (tensor, group) in enumerate(zip(known[:WORST], groups, strict=False)):
            if tensor.beyond and tensor.error:
                answers = simulation(few, frozenset(group.members).__contains__, saturate=False)
                rounding = min(spread_error(answers, expected) / tensor.error, 1.0)
                known[k] = replace(tensor, saturation=1.0 - rounding**2)
        return known

    def constants(self) -> dict[str, Array]:
        """The float constants by name."""
        return {
            value.name: value.data
            for node in self.floats.walk()
            for value in node.inputs
            if value.data is not None and value.dtype == "float32"
        }

    def _kinds(self) -> dict[str, Kind]:
        found: dict[str, Kind] = {}
        for node in self.floats.walk():
            if isinstance(node.operator, Scan):
                states = node.operator.body.inputs[: node.operator.carries]
                ends = node.operator.body.outputs[: node.operator.carries]
                found |= dict.fromkeys((value.name for value in (*states, *ends)), "state")
        found |= dict.fromkeys((value.name for value in self.floats.outputs), "output")
        return found | dict.fromkeys((value.name for value in self.floats.inputs), "input")

    def _tensor(self, group: Group, kinds: Mapping[str, Kind], constants: Mapping[str, Array]) -> Tensor:
        first, part = group.members[0], group.part
        form = first.quantization
        assert form is not None, "groups are of what is quantized"
        found = Range.of(constants[part.name]) if part.name in constants else self._seen(group, constants)
        ends = np.iinfo(first.dtype)
        scale = max(form.scales)
        least, most = ((end - form.zero_point) * scale for end in (-127 if part.weights else ends.min, ends.max))
        kind: Kind = (
            "weights" if part.weights else next((kinds[name] for name in group.made if name in kinds), _ORDINARY)
        )
        low, high = (found.low, found.high) if found is not None else (float("nan"), float("nan"))
        return Tensor(
            name=part.name,
            layer=part.layer,
            kind=kind,
            dtype=first.dtype,
            low=low,
            high=high,
            scale=scale,
            finest=min(form.scales),
            zero_point=form.zero_point,
            least=float(least),
            most=float(most),
            made=group.made,
            histogram=_histogram(found, float(least), float(most)) if found is not None else None,
        )

    def _seen(self, group: Group, constants: Mapping[str, Array]) -> Range | None:
        """What calibration saw of a group; rows of a table are those of the whole table."""
        found = [self.ranges[name] for name in group.made if name in self.ranges]
        if not found:
            found = [
                Range.of(constants[node.inputs[0].name])
                for node in self.integers.walk()
                if isinstance(node.operator, ops.Gather)
                and not set(node.outputs).isdisjoint(group.members)
                and node.inputs[0].name in constants
            ]
        whole: Range | None = None
        for range_ in found:
            whole = range_ if whole is None else whole.union(range_)
        return whole

    def _beyond(self, tensors: Sequence[Tensor], inputs: Mapping[str, Array]) -> list[float | None]:
        """The share of the numbers of each tensor that lie more than half a step beyond what it holds."""
        watched: dict[str, list[int]] = {}
        for k, tensor in enumerate(tensors):
            for name in tensor.made:
                watched.setdefault(name, []).append(k)
        outside, total = np.zeros(len(tensors)), np.zeros(len(tensors))

        def observe(value: Value, array: Array) -> None:
            for k in watched.get(value.name, ()):
                slack = 0.5 * tensors[k].scale
                low, high = tensors[k].least - slack, tensors[k].most + slack
                outside[k] += np.count_nonzero((array < low) | (array > high))
                total[k] += array.size

        evaluate(self.floats, inputs, observe)
        return [float(outside[k] / total[k]) if total[k] else None for k in range(len(tensors))]


def _histogram(found: Range, least: float, most: float) -> Histogram:
    low, high = min(found.low, least), max(found.high, most)
    return Histogram(low, high, tuple(float(count) for count in found.histogram(low, high, BINS)))


def with_harm(tensors: Sequence[Tensor], harmed: Sequence[Tensor]) -> list[Tensor]:
    """The tensors of an artifact with what those of its rehearsal cost, the worst first.

    Args:
        tensors: of the artifact.
        harmed: of the same conversion without the samples that were measured with; matched by name, kind and type.
    """
    costs = {(each.name, each.kind, each.dtype): each for each in reversed(harmed)}
    known = []
    for tensor in tensors:
        cost = costs.get((tensor.name, tensor.kind, tensor.dtype))
        if cost is not None:
            tensor = replace(tensor, beyond=cost.beyond, error=cost.error, saturation=cost.saturation)
        known.append(tensor)
    return sorted(known, key=lambda tensor: -(tensor.error if tensor.error is not None else -1.0))
