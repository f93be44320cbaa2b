"""What a streamed artifact says about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgernn.devices.host.session import TensorInfo
from edgernn.errors import InputError

_HINT = "convert the model again, with --streaming; a folder of C says in its header why it has no step."


@dataclass(frozen=True)
class Answer:
    """An output of the stream.

    Attributes:
        skip: answers after a reset that are not valid yet.
        per_hop: elements of a hop, or 0 without a time axis.
        first: elements of the first valid answer that are not valid yet.
    """

    skip: int
    per_hop: int
    first: int


@dataclass(frozen=True)
class Description:
    """A stream as its artifact describes it.

    Attributes:
        hop: frames per step.
        timed: whether an input is a sequence, in the inputs' order.
        answers: one per output.
        states: of a stream whose states are inputs and outputs: initial values by name, as the file has them.
    """

    hop: int
    timed: tuple[bool, ...]
    answers: tuple[Answer, ...]
    states: Mapping[str, Any]

    @property
    def delay(self) -> int:
        """Frames before the first valid answer, beyond those that any answer takes."""
        return self.hop * max(answer.skip for answer in self.answers)


def hop_of(own: Mapping[str, Any]) -> int:
    """Frames per step of the artifact with this metadata, or 0 if it is no stream."""
    entry = own.get("streaming")
    hop = entry.get("hop") if isinstance(entry, dict) else None
    return hop if isinstance(hop, int) and hop > 0 else 0


def describe(own: Mapping[str, Any], inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> Description:
    """Read the metadata of an artifact.

    Args:
        own: all of it.
        inputs: of the artifact; the last are its states, if they are inputs.
        outputs: likewise.

    Raises:
        InputError: it is no stream.
    """
    entry = own.get("streaming")
    if not isinstance(entry, dict) or not entry:
        raise InputError("artifact: must be a stream. Found: a model of whole windows.", hint=_HINT)
    try:
        initial = entry.get("states")
        initial = initial if isinstance(initial, list) else []  # of states inside, no more than that is known
        given, answered = len(inputs) - len(initial), len(outputs) - len(initial)
        states = {info.name: value for info, value in zip(inputs[given:], initial, strict=True)}
        if "outputs" in entry:
            answers = [Answer(int(e["skip"]), int(e["per_hop"]), int(e["first"])) for e in entry["outputs"]]
        else:
            columns = [entry.get(key) or [0] * answered for key in ("skip", "per_hop", "first")]
            answers = [Answer(*map(int, row)) for row in zip(*columns, strict=True)]
        timed = tuple(bool(each) for each in entry.get("timed") or [True] * given)
        found = Description(int(entry["hop"]), timed, tuple(answers), states)
        if found.hop < 1 or len(timed) != given or len(answers) != answered or answered < 1:
            raise ValueError
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            "artifact: its description of the stream must be complete. Found: damaged.", hint=_HINT
        ) from error
    return found
