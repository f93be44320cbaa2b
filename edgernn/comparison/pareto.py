"""Pareto fronts: the rows that nothing beats at both the score and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgernn.comparison.results import Row
from edgernn.comparison.rows import gain

COSTS = ("bytes", "arena_bytes", "latency_us")


def fronts(rows: Sequence[Row], metric: str) -> tuple[tuple[Row, ...], Mapping[str, tuple[str, ...]]]:
    """Mark the rows that are on a front.

    A row is on it unless another has a score at least as good at no more cost, and is better in one of the two. Rows
    that are equal in both are on it together. Rows without a score or without the cost are not.

    Returns:
        The rows, and for each cost that any row with a score has, the ids of its front, from the cheapest on.
    """
    found = {cost: _front(rows, cost, metric) for cost in COSTS}
    kept = {cost: ids for cost, ids in found.items() if ids}
    marked = tuple(replace(row, fronts=tuple(cost for cost, ids in kept.items() if row.id in ids)) for row in rows)
    return marked, kept


def _front(rows: Sequence[Row], cost: str, metric: str) -> tuple[str, ...]:
    points = []
    for row in rows:
        paid = getattr(row, cost)
        if row.score is not None and paid is not None:
            points.append((float(paid), gain(metric, row.score, 0.0), row.id))
    beaten = {
        id for paid, good, id in points if any(p <= paid and g >= good and (p < paid or g > good) for p, g, _ in points)
    }
    return tuple(id for _, _, id in sorted(points, key=lambda point: point[:2]) if id not in beaten)
