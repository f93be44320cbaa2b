"""Whether a model's inputs can be integers: a tensor has one scale, and features of unequal ranges share it.

The harm is measured, on the float model: what its outputs differ by where only the inputs are rounded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgernn.graph import Graph, Value
from edgernn.passes import lift_masks, without_masked_steps
from edgernn.passes.readers import exchanged, readers
from edgernn.quantization.precision import Precision
from edgernn.reference import evaluate

LIMIT = 0.01  # of the outputs' spread: beyond, inputs become float32 where nobody asked for another type
_STEPS = {"int8": 255, "int16": 65534}
# Steps in a feature's range, with less of which the harm is measured, by two runs of the model. Of 16 bits fewer
# would do for the input, but the weights that make up for the units have 8 bits: their harm is measured too.
_SUSPECT = {"int8": 128, "int16": 2048}
_SAMPLES = 64
_WORTH_TELLING = 0.001  # of what happens, that would get a probability of zero
_ROOM = {"int8": 1.0, "int16": 2.0}  # by which a 16-bit scale holds more than was seen


@dataclass(frozen=True)
class Harm:
    """What rounding an input costs.

    Attributes:
        input: its name.
        dtype: to which it is rounded.
        feature: the one that has the fewest steps in its range.
        steps: how many these are.
        error: of the outputs, over their spread; the worst one's.
    """

    input: str
    dtype: str
    feature: int
    steps: float
    error: float

    def __str__(self) -> str:
        """A clause that says why."""
        steps = f"{self.steps:.0f}" if self.steps >= 1 else "less than one"
        weights = " and the 8-bit weights behind it" if self.dtype == "int16" else ""
        return (
            f"{self.dtype} over all features of input '{self.input}'{weights} leaves feature {self.feature} {steps} of "
            f"{_STEPS[self.dtype]:,} steps, which costs {100 * self.error:.2g} % of the outputs' spread"
        )


@dataclass(frozen=True)
class InputType:
    """The type of a model's inputs and outputs.

    Attributes:
        io: the type.
        reason: why it is another than the usual one, a sentence; empty where it is not.
        harm: what the type that the user asked for costs, if that is too much.
    """

    io: str
    reason: str = ""
    harm: Harm | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reason, if there is one."""
        return (self.reason,) if self.reason else ()

    @property
    def by_feature(self) -> bool:
        """Whether features are to be rounded one by one, where that can be."""
        return self.harm is not None

    def notes(self, units: Collection[str]) -> tuple[str, ...]:
        """What the user must know of a type that they asked for.

        Args:
            units: inputs whose features are rounded one by one.
        """
        if self.harm is None:
            return ()
        if self.harm.input not in units:
            return (f"{self.harm}: give float32 inputs (--io float32), or scale the features alike.",)
        names = ", ".join(f"'{name}'" for name in units)
        return (
            f"{self.harm}. So the features of {names} have a scale and an offset each, which whoever rounds them must "
            "apply: the header of C and docs/quantization.md say how; verify, deploy and StreamingSession do it. "
            "--io float32 needs none.",
        )


def input_type(usual: str, graph: Graph, samples: Mapping[str, np.ndarray] | None, *, fixed: bool) -> InputType:
    """The usual type, or float32 where that would do harm.

    Args:
        usual: of the scheme and target, or what the user asked for.
        graph: float, as read.
        samples: `[samples, *shape]` per input; without, nothing is measured.
        fixed: whether it must be the usual one: the user asked for it, or the device has no other.
    """
    harm = input_harm(graph, samples, usual) if samples is not None and usual in _STEPS else None
    if harm is None or harm.error <= LIMIT:
        return InputType(usual)
    if fixed:
        return InputType(usual, harm=harm)
    return InputType("float32", f"inputs and outputs are float32: {harm}; --io {usual} keeps {usual}.")


def widened_ends(io: str, graph: Graph, precision: Precision | None) -> str:
    """A sentence about inputs and outputs that have 16 bits though others have 8; empty where there are none.

    Args:
        io: type of the inputs and outputs.
        graph: float, as read.
        precision: what was chosen.
    """
    if io != "int8" or precision is None:
        return ""
    inputs = [value.name for value in graph.inputs if value.name in precision.wide]
    outputs = [value.name for value in graph.outputs if value.name in precision.wide]
    own = {each.name: each for each in precision.outputs}
    told = []
    for side, names in (("input", inputs), ("output", outputs)):
        if not names:
            continue
        listed = " and ".join(f"'{name}'" for name in names)
        reasons = [part.error for part in precision.reasons if part.widened.intersection(names)]
        error = max([*reasons, *(own[name].error for name in names if name in own)], default=0.0)
        zeros = max((own[name].zeros for name in names if name in own), default=0.0)
        more = f" and give {100 * zeros:.2g} % of what happens a probability of 0" if zeros > _WORTH_TELLING else ""
        verb = "is" if len(names) == 1 else "are"
        told.append(f"{side} {listed} {verb} int16, not int8: 8 bits would cost {100 * error:.2g} %{more}")
    return f"{'; '.join(told)}; --io int8 keeps 8." if told else ""


def input_harm(graph: Graph, samples: Mapping[str, np.ndarray], dtype: str) -> Harm | None:
    """The harm of the input that suffers most, if there is one whose features have few steps.

    Args:
        graph: float, as read.
        samples: `[samples, *shape]` per input.
        dtype: int8 or int16.
    """
    graph, masks = lift_masks(graph)
    count = len(next(iter(samples.values())))
    chosen = np.linspace(0, count - 1, min(count, _SAMPLES)).round().astype(int)
    given = dict(samples)
    for mask in masks:
        given[mask.name] = (given[mask.source] != np.float32(mask.value)).any(-1)
    given = without_masked_steps(graph, given)
    suspects = {}
    for value in graph.inputs:
        if value.dtype == "float32" and value.shape and value.shape[-1] > 1:
            steps = feature_steps(value, given[value.name], dtype)
            if np.nanmin(steps, initial=np.inf) < _SUSPECT[dtype]:
                suspects[value] = steps
    if not suspects:
        return None
    few = {name: array[chosen] for name, array in given.items()}
    exact = evaluate(graph, few)
    found = []
    for value, steps in suspects.items():
        scale = _scale(given[value.name], dtype)
        rounded = {**few, value.name: (np.round(few[value.name] / scale) * scale).astype("f4")}
        coarse = _with_coarse_weights(graph, value) if dtype == "int16" else graph
        error = max(_error(answers, exact[name]) for name, answers in evaluate(coarse, rounded).items())
        worst = int(np.nanargmin(steps))
        found.append(Harm(value.name, dtype, worst, float(steps[worst]), error))
    return max(found, key=lambda harm: harm.error)


def _with_coarse_weights(graph: Graph, value: Value) -> Graph:
    """The graph with the weights that multiply an input rounded to 8 bits, with a scale for each row."""
    changed = {}
    for reader in readers(graph, value):
        weights = reader.weights.reshape(len(reader.weights), -1)
        step = np.maximum(np.abs(weights).max(axis=1, keepdims=True) / 127, 1e-30)
        inputs, kernel = list(reader.node.inputs), reader.node.inputs[reader.kernel]
        rounded = (np.round(weights / step) * step).reshape(kernel.shape).astype("f4")
        inputs[reader.kernel] = replace(kernel, data=rounded)
        changed[reader.node] = replace(reader.node, inputs=tuple(inputs))
    return exchanged(graph, changed)


def feature_steps(value: Value, array: np.ndarray, dtype: str) -> np.ndarray:
    """How many steps of the whole input's scale each feature ranges over; NaN for one that is constant."""
    features = array.reshape(-1, value.shape[-1])
    span = features.max(axis=0).astype("f8") - features.min(axis=0)
    return np.where(span > 0, span / _scale(array, dtype), np.nan)


def _scale(array: np.ndarray, dtype: str) -> float:
    low, high = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
    if dtype == "int16":
        return max(2 * _ROOM[dtype] * max(-low, high) / _STEPS[dtype], 1e-30)
    return max((high - low) / _STEPS[dtype], 1e-30)


def _error(found: np.ndarray, exact: np.ndarray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(exact.std(dtype="f8"))
        error = float(np.sqrt(np.mean((found.astype("f8") - exact) ** 2)))
    return error / spread if spread > 0 and np.isfinite(error) else 0.0
