from hypothesis import given
from hypothesis import strategies as st

from edgernn.comparison.pareto import fronts
from edgernn.comparison.results import Row


def row(id: str, score: float | None, size: int | None, **other: float) -> Row:
    return Row(id, id, "recurrent", seeds=1, score=score, bytes=size, **other)  # type: ignore[arg-type]


def test_a_front_by_hand() -> None:
    rows = [row("cheap", 0.7, 10), row("worse", 0.6, 20), row("good", 0.9, 30), row("dear", 0.9, 40)]
    marked, found = fronts(rows, "accuracy")
    assert found == {"bytes": ("cheap", "good")}
    assert [each.fronts for each in marked] == [("bytes",), (), ("bytes",), ()]


def test_rows_that_are_equal_in_both_are_on_the_front_together() -> None:
    _, found = fronts([row("a", 0.9, 30), row("b", 0.9, 30), row("c", 0.8, 30)], "accuracy")
    assert found["bytes"] == ("a", "b")


def test_less_error_is_better() -> None:
    _, found = fronts([row("a", 0.2, 30), row("b", 0.1, 40), row("c", 0.3, 35)], "rmse")
    assert found["bytes"] == ("a", "b")


def test_rows_without_score_or_cost_are_on_no_front() -> None:
    marked, found = fronts([row("a", None, 30), row("b", 0.5, None)], "accuracy")
    assert found == {}
    assert [each.fronts for each in marked] == [(), ()]


def test_each_cost_has_its_front() -> None:
    rows = [row("a", 0.9, 10, latency_us=50.0), row("b", 0.9, 20, latency_us=40.0, arena_bytes=5)]
    marked, found = fronts(rows, "accuracy")
    assert found == {"bytes": ("a",), "arena_bytes": ("b",), "latency_us": ("b",)}
    assert marked[1].fronts == ("arena_bytes", "latency_us")


POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=20)


@given(POINTS)
def test_nothing_beats_the_front_and_the_front_beats_the_rest(points: list[tuple[int, int]]) -> None:
    rows = [row(str(index), float(score), cost) for index, (score, cost) in enumerate(points)]
    _, found = fronts(rows, "accuracy")
    front = [points[int(id)] for id in found["bytes"]]
    assert front
    for index, (score, cost) in enumerate(points):
        beaten = any(s >= score and c <= cost and (s, c) != (score, cost) for s, c in front)
        assert beaten == (str(index) not in found["bytes"])


@given(POINTS)
def test_a_front_rises_from_the_cheapest_on(points: list[tuple[int, int]]) -> None:
    _, found = fronts([row(str(index), float(score), cost) for index, (score, cost) in enumerate(points)], "accuracy")
    front = [points[int(id)] for id in found["bytes"]]
    assert front == sorted(front)
    assert [cost for _, cost in front] == sorted(cost for _, cost in front)
