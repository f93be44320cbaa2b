"""What integer tensors cannot hold: how much of the inputs, answers and states lies beyond their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.session import Array, Session, TensorInfo, tensor_info
from edgernn.running import Artifact, Pairs
from edgernn.samples import Samples
from edgernn.streaming.window import WindowSession


@dataclass(frozen=True)
class Saturation:
    """Numbers that an integer tensor cannot hold and replaces by its largest or smallest.

    Attributes:
        name: of the input, output or state.
        low: the smallest number that the tensor holds.
        high: the largest.
        fraction: of an input, the share of the samples' numbers beyond; of an output, the share of the answers at an
            end where Keras's answer is beyond it; of a stream's state, the share of the steps that leave it at an end.
        of_state: whether it is a stream's state; that of C does not tell its numbers.
    """

    name: str
    low: float
    high: float
    fraction: float
    of_state: bool = False


def beyond(values: Array, low: float, high: float, slack: float) -> float:
    """The share of real values that lie more than `slack` outside of what a tensor can hold."""
    return float(np.mean((values < low - slack) | (values > high + slack)))


def inner_tensor(artifact: Artifact, position: int, *, output: bool) -> TensorInfo:
    """An input or output, or, where it is float at the edge only, the integer tensor behind it."""
    info = (artifact.outputs if output else artifact.inputs)[position]
    if not isinstance(artifact.content, TfliteFile):
        return info
    main = artifact.content.main
    index = (main.outputs if output else main.inputs)[position]
    here, there = (1, 0) if output else (0, 1)
    for operator in main.operators:
        ends = operator.inputs, operator.outputs
        if operator.name == ("DEQUANTIZE" if output else "QUANTIZE") and ends[here][:1] == (index,):
            return tensor_info(info.name, main.tensors[ends[there][0]])
    return info


def input_saturation(artifact: Artifact, pairs: Pairs, samples: Samples) -> list[Saturation]:
    """Of each input that is an integer inside: how many of the samples' numbers are beyond its ends."""
    found = []
    for position, info in enumerate(artifact.inputs):
        inner = inner_tensor(artifact, position, output=False)
        if inner.scale and info.name in pairs.inputs:
            low, high = inner.limits
            values = samples.inputs[pairs.inputs[info.name]]
            values = values if inner.units is None else inner.units.apply(values)
            found.append(Saturation(info.name, low, high, beyond(values, low, high, 0.5 * inner.scale)))
    return found


def output_saturation(
    artifact: Artifact, pairs: Pairs, outputs: Sequence[Array], expected: Sequence[Array]
) -> list[Saturation]:
    """Of each output that is an integer inside: how many answers are at an end where Keras's are beyond it."""
    found = []
    for position, info in enumerate(artifact.outputs):
        inner = inner_tensor(artifact, position, output=True)
        if inner.scale:
            k = pairs.outputs.index(info.name)
            low, high = inner.limits
            at_end = (outputs[k] <= low + 0.5 * inner.scale) | (outputs[k] >= high - 0.5 * inner.scale)
            # One unit of grace: a softmax's integers end at 255/256, and nobody misses the last one.
            lost = np.where(at_end, expected[k], 0.5 * (low + high))
            found.append(Saturation(info.name, low, high, beyond(lost, low, high, inner.scale)))
    return found


def state_saturation(session: Session) -> list[Saturation]:
    """Of each state of a stream that lay at an end of its range: after how many of the steps."""
    if not isinstance(session, WindowSession):
        return []
    limits = {info.name: info.limits for info in session.states}
    return [
        Saturation(name, *limits.get(name, (-np.inf, np.inf)), count / session.advanced, of_state=True)
        for name, count in session.ended.items()
    ]
