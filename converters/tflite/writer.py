"""A compiled graph as the bytes of a .tflite file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from edgernn.converters.tflite.flatbuffer import TfModel, TfSignature, encode
from edgernn.converters.tflite.loop import Loop
from edgernn.converters.tflite.operators import lower_graph
from edgernn.converters.tflite.states import RESET, keep_states, next_name, own_tensors, store_states
from edgernn.converters.tflite.subgraph import Program
from edgernn.graph import Graph
from edgernn.graph.verify import verify
from edgernn.passes.stream import State

SIGNATURE = "serving_default"


def write(
    graph: Graph,
    loop: Loop,
    metadata: Mapping[str, Any],
    states: Sequence[State] = (),
    *,
    names: Sequence[str] = (),
    kept: bool = False,
    signed: bool = True,
) -> bytes:
    """Lower `graph` and encode it.

    Args:
        graph: float, or quantized; its values' types decide the operators.
        loop: how scans that are left in the graph are written.
        metadata: what the file says about itself, as JSON in its description; must be deterministic.
        states: of a stream; the last inputs and outputs of the graph.
        names: of the answers, the outputs but the states; by default those of the graph.
        kept: whether the runtime keeps the states, in resource variables with a signature that resets them.
        signed: whether a single entry point has a signature. Its names are those of the tensors, and TFLite-Micro does
            not look for it.

    Raises:
        GraphError: the graph is not sound.
    """
    verify(graph)
    program = Program()
    main = program.subgraph()
    signatures = []
    if kept and states:
        signatures.append(TfSignature(RESET, keep_states(main, states), (), ()))
    given = len(graph.inputs) - (len(states) if kept else 0)
    answers = graph.outputs[: len(graph.outputs) - len(states)]
    inputs = [(value.name, main.tensor(value)) for value in graph.inputs[:given]]
    lower_graph(graph, main, loop)
    names = names or [value.name for value in answers]
    # What leaves as it came, or twice, is copied: every input and every output has a name of its own.
    taken = {index for _, index in inputs}
    outputs = list(zip(names, own_tensors(main, answers, taken), strict=True))
    if kept:
        store_states(main, states)
    else:
        following = own_tensors(main, [state.next for state in states], taken)
        outputs += zip(map(next_name, states), following, strict=True)
    for name, index in [*inputs, *outputs]:
        main.name(index, name)
    main.target.inputs = tuple(index for _, index in inputs)
    main.target.outputs = tuple(index for _, index in outputs)
    description = json.dumps(metadata, separators=(",", ":"), sort_keys=True)
    if signed or signatures:
        signatures.insert(0, TfSignature(SIGNATURE, 0, tuple(inputs), tuple(outputs)))
    return encode(TfModel(tuple(program.subgraphs), tuple(signatures), description))
