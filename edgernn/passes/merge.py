"""Merge the gates of a cell: one matrix product, one sigmoid, for all rows that allow it.

A target pays for every operator and every weight matrix, so the four gates of an LSTM become one Affine of 4 H rows,
cut into f, i, o and c; or, by function, one of 3 H rows with one sigmoid over all of them, and one of H rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgernn.graph import Graph, Node, Rewrite, Value
from edgernn.graph import operators as ops

_SATURATING = ("sigmoid", "tanh", "hard_sigmoid")


def merge_gates(graph: Graph, *, by_function: bool) -> Graph:
    """The graph with its Affines over equal operands merged, then equal functions over neighbouring rows.

    Args:
        graph: a scan's body.
        by_function: merge only rows with the same function behind them: one product more, two calls less. Else all
            rows whose functions saturate, which can share a scale, and others by function.
    """
    return _merge_functions(_merge_affines(graph, by_function=by_function))


def _merge_affines(graph: Graph, *, by_function: bool) -> Graph:
    consumers = graph.consumers()

    def function_of(node: Node) -> tuple[str, float]:
        """What is done with a gate's rows."""
        readers = consumers.get(node.output, [])
        if len(readers) == 1 and isinstance(readers[0].operator, ops.Unary):
            return readers[0].operator.function, readers[0].operator.alpha
        return "", 0.0

    groups: dict[object, list[Node]] = {}
    group_of: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if isinstance(node.operator, ops.Affine):
            function = function_of(node)
            kind: object = None if function[0] in _SATURATING and not by_function else function
            key = node.inputs[: node.operator.operands], kind
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
    """Turn Split -> one function on every piece into function -> Split.

    Pieces with different functions are split once and stay apart: a second split would cost more than the calls.
    """
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
        functions = {function_of(value) for value in node.outputs}
        function = functions.pop() if len(functions) == 1 else None
        if not isinstance(node.operator, ops.Split) or function is None:
            rewrite.keep(node)
            continue
        (source,) = node.inputs
        readers = [consumers[piece][0] for piece in node.outputs]
        done.update(readers)
        results = tuple(reader.output for reader in readers)
        whole = Value(f"{results[0].name}_all", source.shape)
        rewrite.nodes.append(Node(function, (rewrite(source),), (whole,), node.layer))
        rewrite.nodes.append(replace(node, inputs=(whole,), outputs=results))
    return rewrite.graph(graph)
