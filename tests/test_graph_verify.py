"""Every rule of sound graphs, broken by hand; and every pass keeps a graph sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from recurrent_graphs import KINDS, graph_of, noise

from edgernn.cells import Gates, SimpleRNN, run
from edgernn.compiler import Options, compile_graph
from edgernn.converters.c.compile import lower, write_functions
from edgernn.converters.tflite.writer import write
from edgernn.errors import GraphError
from edgernn.graph import Builder, DType, Graph, Node, Quantization, Scan, Value
from edgernn.graph import operators as ops
from edgernn.graph.rules import GRAPH_RULES, NODE_RULES
from edgernn.graph.verify import known_number, sentence, verify
from edgernn.targets import MICRO, PHONE

HALF, THIRD = Quantization((0.5,)), Quantization((0.3,))


def value(
    name: str, *shape: int, dtype: DType = "float32", form: Quantization | None = None, constant: bool = False
) -> Value:
    return Value(name, shape, dtype, np.zeros(shape, dtype) if constant else None, form)


def one(operator: ops.Operator, inputs: Sequence[Value], *outputs: Value) -> Graph:
    """A graph of one node."""
    node = Node(operator, tuple(inputs), outputs, "layer")
    given = dict.fromkeys(value for value in inputs if value.data is None)
    return Graph("g", tuple(given), outputs, (node,))


def integers(name: str, *shape: int, form: Quantization = HALF, dtype: DType = "int8") -> Value:
    return value(name, *shape, dtype=dtype, form=form)


def weights(name: str, *shape: int, dtype: DType = "float32", form: Quantization | None = None) -> Value:
    return value(name, *shape, dtype=dtype, form=form, constant=True)


def loop(**changes: Any) -> Graph:
    """x [5, 3] summed up in a state of 3, with some value of it changed."""
    names: dict[str, Value] = {
        "start": weights("start", 3),
        "x": value("x", 5, 3),
        "state": value("state", 3),
        "x_t": value("x_t", 3),
        "after": value("after", 3),
        "last": value("last", 3),
        "sums": value("sums", 5, 3),
        **changes,
    }
    body_inputs = (names["state"], names["x_t"])
    read = changes.get("read", names["x_t"])
    body_nodes = (Node(ops.Binary("add"), (names["state"], read), (names["after"],)),)
    body = Graph("body", body_inputs, (names["after"], names["after"]), body_nodes)
    scan = Scan(body, changes.get("carries", 1), changes.get("steps", 5))
    return one(scan, [names["start"], names["x"]], names["last"], names["sums"])


X, Y = value("x", 4, 3), value("y", 4, 3)
BROKEN: dict[str, tuple[Callable[[], Graph], str]] = {
    "too few inputs": (lambda: one(ops.Binary("add"), [X], Y), "has the inputs and outputs"),
    "too many outputs": (lambda: one(ops.Reverse(), [X], Y, value("z", 4, 3)), "has the inputs and outputs"),
    "more states than inputs": (lambda: loop(carries=3), "has the inputs and outputs"),
    "an unknown value": (
        lambda: replace(one(ops.Reverse(), [X], Y), inputs=()),
        "read behind the node that makes it",
    ),
    "an unknown output": (lambda: Graph("g", (X,), (Y,), ()), "read behind the node that makes it"),
    "a cycle": (
        lambda: Graph("g", (), (Y,), (Node(ops.Reverse(), (Y,), (X,)), Node(ops.Reverse(), (X,), (Y,)))),
        "read behind the node that makes it",
    ),
    "a body that reads outside": (lambda: loop(read=value("outer", 3)), "in the graph that it belongs to"),
    "made twice": (
        lambda: Graph("g", (X,), (Y,), (Node(ops.Reverse(), (X,), (Y,)), Node(ops.Reverse(), (X,), (Y,)))),
        "made by one node",
    ),
    "a constant that is made": (lambda: one(ops.Reverse(), [X], weights("y", 4, 3)), "made by one node"),
    "inputs of one name": (
        lambda: one(ops.Binary("add"), [X, value("x", 4, 3)], Y),
        "every input has a name of its own",
    ),
    "another shape": (lambda: one(ops.Unary("tanh"), [X], value("y", 4, 4)), "shapes and types that the operator"),
    "another type": (lambda: one(ops.Unary("tanh"), [X], integers("y", 4, 3)), "shapes and types that the operator"),
    "operands that do not fit": (
        lambda: one(ops.Binary("add"), [X, value("z", 4, 2)], Y),
        "shapes and types that the operator",
    ),
    "pieces that do not add up": (
        lambda: one(ops.Split((1, 1), -1), [X], value("a", 4, 1), value("b", 4, 1)),
        "shapes and types that the operator",
    ),
    "data of another shape": (
        lambda: one(ops.Binary("add"), [X, replace(weights("c", 3), shape=(1,))], Y),
        "data has its shape and type",
    ),
    "data of another type": (
        lambda: one(ops.Binary("add"), [X, replace(weights("c", 3), data=np.zeros(3))], Y),
        "data has its shape and type",
    ),
    "integers without a scale": (
        lambda: one(ops.Reverse(), [value("i", 4, 3, dtype="int8")], value("y", 4, 3, dtype="int8")),
        "have a scale",
    ),
    "floats with a scale": (
        lambda: one(ops.Reverse(), [value("i", 4, 3, form=HALF)], value("y", 4, 3, form=HALF)),
        "have a scale",
    ),
    "scales for other channels": (
        lambda: one(
            ops.Affine(1, bias=False),
            [integers("x", 3), weights("w", 2, 3, dtype="int8", form=Quantization((0.1, 0.2, 0.3)))],
            integers("y", 2),
        ),
        "have a scale",
    ),
    "a scale of nothing": (
        lambda: one(ops.Reverse(), [integers("x", 4, form=Quantization((0.0,)))], integers("y", 4)),
        "have a scale",
    ),
    "16 bits off zero": (
        lambda: one(
            ops.Unary("relu"),
            [integers("x", 4, form=Quantization((0.1,), 3), dtype="int16")],
            integers("y", 4, dtype="int16"),
        ),
        "have a scale",
    ),
    "a kernel of other columns": (
        lambda: one(ops.Affine(1, bias=False), [value("x", 4), weights("w", 2, 3)], value("y", 2)),
        "a column per element",
    ),
    "a bias of other rows": (
        lambda: one(ops.Affine(1, bias=True), [value("x", 3), weights("w", 2, 3), weights("b", 3)], value("y", 2)),
        "a row per output",
    ),
    "two kernels of other rows": (
        lambda: one(
            ops.Affine(2, bias=False),
            [value("x", 3), value("h", 2), weights("w", 2, 3), weights("u", 3, 2)],
            value("y", 2),
        ),
        "a row per output",
    ),
    "a filter of other channels": (
        lambda: one(ops.Conv(1, 1, bias=False), [X, weights("w", 2, 3, 4)], value("y", 2, 2)),
        "the input's channels",
    ),
    "a filter that is too long": (
        lambda: one(ops.Conv(1, 1, bias=False), [X, weights("w", 2, 5, 3)], value("y", 0, 2)),
        "one window fits",
    ),
    "a filter's bias": (
        lambda: one(ops.DepthwiseConv(1, 1, bias=True), [X, weights("w", 2, 3), weights("b", 2)], value("y", 3, 3)),
        "an element per output channel",
    ),
    "a kernel that is computed": (
        lambda: one(ops.Affine(1, bias=False), [value("x", 3), value("w", 2, 3)], value("y", 2)),
        "a product is of floats",
    ),
    "a kernel of another type": (
        lambda: one(ops.Affine(1, bias=False), [integers("x", 3), weights("w", 2, 3)], integers("y", 2)),
        "a product is of floats",
    ),
    "a float bias beside integers": (
        lambda: one(
            ops.Affine(1, bias=True),
            [integers("x", 3), weights("w", 2, 3, dtype="int8", form=HALF), weights("b", 2)],
            integers("y", 2),
        ),
        "bias has 32 or 64 bits",
    ),
    "a bias in other units": (
        lambda: one(
            ops.Affine(1, bias=True),
            [
                integers("x", 3),
                weights("w", 2, 3, dtype="int8", form=HALF),
                weights("b", 2, dtype="int32", form=Quantization((0.1,))),
            ],
            integers("y", 2),
        ),
        "the scale of input times kernel",
    ),
    "operands of two types": (
        lambda: one(ops.Binary("add"), [X, value("i", 4, 3, dtype="int32")], Y),
        "all operands have one type",
    ),
    "a sum of bools": (
        lambda: one(ops.Unary("relu"), [value("m", 4, dtype="bool")], value("y", 4, dtype="bool")),
        "functions are of floats",
    ),
    "parts that do not fit": (
        lambda: one(ops.Concat(0), [X, value("z", 4, 2)], value("y", 8, 3)),
        "differs in size along the axis only",
    ),
    "rows that do not fit": (
        lambda: one(ops.Stack(), [value("a", 3), value("b", 2)], value("y", 2, 3)),
        "differs in size along the axis only",
    ),
    "a cut past the end": (lambda: one(ops.Slice(2, 6), [X], Y), "is there"),
    "a crop by padding": (lambda: one(ops.Pad(-1, 0), [X], value("y", 3, 3)), "is there"),
    "an axis that is not there": (lambda: one(ops.Transpose((0, 2)), [X], Y), "operator gives"),
    "an axis twice": (lambda: one(ops.Transpose((0, 0)), [X], value("y", 4, 4)), "is there"),
    "a repetition of three": (lambda: one(ops.Broadcast((8, 3)), [X], value("y", 8, 3)), "is there"),
    "a number as a condition": (lambda: one(ops.Select(), [X, Y, Y], value("z", 4, 3)), "a condition is a bool"),
    "a choice of two types": (
        lambda: one(ops.Select(), [value("m", 4, 3, dtype="bool"), X, value("i", 4, 3, dtype="int32")], Y),
        "a condition is a bool",
    ),
    "ids of floats": (
        lambda: one(ops.Gather(), [weights("table", 9, 3), value("ids", 4)], Y),
        "rows of a constant table",
    ),
    "a move to another scale": (
        lambda: one(ops.Reshape((12,)), [integers("x", 4, 3)], integers("y", 12, form=THIRD)),
        "only moved keep their scale",
    ),
    "a choice of two scales": (
        lambda: one(
            ops.Select(),
            [value("m", 3, dtype="bool"), integers("a", 3), integers("b", 3, form=THIRD)],
            integers("y", 3),
        ),
        "only moved keep their scale",
    ),
    "a maximum of two scales": (
        lambda: one(ops.Binary("maximum"), [integers("a", 3), integers("b", 3, form=THIRD)], integers("y", 3)),
        "compared have one scale",
    ),
    "a state that grows": (
        lambda: loop(start=weights("start", 1), state=value("state", 1)),
        "a loop's state has one shape",
    ),
    "a state of another type": (
        lambda: loop(start=weights("start", 3, dtype="int8", form=HALF), state=integers("state", 3)),
        "a loop's state has one shape, type and scale",
    ),
    "a state of another scale": (
        lambda: loop(
            start=weights("start", 3, dtype="int8", form=HALF),
            state=integers("state", 3),
            x=integers("x", 5, 3),
            x_t=integers("x_t", 3),
            after=integers("after", 3, form=THIRD),
            last=integers("last", 3),
            sums=integers("sums", 5, 3, form=THIRD),
        ),
        "a loop's state has one shape, type and scale",
    ),
    "a sequence that is too short": (lambda: loop(x=value("x", 4, 3)), "a row per step"),
    "no steps": (lambda: loop(steps=0, x=value("x", 0, 3), sums=value("sums", 0, 3)), "a step at least"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_sound_is_refused_by_its_rule(name: str) -> None:
    make, rule = BROKEN[name]
    with pytest.raises(GraphError) as caught:
        verify(make())
    assert rule in caught.value.message
    assert "Found: " in caught.value.message


def test_every_rule_is_broken_by_one_of_these() -> None:
    found = set()
    for make, _ in BROKEN.values():
        with pytest.raises(GraphError) as caught:
            verify(make())
        found.add(caught.value.message)
    rules: list[Callable[..., object]] = [known_number, *GRAPH_RULES, *(check for _, check in NODE_RULES)]
    for rule in rules:
        assert any(sentence(rule) in message for message in found), rule


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_cells_graphs_are_sound(kind: str, reverse: bool) -> None:
    verify(graph_of(kind, reverse=reverse))
    verify(loop())


class Growing(SimpleRNN):
    """A cell whose state has twice the columns after a step."""

    def step(self, b: Builder, x: Value, state: tuple[Value, ...]) -> tuple[Value, ...]:
        h = b.apply(ops.Unary("tanh"), self.gates.both(b, "h", x, state[0]))
        return (b.apply(ops.Concat(-1), h, h),)


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_a_back_end_takes_no_graph_that_is_not_sound(scheme: Any) -> None:
    random = np.random.default_rng(0)
    b = Builder("m")
    gates = Gates.split(("h",), random.normal(size=(5, 4)), random.normal(size=(4, 4)), None)
    graph = b.finish(run(b, [Growing(gates, lambda _, x: x)], b.input("x", (6, 5))).last)
    samples = noise(graph, samples=3) if scheme == "int8" else None
    for target in (PHONE, MICRO):
        with pytest.raises(GraphError, match="state has one shape"):
            compile_graph(graph, Options(scheme, target, target.form, "float32", "mse"), samples, {})
    with pytest.raises(GraphError, match="state has one shape"):
        write(graph, "while", {})
    with pytest.raises(GraphError, match="state has one shape"):
        lower(graph, scheme, "float32", "mse", samples)
    with pytest.raises(GraphError, match="state has one shape"):
        write_functions(graph, "m")


def test_a_long_message_is_cut() -> None:
    nodes = [Node(ops.Unary("tanh"), (X,), (value(f"y{k}", 9),)) for k in range(40)]
    with pytest.raises(GraphError, match="And 35 more") as caught:
        verify(Graph("g", (X,), (nodes[0].output,), tuple(nodes)))
    assert len(caught.value.message) < 2000
