"""All plots of a comparison, as PNG files or as SVG to put into a page."""

from __future__ import annotations

import os
from pathlib import Path

from edgernn.comparison.results import Results
from edgernn.files import atomic_write
from edgernn.report.bars import breakdown_plots, scheme_plots
from edgernn.report.canvas import Plot, png, style
from edgernn.report.curves import learning_plots, training_plots
from edgernn.report.pareto import pareto_plots


def plots(results: Results) -> list[Plot]:
    """Every plot that has something to show.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    with style():
        makers = (pareto_plots, scheme_plots, breakdown_plots, training_plots, learning_plots)
        return [plot for maker in makers for plot in maker(results)]


def plot_files(results: Results) -> dict[str, bytes]:
    """Every plot as a PNG file's content, by the file's name.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    return {f"{plot.name}.png": png(plot) for plot in plots(results)}


def save_plots(results: Results, folder: str | os.PathLike[str]) -> list[Path]:
    """Write every plot as a PNG file into a folder that exists; returns their paths.

    Raises:
        InputError: the folder cannot be written.
        EnvironmentProblem: matplotlib is not installed, or the disk is full.
    """
    return [atomic_write(Path(folder) / name, content) for name, content in plot_files(results).items()]
