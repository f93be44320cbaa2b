"""Passes keep what a graph computes, and do what they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrent_graphs import KINDS, graph_of, noise

from edgernn.graph import Builder, Graph, Scan, map_bodies
from edgernn.graph import operators as ops
from edgernn.graph.verify import verify
from edgernn.passes import (
    block_steps,
    decompose_functions,
    divide_by_reciprocal,
    fold_scales,
    hoist_projections,
    join_operands,
    lift_masks,
    prune,
    separate_operands,
    simplify,
    unroll,
)
from edgernn.reference import UNARY, evaluate

PASSES: dict[str, Callable[[Graph], Graph]] = {
    "simplify": simplify,
    "simplify-by-function": lambda graph: simplify(graph, by_function=True),
    "hoist": lambda graph: prune(hoist_projections(simplify(graph))),
    "join": lambda graph: map_bodies(simplify(graph), join_operands),
    "separate": lambda graph: map_bodies(simplify(graph), separate_operands),
    "unroll": lambda graph: unroll(simplify(graph)),
    "block": lambda graph: block_steps(simplify(graph), 4),
    "hoist-block": lambda graph: block_steps(prune(hoist_projections(simplify(graph))), 4),
}


def operators(graph: Graph) -> Counter[str]:
    return Counter(type(node.operator).__name__ for node in graph.walk())


def check_same(before: Graph, after: Graph, tolerance: float = 2e-6) -> None:
    verify(after)
    inputs = noise(before)
    expected, got = evaluate(before, inputs), evaluate(after, inputs)
    for wanted, found in zip(expected.values(), got.values(), strict=True):
        np.testing.assert_allclose(found, wanted, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", PASSES)
@given(
    kind=st.sampled_from(KINDS),
    features=st.integers(1, 5),
    units=st.integers(1, 7),
    steps=st.integers(1, 9),
    reverse=st.booleans(),
    last=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_a_pass_keeps_the_function(
    name: str, kind: str, features: int, units: int, steps: int, reverse: bool, last: bool
) -> None:
    graph = graph_of(kind, features, units, steps, reverse=reverse, last=last)
    check_same(graph, PASSES[name](graph))


def test_gates_become_one_product() -> None:
    body = operators(simplify(graph_of("lstm")))
    assert body["Affine"] == 1
    assert body["Split"] == 1
    assert body["Unary"] == 5  # four gates, tanh of the cell state


def test_gates_by_function_share_one_sigmoid() -> None:
    body = operators(simplify(graph_of("lstm"), by_function=True))
    assert body["Affine"] == 2
    assert body["Split"] == 1
    assert body["Unary"] == 3  # sigmoid of three gates, tanh of the candidate, tanh of the cell state


def test_gates_of_one_function_share_it_in_any_case() -> None:
    body = operators(simplify(graph_of("gru-after")))
    assert body["Split"] == 1
    assert body["Unary"] == 2  # sigmoid of two gates, tanh of the candidate


def test_the_textbook_gru_keeps_its_candidate_apart() -> None:
    assert operators(simplify(graph_of("gru-before")))["Affine"] == 2


def test_hoisting_leaves_no_input_in_the_loop() -> None:
    graph = prune(hoist_projections(simplify(graph_of("gru-after", features=3, units=5))))
    (scan,) = [node.operator for node in graph.nodes if isinstance(node.operator, Scan)]
    kernels = [node.inputs[1] for node in scan.body.nodes if isinstance(node.operator, ops.Affine)]
    assert all(kernel.shape[1] == 5 for kernel in kernels)


def test_blocks_take_the_largest_divisor() -> None:
    for steps, iterations in ((8, 2), (9, 3), (6, 2), (7, 7), (10, 5)):
        graph = block_steps(simplify(graph_of("gru-after", steps=steps)), 4)
        (scan,) = [node.operator for node in graph.nodes if isinstance(node.operator, Scan)]
        assert scan.steps == iterations


def test_unrolling_shares_the_weights() -> None:
    graph = unroll(simplify(graph_of("lstm", steps=6)))
    kernels = {value for node in graph.nodes if isinstance(node.operator, ops.Affine) for value in node.inputs[2:4]}
    assert len(kernels) == 2
    assert operators(graph)["Scan"] == 0


def test_an_unread_sequence_is_dropped() -> None:
    graph = prune(graph_of("lstm", last=True))
    (node,) = [node for node in graph.nodes if isinstance(node.operator, Scan)]
    assert len(node.outputs) == 2


def test_batch_normalization_folds_into_the_product() -> None:
    b = Builder("model")
    x = b.input("x", (4, 3))
    random = np.random.default_rng(0)
    dense = b.affine((x, b.constant("W", random.normal(size=(5, 3)))), bias=b.constant("b", random.normal(size=5)))
    scaled = b.multiply(dense, b.constant("gamma", random.normal(size=5)))
    graph = b.finish(b.add(scaled, b.constant("beta", random.normal(size=5))))
    folded = fold_scales(graph)
    assert operators(folded) == Counter(Affine=1)
    check_same(graph, folded)


def test_a_product_with_two_readers_is_not_folded() -> None:
    b = Builder("model")
    x = b.input("x", (3,))
    dense = b.affine((x, b.constant("W", np.eye(3))))
    graph = b.finish(b.multiply(dense, b.constant("s", np.full(3, 2.0))), dense)
    check_same(graph, fold_scales(graph))


@pytest.mark.parametrize("function", sorted(set(UNARY) - {"log", "rsqrt", "reciprocal"}))
def test_formulas_are_the_functions(function: ops.UnaryFunction) -> None:
    b = Builder("model")
    graph = b.finish(b.apply(ops.Unary(function, 0.3), b.input("x", (400,))))
    formula = decompose_functions(
        graph, ("sigmoid", "tanh", "relu", "relu6", "leaky_relu", "abs", "exponential", "log")
    )
    inputs = {"x": np.linspace(-12, 8, 400, dtype="f4")[None]}
    ((wanted,), (found,)) = (tuple(evaluate(g, inputs).values()) for g in (graph, formula))
    np.testing.assert_allclose(found, wanted, atol=2e-6, rtol=2e-6)


def test_division_becomes_a_product() -> None:
    b = Builder("model")
    x, y = b.input("x", (9,)), b.input("y", (9,))
    graph = b.finish(b.apply(ops.Binary("div"), x, y))
    product = divide_by_reciprocal(graph)
    assert operators(product) == Counter(Unary=1, Binary=1)
    check_same(graph, product, tolerance=1e-3)


def test_a_mask_of_an_input_becomes_an_input() -> None:
    b = Builder("model")
    x = b.input("x", (4, 3))
    mask = b.apply(ops.Differs(-1.5, rows=True), x)
    shaped = b.apply(ops.Reshape((4, 1)), mask)
    graph = b.finish(b.apply(ops.Select(), shaped, x, b.constant("zero", np.zeros(1))))
    lifted, masks = lift_masks(graph)
    assert [(mask.name, mask.source, mask.value) for mask in masks] == [("x_mask", "x", -1.5)]
    assert [value.name for value in lifted.inputs] == ["x", "x_mask"]
    inputs = noise(graph)
    inputs["x"][:, 2] = -1.5
    kept = (inputs["x"] != -1.5).any(-1)
    (wanted,) = evaluate(graph, inputs).values()
    (found,) = evaluate(lifted, {**inputs, "x_mask": kept}).values()
    np.testing.assert_array_equal(found, wanted)
