"""The options of a conversion to a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgernn.errors import InputError, UnsupportedError, one_of
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
    for name, number, least in (("hop", hop, 1), ("lookahead", lookahead, 0)):
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise InputError(f"{name}: must be a whole number. Found: {number!r}.", hint=f"leave {name} out.")
        if number is not None and number < least:
            raise InputError(f"{name}: must be at least {least}. Found: {number}.", hint=f"leave --{name} out.")
    chosen = one_of("state", state, STATES) if state is not None else defaults.get(target, "io")
    return StreamOptions(hop, lookahead, chosen)
