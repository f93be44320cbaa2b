"""States that come in and go out: what a decoder or a frame-by-frame model is given again as it gave it.

A Keras model with `initial_state` as inputs and `return_state` as outputs is run step by step by a program that copies
the bytes of one call's outputs to the next call's inputs. So both ends of such a state have one type and one scale, and
16 bits, since its small updates add up over as many calls as there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgernn.graph import Graph, Scan, Value
from edgernn.graph import operators as ops
from edgernn.reference import evaluate

# What only changes a state's shape or its place beside others.
_MOVES = (ops.Reshape, ops.Transpose, ops.Split, ops.Slice, ops.Concat)
_STEPS = 48  # that calibration carries a state on for: most have reached the size that they keep
_SAMPLES = 4096  # at most, in all


@dataclass(frozen=True)
class FedBack:
    """The states of a graph that its caller keeps.

    Attributes:
        pairs: the graph's input for each of its outputs that is that state after the call.
        values: of the graph, on the way from one to the other.
    """

    pairs: Mapping[Value, Value]
    values: frozenset[Value]


def fed_back(graph: Graph) -> FedBack:
    """The pairs of an input that begins a loop's carry and an output that is that carry at its end, of equal shape."""
    pairs: dict[Value, Value] = {}
    values: set[Value] = set()
    for given in graph.inputs:
        if given.dtype != "float32":
            continue
        reached = {given: False}  # what has the state's numbers, and whether a loop has carried them
        for node in graph.nodes:
            if isinstance(node.operator, Scan):
                carries = zip(node.inputs[: node.operator.carries], node.outputs, strict=False)
                reached.update({after: True for before, after in carries if before in reached})
            elif isinstance(node.operator, _MOVES):
                sources = [reached[value] for value in node.inputs if value in reached]
                reached.update(dict.fromkeys(node.outputs, any(sources)) if sources else {})
        found = [value for value in graph.outputs if reached.get(value) and value.shape == given.shape]
        pairs.update(dict.fromkeys(found, given))
        values.update(reached if found else ())
    return FedBack(pairs, frozenset(values))


def carried_on(graph: Graph, samples: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The samples, and behind them what the same model sees when its states are fed back.

    Samples often hold states of zeros; a state's range is that of many steps later.

    Args:
        graph: float.
        samples: `[samples, *shape]` per input.
    """
    pairs = fed_back(graph).pairs
    if not pairs:
        return samples
    steps = max((node.operator.steps for node in graph.nodes if isinstance(node.operator, Scan)), default=1)
    count = len(next(iter(samples.values())))
    rounds = min(-(-_STEPS // steps), max(_SAMPLES // count, 1))
    parts = [dict(samples)]
    for _ in range(rounds):
        results = evaluate(graph, parts[-1])
        # The next sample's other inputs, which follow in a recording.
        later = {name: np.roll(array, -1, axis=0) for name, array in parts[-1].items()}
        parts.append({**later, **{given.name: results[after.name] for after, given in pairs.items()}})
    return {name: np.concatenate([part[name] for part in parts]) for name in samples}
