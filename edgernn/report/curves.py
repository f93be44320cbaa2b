"""Curves: the validation score over epochs, and the test score over shares of the training data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from edgernn.comparison.records import Model
from edgernn.comparison.results import CurvePoint, Results
from edgernn.report.canvas import Plot, legend, name_part, new_figure
from edgernn.report.palette import DASHES, GREY, cell_name, cell_style, in_order
from edgernn.report.table import score_column

MOST_SIZES = 6  # plots of training; more would be a wall


def training_plots(results: Results) -> list[Plot]:
    """For each number of units a plot with a curve for each cell: mean over seeds, band from lowest to highest."""
    trained: dict[int, dict[str, list[Model]]] = defaultdict(lambda: defaultdict(list))
    for model in results.models:
        if model.validation and model.fraction == 1 and not model.matched and not model.failed:
            trained[model.units][model.cell].append(model)
    found = [_training_plot(results, units, trained[units]) for units in sorted(trained)[:MOST_SIZES]]
    if len(trained) > MOST_SIZES:
        left = f" Not drawn: {', '.join(map(str, sorted(trained)[MOST_SIZES:]))} units."
        found[-1] = replace(found[-1], caption=found[-1].caption + left)
    return found


def _training_plot(results: Results, units: int, trained: dict[str, list[Model]]) -> Plot:
    from matplotlib.ticker import MaxNLocator

    score = score_column(results)
    factor = 100 if score.unit == "%" else 1
    figure, axes = new_figure(300)
    hints, ends, handles = {}, [], []
    for cell in in_order(list(trained)):
        color, marker = cell_style(cell)
        runs = [model.validation for model in trained[cell]]
        epochs = range(1, min(map(len, runs)) + 1)
        columns = [[factor * run[epoch - 1] for run in runs] for epoch in epochs]
        means = [fmean(column) for column in columns]
        if len(runs) > 1:
            band = axes.fill_between(epochs, [*map(min, columns)], [*map(max, columns)], color=color, alpha=0.18, lw=0)
            band.set_zorder(1)
        (line,) = axes.plot(
            epochs,
            means,
            color=color,
            lw=1.8,
            marker=marker,
            ms=5.5,
            markevery=max(1, len(means) // 5),
            label=cell_name(cell),
        )
        handles.append(line)
        end = score.show(means[-1] / factor) + f" {score.unit}".rstrip()
        hints[name_part(line, f"cell-{cell}")] = f"{cell_name(cell)} {units}: {end} after {len(means)} epochs"
        ends.append(f"{cell_name(cell)} {end}")
    if results.threshold is not None:
        axes.axhline(factor * results.threshold, color=GREY, ls=(0, (4, 2)), lw=1.3, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"validation {score.title.lower() if score.unit else score.heading}")
    legend(figure, handles)
    seeds = max(len(runs) for runs in trained.values())
    what = f"mean of {seeds} seeds; the bands go from the lowest to the highest" if seeds > 1 else "one seed"
    caption = f"Validation score by epoch, {what}. At the end: {', '.join(ends)}."
    if results.threshold is not None:
        goal = f"{score.show(results.threshold)} {score.unit}".rstrip()
        caption += f" The dashed line at {goal} is the score to which epochs are counted."
    return Plot(f"training-{units}", f"Training, {units} units", caption, figure, hints)


def learning_plots(results: Results) -> list[Plot]:
    """The test score of float models trained on a share of the data, if several shares were tried."""
    from matplotlib.ticker import FuncFormatter

    points = [point for point in results.curves if point.scores]
    if len({point.fraction for point in points}) < 2:
        return []
    score = score_column(results)
    factor = 100 if score.unit == "%" else 1
    figure, axes = new_figure(320)
    sizes = sorted({point.units for point in points})
    hints, handles, words = {}, [], []
    cells = in_order([point.cell for point in points])
    for index, cell in enumerate(cells):
        for size, units in enumerate(sizes):
            line = sorted((p for p in points if (p.cell, p.units) == (cell, units)), key=lambda p: p.fraction)
            if not line:
                continue
            color, marker = cell_style(cell)
            shift = (index - (len(cells) - 1) / 2) * 0.8  # so that whiskers stand beside each other
            means = [factor * fmean(point.scores) for point in line]
            whiskers = [
                [mean - factor * min(point.scores) for mean, point in zip(means, line, strict=True)],
                [factor * max(point.scores) - mean for mean, point in zip(means, line, strict=True)],
            ]
            container = axes.errorbar(
                [100 * point.fraction + shift for point in line],
                means,
                yerr=whiskers,
                color=color,
                marker=marker,
                ms=6.5,
                lw=1.8,
                ls=DASHES[size % len(DASHES)],
                elinewidth=1.2,
                capsize=3,
                label=f"{cell_name(cell)} {units}",
            )
            label = f"{cell_name(cell)} {units}"
            handles.append(container.lines[0])
            container.lines[0].set_label(label)
            hints[name_part(container.lines[0], f"cell-{cell}-{units}")] = f"{label}: " + _in_words(results, line)
            words.append(f"{label}: {_in_words(results, line)}")
    axes.set_xticks(sorted({100 * point.fraction for point in points}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("share of the training samples, %")
    axes.set_ylabel(score.title.lower() if score.unit else score.heading)
    legend(figure, handles)
    shown = ". ".join(words[:4])
    caption = f"Test score of the float models; the whiskers go from the lowest seed to the highest. {shown}."
    return [Plot("learning", "Less training data", caption, figure, hints)]


def _in_words(results: Results, line: Sequence[CurvePoint]) -> str:
    score = score_column(results)
    return ", ".join(
        f"{score.show(fmean(point.scores))} {score.unit}".rstrip() + f" from {point.samples:,} samples"
        for point in line
    )
