"""Merge the gates of a cell: one matrix product, one sigmoid, for all rows that allow it.

A target pays for every operator and every weight matrix, so the four gates of an LSTM become one Affine of 4 H rows,
cut into [f i o | c], one sigmoid over the first 3 H rows and one tanh over the rest.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np

from edgernn.graph import Graph, Node, Rewrite, Value
from edgernn.graph import operators as ops


def merge_gates(graph: Graph, *, by_function: bool) -> Graph:
    """The graph with its Affines over equal operands merged, then equal functions over neighbouring rows.

    Args:
        graph: a scan's body.
        by_function: merge only rows with the same function behind them: one product more, one split less.
    """
    return _merge_functions(_merge_affines(graph, by_function=by_function))


def _merge_affines(graph: Graph, *, by_function: bool) -> Graph:
    consumers = graph.consumers()

    def function_of(node: Node) -> tuple[str, float]:
        """What is done with a gate's rows: rows with the same fate shall be neighbours."""
        readers = consumers.get(node.output, [])
        if len(readers) == 1 and isinstance(readers[0].operator, ops.Unary):
            return readers[0].operator.function, readers[0].operator.alpha
        return "", 0.0

    groups: dict[object, list[Node]] = {}
    group_of: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.operator, ops.Affine):
            key = node.inputs[: node.operator.operands], function_of(node) if by_function else None
            group_of[node] = groups.setdefault(key, [])
            group_of[node].append(node)

    rewrite = Rewrite()
    done: set[Node] = set()
    for node in graph.nodes:
        if node in done:
            continue
        group = group_of.get(node, [])
        if len(group) < 2:
            rewrite.keep(node)
            continue
        first_of = {function_of(member): k for k, member in reversed(list(enumerate(group)))}
        group = sorted(group, key=lambda member: first_of[function_of(member)])
        rewrite.nodes.extend(_stack_rows(rewrite, group))
        done.update(group)
    return rewrite.graph(graph)


def _stack_rows(rewrite: Rewrite, group: list[Node]) -> list[Node]:
    first = group[0]
    count = first.inputs.index(next(value for value in first.inputs if value.data is not None))
    name = "+".join(member.output.name.rsplit("/", 1)[-1] for member in group)
    prefix = first.output.name.rpartition("/")[0]

    def constant(label: str, data: np.ndarray) -> Value:
        return Value(f"{prefix}/{label}_{name}", data.shape, "float32", data)

    kernels = [
        constant(f"kernel{k}", np.concatenate([member.inputs[count + k].constant for member in group]))
        for k in range(count)
    ]
    biases = [
        member.inputs[-1].constant if len(member.inputs) > 2 * count else np.zeros(member.output.shape[-1], "f4")
        for member in group
    ]
    has_bias = any(len(member.inputs) > 2 * count for member in group)
    rows = sum(member.output.shape[-1] for member in group)
    merged = Value(f"{prefix}/{name}", (*first.output.shape[:-1], rows))
    inputs = (*(rewrite(value) for value in first.inputs[:count]), *kernels)
    inputs += (constant("bias", np.concatenate(biases)),) if has_bias else ()
    pieces = tuple(member.output for member in group)
    return [
        Node(ops.Affine(count, has_bias), inputs, (merged,), first.layer),
        Node(ops.Split(tuple(piece.shape[-1] for piece in pieces), -1), (merged,), pieces, first.layer),
    ]


def _merge_functions(graph: Graph) -> Graph:
    """Turn Split -> same function on neighbouring pieces into Split by function -> function -> Split."""
    consumers = graph.consumers()

    def function_of(value: Value) -> ops.Unary | None:
        readers = consumers.get(value, [])
        if len(readers) == 1 and isinstance(readers[0].operator, ops.Unary):
            return readers[0].operator
        return None

    rewrite = Rewrite()
    done: set[Node] = set()
    for node in graph.nodes:
        if node in done:
            continue
        if not isinstance(node.operator, ops.Split) or not any(function_of(value) for value in node.outputs):
            rewrite.keep(node)
            continue
        (source,) = node.inputs
        runs = [(function, list(pieces)) for function, pieces in groupby(node.outputs, function_of)]
        runs = [part for function, pieces in runs for part in _runs(function, pieces)]
        tops = [_joined(source, pieces) for _, pieces in runs]
        if len(runs) > 1:
            split = replace(node.operator, sizes=tuple(top.shape[-1] for top in tops))
            rewrite.keep(replace(node, operator=split, outputs=tuple(tops)))
        else:
            tops = [source]
        for (function, pieces), top in zip(runs, tops, strict=True):
            if function is None:
                continue
            readers = [consumers[piece][0] for piece in pieces]
            done.update(readers)
            results = tuple(reader.output for reader in readers)
            if len(results) == 1:
                rewrite.nodes.append(Node(function, (rewrite(top),), results, node.layer))
                continue
            whole = Value(f"{results[0].name}_all", top.shape)
            sizes = tuple(result.shape[-1] for result in results)
            rewrite.nodes.append(Node(function, (rewrite(top),), (whole,), node.layer))
            rewrite.nodes.append(Node(ops.Split(sizes, -1), (whole,), results, node.layer))
    return rewrite.graph(graph)


def _runs(function: ops.Unary | None, pieces: list[Value]) -> list[tuple[ops.Unary | None, list[Value]]]:
    """Pieces that no function reads stay apart, since each has its own reader."""
    return [(None, [piece]) for piece in pieces] if function is None else [(function, pieces)]


def _joined(source: Value, pieces: list[Value]) -> Value:
    if len(pieces) == 1:
        return pieces[0]
    rows = sum(piece.shape[-1] for piece in pieces)
    return Value(f"{pieces[0].name}_rows", (*source.shape[:-1], rows))
