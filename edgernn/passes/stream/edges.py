"""What a stream's edges and states are.

An edge carries `per_hop` elements in every hop. They come in slots 0, 1, ... counted since the beginning; slot s
carries the window's element s - wait. So `wait` is the number of slots that pass before the first element: 2 behind a
convolution over 3 frames that has no padding, 0 if it is causal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgernn.graph import Graph, Value


@dataclass(frozen=True)
class Edge:
    """A sequence of the window model in the stream.

    Attributes:
        value: the elements of one hop `[per_hop, ...]`, or, if there is one, that without its axis.
        per_hop: elements per hop; the rate.
        wait: slots before the first element. Below zero behind padding, whose elements a convolution has yet to meet.
        ahead: elements at the window's end that a stream does not have yet when the window's last frame is in; below
            zero for elements that it has beyond a window that was cropped.
    """

    value: Value
    per_hop: int
    wait: int = 0
    ahead: int = 0

    def hops(self, slot: int) -> int:
        """How many hops pass before this slot of a hop carries an element."""
        return max(0, -(-(self.wait - slot) // self.per_hop))

    @property
    def element(self) -> tuple[int, ...]:
        """Shape of one element."""
        return self.value.shape if self.per_hop == 1 else self.value.shape[1:]


@dataclass(frozen=True)
class State:
    """What is kept from one hop to the next.

    Attributes:
        value: before the hop, an input of the graph; its name is the state's.
        next: after it, an output.
        initial: before the first hop; a constant.
    """

    value: Value
    next: Value
    initial: Value


@dataclass(frozen=True)
class Output:
    """An output of the stream.

    Attributes:
        skip: answers after a reset that are not valid yet, since the model still waits for frames.
        per_hop: elements per hop, or 0 if the output has no time axis.
        first: of the first valid answer, elements that are not valid yet.
    """

    skip: int
    per_hop: int = 0
    first: int = 0


@dataclass(frozen=True)
class Streamed:
    """A model's step over one hop.

    Attributes:
        graph: its inputs are a hop of frames for each input of the model, then the states; its outputs are the
            model's, as if its sequence ended with this hop, then the states' next values.
        states: in that order.
        outputs: what is known of the model's outputs, in order.
        hop: frames per step.
        timed: whether an input is a sequence; others stay as they are.
    """

    graph: Graph
    states: tuple[State, ...]
    outputs: tuple[Output, ...]
    hop: int
    timed: tuple[bool, ...]

    @property
    def delay(self) -> int:
        """Frames that are needed before the first valid answer, less those that any answer needs."""
        return self.hop * max(output.skip for output in self.outputs)

    @property
    def frames(self) -> tuple[Value, ...]:
        """The inputs that are no states."""
        return self.graph.inputs[: len(self.timed)]


def per_hop_shape(element: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape of `count` elements in a hop."""
    return element if count == 1 else (count, *element)


def renamed(value: Value, suffix: str, shape: tuple[int, ...]) -> Value:
    """A value of the same type and scale beside another."""
    return replace(value, name=f"{value.name}{suffix}", shape=shape, data=None)
