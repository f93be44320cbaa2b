"""A comparison's results as files: JSON and CSV for programs, Markdown, plots and HTML for people."""

from __future__ import annotations

import json
from pathlib import Path

from edgernn import __version__
from edgernn.comparison.results import Results
from edgernn.errors import EnvironmentProblem
from edgernn.owned_folder import MANIFEST, manifest, write_folder

FILES = ("results.json", "results.csv", "report.md", "report.html")
SCHEMA = "edgernn.reports"


def write_reports(folder: Path, results: Results) -> tuple[str, ...]:
    """Write everything, all of it or nothing, in place of earlier reports.

    Returns:
        Which reports the user had changed, and under which names they are kept.

    Raises:
        InputError: the folder cannot be written.
        EnvironmentProblem: the disk is full, or matplotlib or Jinja is not installed; JSON, CSV and Markdown do
            without these.
    """
    from edgernn.report.html import html
    from edgernn.report.markdown import markdown
    from edgernn.report.plots import plot_files
    from edgernn.report.table import csv_text, results_document

    files: dict[str, str | bytes] = {
        "results.json": json.dumps(results_document(results), indent=1, allow_nan=False) + "\n",
        "results.csv": csv_text(results),
        "report.md": markdown(results),
    }
    lacking = None
    try:
        files |= {f"plots/{name}": content for name, content in plot_files(results).items()}
        files["report.html"] = html(results)
    except EnvironmentProblem as error:
        lacking = error
    about = {"schema": SCHEMA, "version": 1, "edgernn": __version__}
    kept = write_folder(folder, {**files, MANIFEST: manifest(about, files)}, force=True)
    if lacking is not None:
        raise lacking
    return kept
