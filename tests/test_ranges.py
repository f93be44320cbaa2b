"""What calibration counts does not depend on how it was shown, and tells what the numbers themselves tell."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recurrent_graphs import KINDS, graph_of, noise

from edgernn import calibration
from edgernn.calibration import calibrate
from edgernn.compiler import Options, compile_graph
from edgernn.converters.c.compile import lower
from edgernn.graph import Builder, Graph
from edgernn.quantization.scales import from_range
from edgernn.ranges import CLIP_METHODS, Range, clip, with_room
from edgernn.targets import TARGETS

numbers = st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=300).map(lambda v: np.asarray(v, "f4"))
shares = st.floats(0, 1)


def alike(a: Range, b: Range) -> bool:
    return (a.low, a.high) == (b.low, b.high) and bool(
        np.array_equal(a.cells, b.cells) and np.array_equal(a.counts, b.counts)
    )


@given(numbers, st.randoms(use_true_random=False), st.integers(1, 7))
def test_order_and_pieces_mean_nothing(values: np.ndarray, random: object, pieces: int) -> None:
    whole = Range.of(values)
    order = np.random.default_rng(random.randrange(1 << 30)).permutation(len(values))  # type: ignore[attr-defined]
    parts = [Range.of(part) for part in np.array_split(values[order], pieces) if part.size]
    assert alike(functools.reduce(Range.union, parts), whole)


@given(numbers, st.integers(2, 5))
def test_the_same_numbers_again_change_no_choice(values: np.ndarray, times: int) -> None:
    once, often = Range.of(values), Range.of(np.tile(values, times))
    for method in CLIP_METHODS:
        if len(values) > 1:
            np.testing.assert_allclose(clip(often, method, bits=8), clip(once, method, bits=8), rtol=1e-9, atol=1e-30)
    a, b = with_room(once), with_room(often)
    np.testing.assert_allclose([a.low, a.high], [b.low, b.high], rtol=1e-6, atol=1e-30)


@given(numbers, shares)
def test_a_quantile_lies_in_the_cell_of_the_true_one(values: np.ndarray, share: float) -> None:
    found = Range.of(values).quantile(share)
    low, high = np.quantile(values, share, method="lower"), np.quantile(values, share, method="higher")
    grace = np.abs([low, high]).max() / 32 + 1e-30
    below, above = np.sum(values < found - grace), np.sum(values > found + grace)
    assert below <= share * len(values) + 1e-6 * len(values)
    assert above <= (1 - share) * len(values) + 1e-6 * len(values)


@given(numbers, st.floats(-10, 10), st.floats(0.1, 20))
@settings(max_examples=100, deadline=None)
def test_what_lies_beyond_is_counted_but_for_the_cells_at_the_ends(
    values: np.ndarray, low: float, width: float
) -> None:
    high = low + width
    found = Range.of(values).beyond(low, high)

    def share(near: float) -> float:
        grace = near * np.asarray([-abs(low) - 1e-9, abs(high) + 1e-9]) / 30
        return float(np.mean((values < low + grace[0]) | (values > high + grace[1])))

    assert share(1.0) - 1e-9 <= found <= share(-1.0) + 1e-9


@given(numbers)
def test_a_cell_holds_its_numbers(values: np.ndarray) -> None:
    range_ = Range.of(values)
    low, high = range_.edges
    assert (low <= high).all()
    assert range_.total == len(values)
    for value in values:
        assert ((low <= value) & (value <= high)).any()


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential", "standard_t", "random"])
@pytest.mark.parametrize("count", [200, 3000])
def test_an_output_has_room_for_what_comes_later(draw: str, count: int) -> None:
    """Of as many numbers again, hardly one is beyond; and the range is hardly wider than it must be."""
    passed, width = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        seen, later = getattr(random, draw)(*([4] if draw == "standard_t" else []), size=(2, count)).astype("f4")
        room = with_room(Range.of(seen))
        low, high = min(room.low, 0.0), max(room.high, 0.0)
        passed.append(((later > high) | (later < low)).sum())
        width.append((high - low) / np.ptp(np.append(seen, 0)))
    assert np.mean(passed) < 0.8, "of twice as many numbers, one on average would be beyond what was seen on each side"
    assert 1.1 <= np.mean(width) + 1e-6 < 1.6


def artifact(graph: Graph, samples: dict[str, np.ndarray], target: str) -> object:
    if target == "c":
        lowered, _ = lower(graph, "int8", "int8", "minmax", samples)
        return [
            (value.name, value.dtype, value.quantization, None if value.data is None else value.data.tobytes())
            for node in lowered.walk()
            for value in (*node.inputs, *node.outputs)
        ]
    return compile_graph(graph, Options("int8", TARGETS[target], TARGETS[target].form, "int8", "minmax"), samples, {})


@pytest.mark.parametrize("target", ["phone", "micro", "c"])
@pytest.mark.parametrize("kind", KINDS)
def test_how_samples_are_arranged_changes_no_byte(kind: str, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is a power of two, as all who choose one without thought choose it."""
    graph = graph_of(kind, features=8, units=13, steps=32, last=False)
    samples = {"x": noise(graph, samples=64)["x"] * np.geomspace(0.05, 20, 8).astype("f4")}
    first = artifact(graph, samples, target)
    order = np.random.default_rng(5).permutation(64)
    assert artifact(graph, {"x": samples["x"][order]}, target) == first, "another order"
    assert artifact(graph, {"x": np.concatenate([samples["x"]] * 2)}, target) == first, "twice the same"
    monkeypatch.setattr(calibration, "_BATCH_ELEMENTS", 32 * 13 * 4 * 7)
    assert artifact(graph, samples, target) == first, "other batches"


@given(st.permutations(range(6)))
@settings(max_examples=5, deadline=None)
def test_the_order_of_features_changes_no_scale(order: list[int]) -> None:
    """Of a model whose first product takes them in that order."""
    x = noise(graph_of("lstm", features=6), samples=64)["x"] * np.asarray([0.01, 5, 1, 1, 30, 0.2], "f4")
    kernel = np.random.default_rng(3).normal(size=(7, 6)).astype("f4")

    def scales(order: list[int]) -> list[float]:
        builder = Builder("model")
        given_x = builder.input("x", (8, 6))
        output = builder.affine((given_x, builder.constant("w", kernel[:, order])))
        statistics = calibrate(builder.finish(output), {"x": x[..., order]})
        return [
            from_range(found, "int8", method).scale for found in statistics.ranges.values() for method in CLIP_METHODS
        ]

    np.testing.assert_allclose(scales(order), scales(list(range(6))), rtol=1e-3)


def test_all_steps_and_samples_count() -> None:
    """A loud end and one loud sample are seen, however long the rest is quiet."""
    graph = graph_of("lstm", features=4, units=6, steps=700)
    x = 0.01 * noise(graph, samples=3)["x"]
    x[1, 690:, 2] = 50.0
    statistics = calibrate(graph, {"x": x})
    (inside,) = (node.operator.body.inputs[-1] for node in graph.nodes if hasattr(node.operator, "body"))
    for value in (*graph.inputs, inside):
        found = statistics.ranges[value]
        assert (found.high, found.total) == (50.0, x.size)
        assert found.beyond(-1, 49) == pytest.approx(10 / x.size)
    np.testing.assert_array_equal(statistics.channels[graph.inputs[0]], [x.min(axis=(0, 1)), x.max(axis=(0, 1))])
