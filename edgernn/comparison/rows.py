"""From records to rows: what the artifacts of all seeds have in common, and the mean of what they have not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median, median_low, stdev
from typing import Literal

from edgernn.comparison.plan import FULL
from edgernn.comparison.records import CNN, NO_CELL, Artifact, Model, Task
from edgernn.comparison.results import CurvePoint, Row
from edgernn.report.palette import cell_name

WAY = 0.95  # from the naive baseline to the best score; epochs are counted to there


@dataclass(frozen=True)
class Run:
    """A model and one of its artifacts; the artifact is None if its model failed before there was any."""

    model: Model
    artifact: Artifact | None

    @property
    def failed(self) -> str:
        """Why there is nothing, or empty."""
        return self.artifact.failed if self.artifact is not None else self.model.failed

    @property
    def row_id(self) -> str:
        """The row that it belongs to: the same of all seeds; of somebody else's file the artifact's own."""
        if self.artifact is None:
            return f"{self.model.cell}-{self.model.units}"
        if self.model.cell == NO_CELL:
            return self.artifact.id
        return f"{self.model.cell}-{self.model.units}-{self.artifact.scheme}-{self.artifact.target}"


def runs_by_row(models: Sequence[Model], artifacts: Sequence[Artifact]) -> dict[str, list[Run]]:
    """All runs by the id of their row, in the order of the models; models on a share of the data make no rows."""
    made: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        made.setdefault(artifact.model, []).append(artifact)
    found: dict[str, list[Run]] = {}
    for model in models:
        if model.fraction != FULL:
            continue
        runs = [Run(model, artifact) for artifact in made.get(model.id, ())]
        if not runs and model.failed:
            runs = [Run(model, None)]
        for run in runs:
            found.setdefault(run.row_id, []).append(run)
    return found


def rows(
    task: Task, models: Sequence[Model], artifacts: Sequence[Artifact], threshold: float | None
) -> tuple[Row, ...]:
    """A row for every combination, also for those that failed, then one for every baseline.

    Args:
        task: its metric says which direction is better.
        models: those on all of the training data make rows.
        artifacts: of these models.
        threshold: the validation score that epochs are counted to, as `epoch_threshold` gives it.
    """
    networks = [_row(id, runs, task.metric, threshold) for id, runs in runs_by_row(models, artifacts).items()]
    baselines = [Row(known.name, known.name, "baseline", score=known.score) for known in task.baselines]
    return (*networks, *baselines)


def _row(id: str, runs: Sequence[Run], metric: str, threshold: float | None) -> Row:
    first = runs[0]
    model, artifact = first.model, first.artifact
    reasons = [run.failed for run in runs if run.failed]
    well = [(run.model, run.artifact) for run in runs if not run.failed and run.artifact is not None]
    files = [made for _, made in well]
    typical = sorted((made for made in files if made.bytes is not None), key=lambda made: made.bytes or 0)
    middle = typical[(len(typical) - 1) // 2] if typical else None
    scores = _known(made.score for made in files)
    lost = [score_lost(trained, made, metric) for trained, made in well]
    return Row(
        id,
        model.id if model.cell == NO_CELL else f"{cell_name(model.cell)} {model.units}",
        _kind(model.cell),
        model.cell,
        model.units if model.cell != NO_CELL else None,
        artifact.scheme if artifact else "",
        artifact.target if artifact else "",
        model.matched,
        seeds=len(well),
        failures=len(reasons),
        reason=reasons[0] if reasons else "",
        parameters=_whole(trained.parameters for trained, _ in well),
        recurrent_parameters=_whole(trained.recurrent_parameters for trained, _ in well),
        macs=_whole(trained.macs for trained, _ in well),
        macs_per_step=_whole(trained.macs_per_step for trained, _ in well),
        bytes=middle.bytes if middle else None,
        categories=middle.categories if middle else {},
        arena_bytes=_whole(made.arena_bytes for made in files),
        activation_bytes=_whole(made.activation_bytes for made in files),
        latency_us=_median(made.latency.p50 for made in files if made.latency is not None),
        cold_start_us=_median(made.cold_start_us for made in files),
        rss_bytes=_whole(made.rss_bytes for made in files),
        epoch_seconds=_median(trained.epoch_seconds for trained, _ in well),
        epochs_to_score=_epochs([trained for trained, _ in well], threshold, metric),
        score=_mean(scores),
        score_spread=stdev(scores) if len(scores) > 1 else None,
        float_score=_mean(_known(trained.score for trained, _ in well)),
        score_lost=_mean(_known(lost)),
        relative_error=_median(made.relative_error for made in files),
    )


def _kind(cell: str) -> Literal["recurrent", "cnn", "file"]:
    if cell == NO_CELL:
        return "file"
    return "cnn" if cell == CNN else "recurrent"


def gain(metric: str, score: float, than: float) -> float:
    """How much better a score is than another; negative if it is worse, whatever the metric's direction."""
    return than - score if metric == "rmse" else score - than


def score_lost(model: Model, artifact: Artifact, metric: str) -> float | None:
    """What conversion and quantization cost this model; None if either has no score."""
    if model.score is None or artifact.score is None:
        return None
    return gain(metric, model.score, artifact.score)


def epoch_threshold(task: Task, models: Sequence[Model]) -> float | None:
    """The validation score to which epochs are counted: 95 % of the way from the naive answer to the best network.

    The naive answer is the first baseline; without one, the way begins at 0, for rmse at twice the best. The best
    network is the recurrent one (any one if there are none) with the best last validation score, mean over seeds, of
    those on all of the training data. A share of that way means the same for a task of two classes and one of fifty.
    """
    last: dict[tuple[str, int], list[float]] = {}
    for model in models:
        if model.fraction == FULL and model.validation and math.isfinite(model.validation[-1]):
            last.setdefault((model.cell, model.units), []).append(model.validation[-1])
    means = {key: fmean(scores) for key, scores in last.items()}
    reached = [mean for (cell, _), mean in means.items() if cell != CNN] or list(means.values())
    if not reached:
        return None
    best = min(reached) if task.metric == "rmse" else max(reached)
    naive = task.baselines[0].score if task.baselines else 2 * best if task.metric == "rmse" else 0.0
    return naive + WAY * (best - naive)


def epochs_to(model: Model, threshold: float | None, metric: str) -> int | None:
    """The first epoch, counted from 1, whose validation score is as good as the threshold; None if none is."""
    if threshold is None:
        return None
    reached = (epoch for epoch, score in enumerate(model.validation, 1) if gain(metric, score, threshold) >= 0)
    return next(reached, None)


def _epochs(models: Sequence[Model], threshold: float | None, metric: str) -> float | None:
    """The median, where a seed that never reaches the threshold counts as later than all; None if it is the median."""
    if not models:
        return None
    counts = [math.inf if (epochs := epochs_to(model, threshold, metric)) is None else epochs for model in models]
    middle = median(counts)
    if math.isinf(middle):
        middle = median_low(counts)  # exactly half of the seeds reach it: the last of these
    return None if math.isinf(middle) else float(middle)


def curves(models: Sequence[Model]) -> tuple[CurvePoint, ...]:
    """Learning curves: scores of the cells and sizes that were trained on several shares of the data."""
    shared = {(model.cell, model.units) for model in models if model.fraction != FULL}
    points: dict[tuple[str, int, float], list[Model]] = {}
    for model in models:
        known = model.score is not None and math.isfinite(model.score)
        if (model.cell, model.units) in shared and not model.failed and known:
            points.setdefault((model.cell, model.units, model.fraction), []).append(model)
    return tuple(
        CurvePoint(cell, units, fraction, found[0].samples or 0, tuple(_known(model.score for model in found)))
        for (cell, units, fraction), found in sorted(points.items())
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _median(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return median(known) if known else None


def _whole(values: Iterable[int | None]) -> int | None:
    """The lower median: a count that one of the runs has."""
    known = [value for value in values if value is not None]
    return median_low(known) if known else None
