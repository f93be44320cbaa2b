"""The options of a conversion to a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgernn.errors import InputError, UnsupportedError, one_of, whole_number
from edgernn.graph import Graph
from edgernn.passes.stream import NoStreamError, Streamed, stream

StateForm = Literal["io", "internal"]
STATES: tuple[StateForm, ...] = ("io", "internal")


@dataclass(frozen=True)
class StreamOptions:
    """How a model is streamed.

    Attributes:
        hop: frames per step; None takes the fewest that the strides allow.
        lookahead: frames that an answer may be late.
        state: inputs and outputs of the model, or kept inside.
    """

    hop: int | None = None
    lookahead: int = 0
    state: StateForm = "io"

    def apply(self, graph: Graph) -> Streamed:
        """The stream of a graph.

        Raises:
            UnsupportedError: a rule is broken.
        """
        try:
            return stream(graph, self.hop, self.lookahead)
        except NoStreamError as error:
            raise UnsupportedError([(str(error), error.hint)]) from error


def stream_options(
    streaming: bool, hop: int | None, lookahead: int, state: str | None, defaults: Mapping[str, StateForm], target: str
) -> StreamOptions | None:
    """The options as the compiler takes them, or None for a model of whole windows.

    Raises:
        InputError: they do not go together.
    """
    if not streaming:
        wrong = [name for name, given in (("hop", hop), ("lookahead", lookahead), ("state", state)) if given]
        if wrong:
            raise InputError(f"{wrong[0]}: is of a stream. Found: no --streaming.", hint="give --streaming too.")
        return None
    frames = None if hop is None else whole_number("hop", hop, 1, hint="leave --hop out.")
    late = whole_number("lookahead", lookahead, 0, hint="leave --lookahead out.")
    chosen = one_of("state", state, STATES) if state is not None else defaults.get(target, "io")
    return StreamOptions(frames, late, chosen)
