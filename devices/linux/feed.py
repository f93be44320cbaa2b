"""What is fed to a model number by number, and what comes back, where no samples file and no window is at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgernn.devices.host.c import CProject
from edgernn.devices.host.session import TensorInfo
from edgernn.errors import InputError
from edgernn.running import Artifact, masks_of
from edgernn.streaming.description import Answer, Description, describe
from edgernn.streaming.steppers import step_tensors


@dataclass(frozen=True)
class Feed:
    """What a model is fed, and answers.

    Attributes:
        stream: of a model that takes frames; None of one that takes windows.
        source: the input whose numbers they are.
        inputs: of one invocation, in the artifact's order: the source, masks, and states.
        outputs: likewise, states left out.
        masks: inputs that tell which rows are not padding, by name: the number that padding is.
    """

    stream: Description | None
    source: TensorInfo
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[tuple[TensorInfo, Answer], ...]
    masks: dict[str, float]

    @property
    def hop(self) -> int:
        """Frames of an invocation; a window is one."""
        return self.stream.hop if self.stream else 1

    @property
    def count(self) -> int:
        """Numbers that an invocation takes."""
        return math.prod(self.source.shape)

    @property
    def frame(self) -> int:
        """Numbers in a frame."""
        return self.count // self.hop


def feed_of(artifact: Artifact) -> Feed:
    """What an artifact is fed, and answers.

    Raises:
        InputError: it has more than one input to be fed.
    """
    content = artifact.content
    streams = bool(artifact.own.get("streams") if isinstance(content, CProject) else artifact.own.get("streaming"))
    stream = describe(artifact.own, artifact.inputs, artifact.outputs) if streams else None
    inputs, outputs = artifact.inputs, artifact.outputs
    if stream and isinstance(content, CProject):
        inputs, outputs = step_tensors(content, stream)
    answers = stream.answers if stream else tuple(Answer(0, 0, 0) for _ in outputs)
    masks = {name: value for name, (_, value) in masks_of(artifact).items()}
    states = stream.states if stream else {}
    fed = [info for info in inputs if info.name not in masks and info.name not in states]
    if len(fed) != 1:
        names = ", ".join(f"'{info.name}'" for info in fed)
        raise InputError(
            f"artifact: must have one input, the numbers of a frame. Found: {len(fed)}: {names}.",
            hint="join the inputs in the model; or call the artifact from a program of your own.",
        )
    if fed[0].units is not None:
        raise InputError(
            f"artifact: must have one scale for all of input '{fed[0].name}'. Found: one for each feature.",
            hint="convert with --io float32; or call the artifact from a program of your own.",
        )
    # Answers come first among the outputs, states after them.
    return Feed(stream, fed[0], tuple(inputs), tuple(zip(outputs, answers, strict=False)), masks)
