"""A graph over a window becomes one over a hop of frames, with all that it remembers as states."""

from edgernn.passes.stream.edges import State, Streamed
from edgernn.passes.stream.rules import RULES, NoStreamError, Rule
from edgernn.passes.stream.transform import stream

__all__ = ["RULES", "NoStreamError", "Rule", "State", "Streamed", "stream"]
