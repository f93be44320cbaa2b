"""Biases as columns of weights: the same function in float, hardly another one in integers, and refused where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recurrent_graphs import graph_of, noise

import edgernn.quantization.bias_columns as bias_columns
from edgernn.calibration import Statistics, calibrate
from edgernn.graph import Graph, Node, Scan, map_bodies
from edgernn.graph import operators as ops
from edgernn.passes import join_operands, simplify
from edgernn.quantization import fold_biases
from edgernn.quantization.rounding import round_to_data
from edgernn.reference import evaluate

CASES = [("lstm", 1), ("gru-after", 1), ("gru-before", 2), ("simple-rnn", 1)]


def joined(kind: str) -> tuple[Graph, Statistics]:
    graph = map_bodies(simplify(graph_of(kind, features=5, units=48, steps=12)), join_operands)
    return graph, calibrate(graph, noise(graph))


def products(graph: Graph) -> list[Node]:
    """Of the loop's body."""
    (scan,) = [node.operator for node in graph.nodes if isinstance(node.operator, Scan)]
    assert isinstance(scan, Scan)
    return [node for node in scan.body.nodes if isinstance(node.operator, ops.Affine)]


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_the_float_function_stays_and_the_bias_is_a_column(kind: str, count: int) -> None:
    graph, statistics = joined(kind)
    folded, _ = fold_biases(graph, statistics)
    without = [node for node in products(folded) if len(node.inputs) == 2]
    assert len(without) == count
    for node in without:
        assert node.inputs[1].shape == (node.output.shape[0], node.inputs[0].shape[0])
    x = noise(graph)
    name = graph.outputs[0].name
    np.testing.assert_allclose(evaluate(folded, x)[name], evaluate(graph, x)[name], atol=1e-5)


@pytest.mark.parametrize(("kind", "count"), CASES)
def test_the_statistics_are_those_of_a_calibration_of_the_folded_graph(kind: str, count: int) -> None:
    graph, statistics = joined(kind)
    folded, ours = fold_biases(graph, statistics)
    anew = calibrate(folded, noise(graph))
    for node in products(folded):
        together, columns = node.inputs[0], node.inputs[1].shape[1]
        assert (ours.ranges[together].low, ours.ranges[together].high) == (
            anew.ranges[together].low,
            anew.ranges[together].high,
        )
        wanted = anew.moments[together]
        ending = len(ours.moments[together])
        assert ending == columns + (len(node.inputs) == 3)
        np.testing.assert_allclose(ours.moments[together], wanted[:ending, :ending], atol=1e-4)


def test_a_constant_column_rounds_as_well_as_a_bias() -> None:
    """Where the inputs have means; the rounding error of the bias is then theirs to absorb."""
    random = np.random.default_rng(3)
    x = random.normal(0.3, 0.5, (4000, 24))
    kernel, bias = random.uniform(-0.3, 0.3, (64, 24)), random.uniform(-1, 1, 64)
    scales = np.abs(kernel).max(keepdims=True).reshape(-1) / 127
    v = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    weights, shifted = round_to_data(kernel, scales, v.T @ v / len(v), bias)
    one = np.abs(bias).max() / np.abs(kernel).max()
    wide = np.concatenate([x, np.full((len(x), 1), one)], axis=1)
    columns, none = round_to_data(
        np.concatenate([kernel, bias[:, None] / one], axis=1), scales, wide.T @ wide / len(wide)
    )
    assert none.size == 0
    truth = x @ kernel.T + bias
    apart = np.sqrt(np.mean((x @ (weights * scales).T + shifted - truth) ** 2))
    folded = np.sqrt(np.mean((wide @ (columns * scales).T - truth) ** 2))
    assert folded <= 1.15 * apart


def kept(graph: Graph, statistics: Statistics) -> bool:
    return all(len(node.inputs) == 3 for node in products(fold_biases(graph, statistics)[0]))


@pytest.mark.parametrize(("mean", "times", "columns"), [(0.5, 10, 1), (0.0, 10, 2), (0.0, 60, 0)])
def test_a_bias_takes_several_columns_or_stays_where_one_would_spoil_it(mean: float, times: int, columns: int) -> None:
    """Large biases: only where inputs have means does their rounding error come to nothing."""
    graph, statistics = joined("lstm")
    (product,) = products(graph)
    large = replace(product.inputs[2], data=times * product.inputs[2].constant)

    def with_large_biases(body: Graph) -> Graph:
        inputs = (*product.inputs[:2], large)
        return replace(body, nodes=tuple(replace(n, inputs=inputs) if n is product else n for n in body.nodes))

    graph = map_bodies(graph, with_large_biases)
    moments = statistics.moments[product.inputs[0]]
    centred = np.diag(np.diag(moments)[:-1])
    v = np.full(len(moments) - 1, mean)
    found = np.block([[centred + np.outer(v, v), v[:, None]], [v[None], np.ones((1, 1))]])
    statistics = Statistics(statistics.ranges, {**statistics.moments, product.inputs[0]: found})
    folded, _ = fold_biases(graph, statistics)
    assert products(folded)[0].inputs[1].shape[1] == product.inputs[1].shape[1] + columns
    x = noise(graph)
    name = graph.outputs[0].name
    np.testing.assert_allclose(evaluate(folded, x)[name], evaluate(graph, x)[name], atol=1e-4)


@pytest.mark.parametrize(("name", "number"), [("FEWEST_ROWS", 1000), ("MOST_COLUMNS", 10), ("WIDEST", 0.01)])
def test_a_bias_stays_where_a_column_does_not_pay_or_fit(
    name: str, number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, statistics = joined("lstm")
    monkeypatch.setattr(bias_columns, name, number)
    assert kept(graph, statistics)


def test_a_join_that_something_else_reads_stays() -> None:
    graph, statistics = joined("lstm")
    (node,) = [node for node in graph.nodes if isinstance(node.operator, Scan)]
    scan = node.operator
    assert isinstance(scan, Scan)
    (together,) = {product.inputs[0] for product in products(graph)}
    body = replace(scan.body, outputs=(*scan.body.outputs, together))
    wider = replace(together, name="all", shape=(scan.steps, *together.shape))
    loop = replace(node, operator=replace(scan, body=body), outputs=(*node.outputs, wider))
    changed = replace(graph, nodes=tuple(loop if each is node else each for each in graph.nodes))
    assert kept(changed, statistics)
