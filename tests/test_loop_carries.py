"""What a loop hands on: delay lines, swaps, duplicates, constants and states that stay, on both runtimes against NumPy.

LiteRT copies the outputs of a WHILE's body one after the other onto its inputs, so an output that *is* another loop
variable's input would be overwritten before its turn. No lowering may write such a body, whatever the scan's body
returns; the cells of today do not, the next one may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgernn.compiler import Options, compile_graph
from edgernn.converters.c.compile import lower, write_functions
from edgernn.converters.c.project import project_files
from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.writer import write
from edgernn.devices.host.session import open_session
from edgernn.graph import Builder, Graph, Scan, Value
from edgernn.graph import operators as ops
from edgernn.owned_folder import write_folder
from edgernn.passes import block_steps
from edgernn.streaming.options import StreamOptions
from edgernn.targets import MICRO, PHONE, Form, Io, Scheme, Target

Array = NDArray[Any]
WIDTH = 3
# What a carry becomes in a step: what another carry was, the step's input, a constant, or itself and the input.
Rule = tuple[str, int]
PATTERNS: dict[str, list[Rule]] = {
    "delay line, to the right": [("x", 0), ("carry", 0), ("carry", 1), ("carry", 2)],
    "delay line, to the left": [("carry", 1), ("carry", 2), ("carry", 3), ("x", 0)],
    "delay line of sums": [("plus", 2), ("carry", 0), ("carry", 1)],
    "swap": [("carry", 1), ("carry", 0)],
    "swap beside a sum": [("carry", 1), ("carry", 0), ("plus", 2)],
    "ring": [("carry", 2), ("carry", 0), ("carry", 1)],
    "stays": [("carry", 0), ("plus", 1)],
    "duplicate": [("x", 0), ("x", 0), ("carry", 0), ("carry", 0)],
    "duplicate of a sum": [("plus", 0), ("same", 0), ("carry", 1)],
    "constant": [("constant", 0), ("carry", 0), ("constant", 0)],
}


def moving(rules: Sequence[Rule], steps: int, *, reverse: bool = False) -> Graph:
    """A loop whose carries become what the rules say; it gives the last of them, and a sequence."""
    random = np.random.default_rng(4)
    b = Builder("model")
    x = b.input("x", (steps, WIDTH))
    body = b.body("step")
    carries = [body.input(f"c{k}", (WIDTH,)) for k in range(len(rules))]
    x_t = body.input("x_t", (WIDTH,))
    constant = body.constant("always", np.arange(WIDTH, dtype="f4"))
    after: list[Value] = []
    for kind, index in rules:
        match kind:
            case "carry":
                after.append(carries[index])
            case "x":
                after.append(x_t)
            case "constant":
                after.append(constant)
            case "plus":
                after.append(body.add(carries[index], x_t))
            case _:
                after.append(after[index])
    seen = body.apply(ops.Binary("maximum"), carries[0], x_t, name="seen")
    starts = [b.constant(f"start{k}", random.standard_normal(WIDTH).astype("f4")) for k in range(len(rules))]
    loop = Scan(body.finish(*after, seen), len(rules), steps, reverse)
    return b.finish(*b.apply_many(loop, *starts, x))


def expected(rules: Sequence[Rule], x: Array, *, reverse: bool = False) -> list[Array]:
    """The same in NumPy, from the rules alone."""
    random = np.random.default_rng(4)
    state = [random.standard_normal(WIDTH).astype("f4") for _ in rules]
    seen = np.zeros_like(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        seen[t] = np.maximum(state[0], x[t])
        new: list[Array] = []
        for kind, index in rules:
            match kind:
                case "carry":
                    new.append(state[index])
                case "x":
                    new.append(x[t])
                case "constant":
                    new.append(np.arange(WIDTH, dtype="f4"))
                case "plus":
                    new.append(state[index] + x[t])
                case _:
                    new.append(new[index])
        state = new
    return [*state, seen]


def options(target: Target, form: Form, stream: StreamOptions | None = None) -> Options:
    return Options("float32", target, form, "float32", "mse", stream)


def contents(graph: Graph) -> Mapping[str, bytes]:
    """The model in every form that a loop is written in."""
    return {
        "while": compile_graph(graph, options(PHONE, "while"), None, {}),
        "blocked": write(block_steps(graph, PHONE.block), "while", {}),
        "unrolled": compile_graph(graph, options(PHONE, "unrolled"), None, {}),
        "variable": compile_graph(graph, options(MICRO, "while-variable"), None, {}),
    }


def check(rules: Sequence[Rule], steps: int, *, reverse: bool = False) -> None:
    graph = moving(rules, steps, reverse=reverse)
    x = np.random.default_rng(1).standard_normal((steps, WIDTH)).astype("f4")
    wanted = expected(rules, x, reverse=reverse)
    for form, content in contents(graph).items():
        moved_inputs(content)
        for runtime in ("litert", "micro"):
            session = open_session(content, runtime)
            for _ in range(2):  # the second call finds what the first one left
                got = session.run({"x": x[None]})
                for info, value in zip(session.outputs, wanted, strict=True):
                    np.testing.assert_allclose(got[info.name][0], value, atol=1e-5, err_msg=f"{form} {runtime}")


def moved_inputs(content: bytes) -> None:
    """No body hands one of its inputs on in another place."""
    file = read_tflite(content)
    for graph in file.subgraphs[1:]:
        places = {index: k for k, index in enumerate(graph.inputs)}
        for k, index in enumerate(graph.outputs):
            assert places.get(index, k) == k


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("steps", [1, 5, 8, 9])
def test_a_loop_hands_on_what_its_body_returns(name: str, steps: int) -> None:
    check(PATTERNS[name], steps)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_of_states(order: tuple[int, ...]) -> None:
    check([("carry", k) for k in order], 7, reverse=True)


INTEGERS: list[tuple[Scheme, Target, Form, Io]] = [
    ("int8", PHONE, "while", "int8"),
    ("int8", PHONE, "unrolled", "float32"),
    ("int16x8", PHONE, "while", "float32"),
    ("int8", MICRO, "while-variable", "int8"),
    ("int16x8", MICRO, "unrolled", "int16"),
]


@pytest.mark.parametrize(("scheme", "target", "form", "io"), INTEGERS, ids=lambda v: getattr(v, "name", None))
@pytest.mark.parametrize("name", PATTERNS)
def test_integers_are_handed_on_too(name: str, scheme: Scheme, target: Target, form: Form, io: Io) -> None:
    graph = moving(PATTERNS[name], 8)
    random = np.random.default_rng(9)
    samples = {"x": random.standard_normal((64, 8, WIDTH)).astype("f4")}
    content = compile_graph(graph, Options(scheme, target, form, io, "minmax"), samples, {})
    moved_inputs(content)
    x = 0.8 * samples["x"][0]
    for runtime in ("litert", "micro"):
        session = open_session(content, runtime)
        got = session.run({"x": session.inputs[0].quantize(x[None])})
        for info, value in zip(session.outputs, expected(PATTERNS[name], x), strict=True):
            np.testing.assert_allclose(info.dequantize(got[info.name])[0], value, atol=0.15, err_msg=runtime)


@pytest.mark.parametrize("name", PATTERNS)
def test_c_hands_on_what_the_body_returns(name: str, tmp_path: Path) -> None:
    graph = moving(PATTERNS[name], 8)
    samples = {"x": np.random.default_rng(9).standard_normal((64, 8, WIDTH)).astype("f4")}
    typed, _ = lower(graph, "int8", "int16", "minmax", samples)
    project = tmp_path / "moving"
    about = {
        "version": "0",
        "source": "",
        "parameters": 0,
        "macs": 0,
        "macs_per_step": 0,
        "scheme": "int8",
        "io": "int16",
    }
    write_folder(project, project_files(write_functions(typed, "moving"), "moving", about))
    session = open_session(project, "c")
    x = samples["x"][0]
    got = session.run({session.inputs[0].name: session.inputs[0].quantize(x[None])})
    for info, value in zip(session.outputs, expected(PATTERNS[name], x), strict=True):
        np.testing.assert_allclose(info.dequantize(got[info.name])[0], value, atol=0.02)


@given(data=st.data(), steps=st.integers(1, 12), reverse=st.booleans())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_body(data: st.DataObject, steps: int, reverse: bool) -> None:
    count = data.draw(st.integers(1, 5))
    kinds = st.sampled_from(["carry", "x", "constant", "plus"])
    rules = data.draw(st.lists(st.tuples(kinds, st.integers(0, count - 1)), min_size=count, max_size=count))
    check(rules, steps, reverse=reverse)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("state", ["io", "internal"])
@pytest.mark.parametrize("hop", [1, 4])
def test_a_stream_hands_on_what_the_body_returns(name: str, state: Any, hop: int) -> None:
    rules, steps = PATTERNS[name], 8
    graph = moving(rules, steps)
    x = np.random.default_rng(1).standard_normal((steps, WIDTH)).astype("f4")
    wanted = expected(rules, x)
    for target, runtimes in ((PHONE, ("litert", "micro")), (MICRO, ("litert", "micro"))):
        content = compile_graph(graph, options(target, target.form, StreamOptions(hop, state=state)), None, {})
        for runtime in runtimes:
            session = open_session(content, runtime)
            fed = {info.name: np.zeros(info.shape, info.dtype) for info in session.inputs}
            starts = {f"c{k}": array for k, array in enumerate(initial(len(rules)))}
            fed.update({key: starts[key][None] for key in fed if key in starts})
            for start in range(0, steps, hop):
                fed["x"] = x[start : start + hop].reshape(fed["x"].shape)
                got = session.run(fed)
                fed.update({key: got[f"{key}_next"] for key in fed if f"{key}_next" in got})
            answers = [info for info in session.outputs if not info.name.endswith("_next")]
            for info, value in zip(answers, wanted, strict=True):
                last = value[-hop:].reshape(info.shape) if info is answers[-1] else value[None]
                np.testing.assert_allclose(got[info.name], last, atol=1e-5, err_msg=f"{info.name} {runtime}")


def initial(count: int) -> list[Array]:
    random = np.random.default_rng(4)
    return [random.standard_normal(WIDTH).astype("f4") for _ in range(count)]
