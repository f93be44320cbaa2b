"""Every operator that moves data runs on both runtimes with every type of a graph: masks are bools, ids are int32.

The runtimes have different kernels for different types, and refuse a file that asks for another one when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgernn.converters.tflite.writer import write
from edgernn.devices.host.session import open_session
from edgernn.graph import DType, Graph, Node, Quantization, Value
from edgernn.graph import operators as ops
from edgernn.graph.shapes import infer

Array = NDArray[Any]
TYPES: tuple[DType, ...] = ("bool", "int32", "float32", "int8", "int16")
SHAPE = (4, 6)
MOVES: dict[str, tuple[ops.Operator, Callable[[Array], list[Array]]]] = {
    "split columns": (ops.Split((2, 2, 2), -1), lambda x: [x[:, :2], x[:, 2:4], x[:, 4:]]),
    "split rows": (ops.Split((3, 1), 0), lambda x: [x[:3], x[3:]]),
    "unstack": (ops.Unstack(), list),
    "reshape": (ops.Reshape((3, 8)), lambda x: [x.reshape(3, 8)]),
    "transpose": (ops.Transpose((1, 0)), lambda x: [x.T]),
    "slice": (ops.Slice(1, 4, 2), lambda x: [x[1:4:2]]),
    "pad": (ops.Pad(1, 2), lambda x: [np.pad(x, ((1, 2), (0, 0)))]),
    "reverse": (ops.Reverse(), lambda x: [x[::-1]]),
    "concatenate": (ops.Concat(-1), lambda x: [np.concatenate([x, x], axis=1)]),
    "stack": (ops.Stack(), lambda x: [np.stack([x, x])]),
}


@pytest.mark.parametrize("runtime", ["litert", "micro"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(("name", "rows"), [*((name, SHAPE[0]) for name in MOVES), ("unstack", 1), ("reverse", 1)])
def test_a_move_runs(name: str, rows: int, dtype: DType, runtime: str) -> None:
    operator, expected = MOVES[name]
    form = Quantization((0.5,)) if dtype in ("int8", "int16") else None
    x = Value("x", (rows, SHAPE[1]), dtype, None, form)
    operands = (x, x) if isinstance(operator, (ops.Concat, ops.Stack)) else (x,)
    results = tuple(Value(f"y{k}", shape, t, None, form) for k, (shape, t) in enumerate(infer(operator, operands)))
    graph = Graph("moves", (x,), results, (Node(operator, operands, results),))
    data = np.random.default_rng(2).integers(0, 2 if dtype == "bool" else 99, (rows, SHAPE[1])).astype(dtype)
    session = open_session(write(graph, "while", {}), runtime)
    got = session.run({"x": data[None]})
    for info, wanted in zip(session.outputs, expected(data), strict=True):
        np.testing.assert_array_equal(got[info.name][0], wanted)


@pytest.mark.parametrize("runtime", ["litert", "micro"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_axes_in_any_order(order: tuple[int, ...], dtype: DType, runtime: str) -> None:
    form = Quantization((0.5,)) if dtype in ("int8", "int16") else None
    shape = (2, 3, 4)
    x = Value("x", shape, dtype, None, form)
    y = Value("y", tuple(shape[k] for k in order), dtype, None, form)
    graph = Graph("moves", (x,), (y,), (Node(ops.Transpose(order), (x,), (y,)),))
    data = np.random.default_rng(2).integers(0, 2 if dtype == "bool" else 99, shape).astype(dtype)
    session = open_session(write(graph, "while", {}), runtime)
    np.testing.assert_array_equal(session.run({"x": data[None]})["y"][0], data.transpose(order))


@pytest.mark.parametrize("runtime", ["litert", "micro"])
@pytest.mark.parametrize("function", ["or", "differs", "rows differ"])
def test_what_masks_are_made_of_runs(function: str, runtime: str) -> None:
    random = np.random.default_rng(3)
    dtype: DType = {"or": "bool", "differs": "int32", "rows differ": "float32"}[function]  # type: ignore[assignment]
    x = Value("x", SHAPE, dtype)
    data = random.integers(0, 2, SHAPE).astype(dtype)
    if function == "or":
        other = random.random(SHAPE) < 0.5
        mask = Value("other", SHAPE, "bool", other)
        node = Node(ops.Or(), (x, mask), (Value("y", SHAPE, "bool"),))
        wanted = data | other
    elif function == "differs":
        node = Node(ops.Differs(1.0, rows=False), (x,), (Value("y", SHAPE, "bool"),))
        wanted = data != 1
    else:
        data[1] = -1.5
        node = Node(ops.Differs(-1.5, rows=True), (x,), (Value("y", SHAPE[:1], "bool"),))
        wanted = np.array([True, False, True, True])
    session = open_session(write(Graph("masks", (x,), node.outputs, (node,)), "while", {}), runtime)
    np.testing.assert_array_equal(session.run({"x": data[None]})["y"][0], wanted)
