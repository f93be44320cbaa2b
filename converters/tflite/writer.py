"""A compiled graph as the bytes of a .tflite file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgernn.converters.tflite.flatbuffer import TfModel, TfSignature, encode
from edgernn.converters.tflite.loop import Loop
from edgernn.converters.tflite.operators import lower_graph
from edgernn.converters.tflite.subgraph import Program
from edgernn.graph import Graph

METADATA_NAME = "edgernn"
SIGNATURE = "serving_default"


def write(graph: Graph, loop: Loop, metadata: Mapping[str, Any]) -> bytes:
    """Lower `graph` and encode it.

    Args:
        graph: float, or quantized; its values' types decide the operators.
        loop: how scans that are left in the graph are written.
        metadata: what the file says about itself, as JSON; must be deterministic.
    """
    program = Program()
    main = program.subgraph()
    inputs = [(value.name, main.tensor(value)) for value in graph.inputs]
    lower_graph(graph, main, loop)
    outputs = [(value.name, main.batched(value)) for value in graph.outputs]
    for name, index in [*inputs, *outputs]:
        main.name(index, name)
    main.target.inputs = tuple(index for _, index in inputs)
    main.target.outputs = tuple(index for _, index in outputs)
    entry = json.dumps(metadata, separators=(",", ":"), sort_keys=True).encode()
    signature = TfSignature(SIGNATURE, 0, tuple(inputs), tuple(outputs))
    return encode(TfModel(tuple(program.subgraphs), (signature,), ((METADATA_NAME, entry),), "edgernn"))
