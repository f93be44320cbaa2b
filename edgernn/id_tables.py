"""How many ids an artifact's tables have: kernels and C read whatever row an id names, also beyond the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgernn.converters.tflite.file import TfliteFile
from edgernn.devices.host.c import CProject

if TYPE_CHECKING:
    from edgernn.running import Artifact

_PICKS = {"GATHER": 0, "EMBEDDING_LOOKUP": 1}  # operators that pick rows, and which of their two inputs is the table
# Operators whose outputs hold the elements of their inputs, in other places.
_MOVES = (
    *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "CAST", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK"),
    *("PACK", "CONCATENATION", "TRANSPOSE", "PAD", "REVERSE_V2"),
)


def table_rows(artifact: Artifact) -> Mapping[str, int]:
    """How many rows the table has that an input's ids pick from, by input; the smallest of several tables."""
    if isinstance(artifact.content, CProject):
        entries = artifact.own["inputs"]
        return {str(entry["name"]): entry["rows"] for entry in entries if isinstance(entry.get("rows"), int)}
    return _rows_of_file(artifact.content)


def _rows_of_file(file: TfliteFile) -> dict[str, int]:
    graph = file.main
    names = file.names(graph.inputs)  # of a stream's states too, which an artifact does not show as inputs
    held = {index: {name} for index, name in zip(graph.inputs, names, strict=True)}  # the inputs in each tensor
    rows: dict[str, int] = {}
    for operator in graph.operators:
        if operator.name in _PICKS:
            at = _PICKS[operator.name]
            table, ids = graph.tensors[operator.inputs[at]], operator.inputs[1 - at]
            if table.data_bytes:
                rows |= {name: min(rows.get(name, table.shape[0]), table.shape[0]) for name in held.get(ids, ())}
        elif operator.name in _MOVES:
            found = set[str]().union(*(held.get(index, ()) for index in operator.inputs))
            held |= dict.fromkeys(operator.outputs, found)
    return rows
