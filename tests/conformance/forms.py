"""What form the compiler chose, read off the file that it wrote.

A trait is one choice: how many steps a turn of the loop has, where x is multiplied, what becomes of biases, and so on.
The table of `test_forms` names the traits that each of its rows must have, and together the rows have every trait here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgernn.converters.tflite.counting import executions
from edgernn.converters.tflite.file import FileOperator, FileSubgraph, FileTensor, TfliteFile

# Every choice, and what can be chosen.
TRAITS: dict[str, tuple[str, ...]] = {
    "loop": (
        *("4 steps a turn", "3 steps a turn", "2 steps a turn", "1 step a turn"),
        *("1 step a turn, or the file would grow", "unrolled", "fused"),
    ),
    "window": ("variable", "loop variable"),
    "direction": ("forward", "backward"),
    "taken by": ("GATHER", "SLICE", "GATHER and SLICE"),
    "products of x": ("before the loop", "joined with h", "beside h"),
    "gates": ("one product", "by function"),
    "biases": ("float", "32 bits", "64 bits", "a column", "columns", "64 bits and a column"),
    "states": ("float32", "int8", "int16", "int16 and int8"),
    "mask": ("computed", "an input", "none"),
    "kernel": ("float32", "float16", "int8", "int8, widened"),
    "embedding": ("float32", "float16", "int8", "int8, widened", "none"),
}


def traits(file: TfliteFile, steps: int, most: int) -> dict[str, str]:
    """The choices of a file whose first loop, if it has one, runs over so many steps.

    Args:
        file: as written.
        steps: of the window.
        most: steps per turn of a loop for this target.
    """
    found = {"mask": _mask(file), "embedding": _embedding(file), "kernel": _kernel(file.main)}
    loops = [operator for operator in file.main.operators if operator.name == "WHILE"]
    if not loops:
        fused = "UNIDIRECTIONAL_SEQUENCE_LSTM" in file.operators
        return {**found, "loop": "fused" if fused else "unrolled"}
    index = loops[0].subgraphs[1]
    body, turns = file.subgraphs[index], executions(file)[index]
    assert turns is not None
    each = steps // turns
    small = each == 1 and any(steps % count == 0 for count in range(2, most + 1))
    names = {operator.name for operator in body.operators}
    taken = [name for name in ("GATHER", "SLICE") if name in names]
    return {
        **found,
        **_inside(body),
        "loop": f"{each} step{'s' if each > 1 else ''} a turn{', or the file would grow' if small else ''}",
        "window": "variable" if "READ_VARIABLE" in names else "loop variable",
        "taken by": " and ".join(taken),
        "direction": "backward" if _backward(file, body) else "forward",
        "products of x": _product(body, loops[0], file.main),
        "states": _states(loops[0], file.main),
    }


def _inside(body: FileSubgraph) -> dict[str, str]:
    products = [operator for operator in body.operators if operator.name == "FULLY_CONNECTED"]
    rows = {body.tensors[operator.outputs[0]].shape[-1] for operator in products}
    units = min(rows, default=0)
    found = {"biases": _biases(body, products)}
    if rows in ({3 * units, units}, {4 * units, units}) or len(rows) == 1:
        found["gates"] = "by function" if len(rows) > 1 else "one product"
    return found


def _biases(body: FileSubgraph, products: list[FileOperator]) -> str:
    types = {body.tensors[p.inputs[2]].dtype for p in products if len(p.inputs) > 2 and p.inputs[2] >= 0}
    names = {"float32": "float", "int32": "32 bits", "int64": "64 bits"}
    found = sorted(names[dtype] for dtype in types)
    columns = [tensor.size for tensor in _joined(body) if tensor.data_bytes]
    if columns:
        found.append("a column" if max(columns) == 1 else "columns")
    return " and ".join(found)


def _joined(body: FileSubgraph) -> Iterator[FileTensor]:
    """What is concatenated for a product."""
    read = {p.inputs[0] for p in body.operators if p.name == "FULLY_CONNECTED"}
    for operator in body.operators:
        if operator.name == "CONCATENATION" and operator.outputs[0] in read:
            yield from (body.tensors[index] for index in operator.inputs)


def _product(body: FileSubgraph, loop: FileOperator, main: FileSubgraph) -> str:
    if list(_joined(body)):
        return "joined with h"
    before = main.operators[: main.operators.index(loop)]
    sequences = [main.tensors[p.outputs[0]] for p in before if p.name == "FULLY_CONNECTED"]
    return "before the loop" if any(len(tensor.shape) == 3 for tensor in sequences) else "beside h"


def _states(loop: FileOperator, main: FileSubgraph) -> str:
    """Types of the loop variables that are vectors."""
    types = {main.tensors[index].dtype for index in loop.inputs if len(main.tensors[index].shape) == 2}
    return " and ".join(sorted(types - {"bool"}))


def _backward(file: TfliteFile, body: FileSubgraph) -> bool:
    """Whether the loop counts down."""
    steps = [
        file.data(body.tensors[operator.inputs[1]])
        for operator in body.operators
        if operator.name == "ADD" and operator.inputs[0] == body.inputs[0]
    ]
    return bool((np.frombuffer(steps[0], "<i4") == -1).all())


def _mask(file: TfliteFile) -> str:
    if any(file.main.tensors[index].dtype == "bool" for index in file.main.inputs):
        return "an input"
    return "computed" if "NOT_EQUAL" in file.operators else "none"


def _widened(graph: FileSubgraph) -> Mapping[int, FileTensor]:
    """What a DEQUANTIZE makes of a constant, and that."""
    return {
        operator.outputs[0]: graph.tensors[operator.inputs[0]]
        for operator in graph.operators
        if operator.name == "DEQUANTIZE"
    }


def _kernel(main: FileSubgraph) -> str:
    """Type of the kernel of the first product."""
    for operator in main.operators:
        if operator.name == "FULLY_CONNECTED":
            stored = _widened(main).get(operator.inputs[1], main.tensors[operator.inputs[1]])
            widened = stored.dtype == "int8" and operator.inputs[1] in _widened(main)
            return "int8, widened" if widened else stored.dtype
    return "none"


def _embedding(file: TfliteFile) -> str:
    main = file.main
    for operator in main.operators:
        if operator.name == "GATHER":
            table = _widened(main).get(operator.inputs[0], main.tensors[operator.inputs[0]])
            rows_widened = operator.outputs[0] in {o.inputs[0] for o in main.operators if o.name == "DEQUANTIZE"}
            return "int8, widened" if table.dtype == "int8" and rows_widened else table.dtype
    return "none"
