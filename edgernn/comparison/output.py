"""A comparison's results as files: JSON and CSV for programs, Markdown, plots and HTML for people."""

from __future__ import annotations

import json
from pathlib import Path

from edgernn.comparison.results import Results
from edgernn.files import atomic_write

FILES = ("results.json", "results.csv", "report.md", "report.html")


def write_reports(folder: Path, results: Results) -> None:
    """Write everything, each file whole or not at all.

    Raises:
        EnvironmentProblem: the disk is full, or matplotlib or Jinja is not installed; JSON, CSV and Markdown do
            without these.
    """
    from edgernn.report.html import html
    from edgernn.report.markdown import markdown
    from edgernn.report.plots import save_plots
    from edgernn.report.table import csv_text, results_document

    document = json.dumps(results_document(results), indent=1, allow_nan=False) + "\n"
    atomic_write(folder / "results.json", document)
    atomic_write(folder / "results.csv", csv_text(results))
    atomic_write(folder / "report.md", markdown(results))
    (folder / "plots").mkdir(exist_ok=True)
    save_plots(results, folder / "plots")
    atomic_write(folder / "report.html", html(results))
