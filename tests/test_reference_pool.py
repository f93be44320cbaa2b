"""Pools of the float reference against their definition, one window at a time."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from edgernn.graph import Graph, Node, Value
from edgernn.graph import operators as ops
from edgernn.reference import evaluate, same_padding


def pooled(function: Literal["mean", "max"], x: np.ndarray, size: int, stride: int, *, same: bool) -> np.ndarray:
    steps, width = x.shape[1:]
    count = -(-steps // stride) if same else (steps - size) // stride + 1
    given, found = Value("x", (steps, width), "float32"), Value("y", (count, width), "float32")
    node = Node(ops.Pool(function, size, stride, same), (given,), (found,))
    return evaluate(Graph("pool", (given,), (found,), (node,)), {"x": x})["y"]


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 2), (3, 2), (4, 1), (5, 3)])
@pytest.mark.parametrize("function", ["mean", "max"])
def test_what_is_padded_takes_no_part_and_nan_is_told_on(
    function: Literal["mean", "max"], size: int, stride: int, same: bool
) -> None:
    x = np.random.default_rng(size).normal(-3, 1, (2, 11, 3)).astype("f4")
    x[1, 4, 2], x[0, 7] = np.nan, -np.inf
    found = pooled(function, x, size, stride, same=same)
    begin = same_padding(11, size, stride)[0] if same else 0
    for k in range(found.shape[1]):
        window = x[:, max(0, k * stride - begin) : k * stride - begin + size]
        expected = window.mean(1) if function == "mean" else window.max(1)
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-5)
