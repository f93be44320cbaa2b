"""A bias as more columns of 8-bit weights instead of 64-bit numbers of its own.

A gate's product reads [x_t, h], joined anyway, so a constant element behind them costs a column: a byte per row instead
of eight, and no tensor. A byte is coarse for a bias, but its rounding error is the same at every step, and whatever of
the inputs has a mean can make it good: `round_to_data` sees to that. How well it can is known from the moments. Where
the constant would be too large for the scale that it shares, or its column too coarse, it is taken in several parts, a
column each, of which the last makes good what the first ones' rounding left. A bias that would still suffer stays what
it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from edgernn.calibration import Statistics
from edgernn.graph import Graph, Node, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.quantization.rounding import elimination
from edgernn.ranges import Range

FEWEST_ROWS = 48  # below, the constant costs as many bytes as it saves
MOST_COLUMNS = 500  # beyond, a sum of 8 by 16 bits may not fit the accumulator of 32
MOST_PARTS = 4  # half of the bytes of the bias
WIDEST = 2.0  # of the constant, in what the other elements of the joined vector reach: it shares their scale
LARGEST_SHARE = 0.25  # of the squared error of the other weights' rounding: the error grows by an eighth at most


@dataclass(frozen=True)
class _Join:
    """A joined vector, the products that read it, and the constants behind it that their biases are multiples of."""

    concat: Node
    products: tuple[Node, ...]
    ones: np.ndarray


def fold_biases(graph: Graph, statistics: Statistics) -> tuple[Graph, Statistics]:
    """The graph with biases as columns wherever that costs less and spoils little, and its statistics.

    Args:
        graph: float; products have one operand.
        statistics: from `calibrate`.
    """
    ranges, moments = dict(statistics.ranges), dict(statistics.moments)

    def fold(inner: Graph) -> Graph:
        nodes = list(inner.nodes)
        for join in _joins(inner, statistics):
            together = join.concat.output
            wider = replace(together, shape=(together.shape[0] + len(join.ones),))
            ones = Value(f"{together.name}/one", join.ones.shape, "float32", join.ones)
            ranges[wider] = statistics.ranges[together].union(Range.of(ones.constant))
            moments[wider] = _with_constants(statistics.moments[together], join.ones)
            inputs = (*join.concat.inputs, ones)
            nodes[nodes.index(join.concat)] = replace(join.concat, inputs=inputs, outputs=(wider,))
            for product in join.products:
                nodes[nodes.index(product)] = _folded(product, wider, join.ones)
        return replace(inner, nodes=tuple(nodes))

    folded = fold(map_bodies(graph, fold))
    return folded, replace(statistics, ranges=ranges, moments=moments)


def _joins(graph: Graph, statistics: Statistics) -> list[_Join]:
    consumers = graph.consumers()
    found = []
    for node in graph.nodes:
        if not isinstance(node.operator, ops.Concat) or len(node.output.shape) != 1 or node.output in graph.outputs:
            continue
        readers = consumers.get(node.output, [])
        if not readers or node.output not in statistics.moments:
            continue
        products = tuple(
            reader for reader in readers if isinstance(reader.operator, ops.Affine) and reader.operator.bias
        )
        if len(products) < len(readers) or sum(product.output.shape[0] for product in products) < FEWEST_ROWS:
            continue
        # So large that a kernel's largest weight and its largest bias are the same integer.
        one = max(_largest(product.inputs[2]) / max(_largest(product.inputs[1]), 1e-9) for product in products)
        for parts in range(1, min(MOST_PARTS, MOST_COLUMNS - node.output.shape[0]) + 1):
            ones = np.full(parts, one / parts, "f4")
            fits = 0 < ones[0] <= WIDEST * statistics.ranges[node.output].largest
            if fits and _share(statistics.moments[node.output], ones) <= LARGEST_SHARE:
                found.append(_Join(node, products, ones))
                break
    return found


def _share(moments: np.ndarray, ones: np.ndarray) -> float:
    """The squared error that the biases' rounding leaves, relative to that of the weights, at its worst."""
    kernel_columns = len(moments) - 1
    order, factor = elimination(_with_constants(moments, ones), kernel_columns + len(ones))
    left = 1 / np.diag(factor) ** 2
    constants = left[order >= kernel_columns].sum()
    rest = left.sum() - constants
    return float(constants / rest) if rest > 0 else np.inf


def _with_constants(moments: np.ndarray, ones: np.ndarray) -> np.ndarray:
    """Moments of [x, ones] from those of [x, 1]."""
    columns = np.append(np.arange(len(moments) - 1), [len(moments) - 1] * len(ones))
    scale = np.append(np.ones(len(moments) - 1), ones)
    wider: np.ndarray = moments[np.ix_(columns, columns)] * scale[:, None] * scale[None, :]
    return wider


def _folded(product: Node, together: Value, ones: np.ndarray) -> Node:
    _, kernel, bias = product.inputs
    parts = np.repeat(bias.constant[:, None] / ones.sum(), len(ones), axis=1)
    data = np.concatenate([kernel.constant, parts], axis=1).astype("f4")
    wider = replace(kernel, name=f"{kernel.name}_bias", shape=data.shape, data=data)
    return replace(product, operator=ops.Affine(1, bias=False), inputs=(together, wider))


def _largest(value: Value) -> float:
    return float(np.abs(value.constant).max())
