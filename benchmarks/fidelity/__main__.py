"""What quantization loses on real tasks: every scheme and target, with few and many calibration samples.

    python -m benchmarks.fidelity --quick                                   minutes: int8, one seed, 150 examples
    python -m benchmarks.fidelity --quick --task counting --target phone    seconds
    python -m benchmarks.fidelity --no-stock --scheme int8 --samples 256 --task glucose --task adding-60
    python -m benchmarks.fidelity --save                                    everything, hours, into benchmarks/results

Weights are committed; networks that have none are left out (`python -m benchmarks.fidelity.training` trains them). The
first run prepares the networks with Keras and the data, once, in runs/fidelity. Rows are kept by the code that made
them: a run that was stopped goes on where it was, and one after a change of edgernn measures anew. Exit status 1: the
goal is not kept.

To measure another version, copy benchmarks/fidelity and examples/keyword_spotting into its tree, run it there with
`--save`, and give its JSON file with `--record`.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version as package_version
from pathlib import Path

import click

from benchmarks.child import ROOT
from benchmarks.fidelity import stock
from benchmarks.fidelity.catalog import TASKS, find_tasks
from benchmarks.fidelity.measuring import measure
from benchmarks.fidelity.prepared import CACHE, Prepared, prepare, trained
from benchmarks.fidelity.report import from_json, tables, to_json, to_markdown
from benchmarks.fidelity.rows import SAMPLES, SCHEMES, TARGETS, Form, Row, forms, kept, rows_folder, version
from benchmarks.fidelity.summary import columns, goal_kept
from benchmarks.fidelity.task import CELLS, SEEDS, Model
from edgernn.cli.main import guarded
from edgernn.cli.output import print_table
from edgernn.devices.host.machine import processor
from edgernn.files import atomic_write

RESULTS = ROOT / "benchmarks" / "results"
RECORD = RESULTS / "fidelity-record.json"
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "tflite-micro", "numpy")
QUICK_SAMPLES, QUICK_EXAMPLES = (200, 256), 150


def environment() -> dict[str, str]:
    """Of what and where it was measured."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    packages = {name: package_version(name) for name in PACKAGES}
    commit = git.stdout.strip() or "unknown"
    return {"commit": commit, "Python": platform.python_version(), **packages, "on": processor()}


def announce(text: str) -> None:
    """Progress goes to stderr."""
    click.echo(text, err=True)


def measured(prepared: Prepared, wanted: list[Form], with_stock: bool) -> list[Row]:
    """The rows of one network."""
    rows = [_told(kept(rows_folder(), prepared, form, measure)) for form in wanted]
    if with_stock:
        rows += [_told(kept(CACHE / stock.folder_name(), prepared, form, stock.measure)) for form in stock.FORMS]
    return rows


def _told(row: Row) -> Row:
    unit = "" if row.metric in ("accuracy", "auc") else " %"
    found = row.failure[:90] if row.lost is None else f"{row.lost:+.2f}{unit} +- {row.error:.2f}"
    announce(f"{row.network}: {row.form.column}{f', {row.samples} samples' if row.samples else ''}: {found}")
    return row


@click.command()
@click.option("--task", "names", multiple=True, metavar="NAME", help="Only this task; this one may be repeated, too.")
@click.option("--cell", "cells", multiple=True, type=click.Choice(CELLS), help="Only this cell.")
@click.option("--seed", "seeds", multiple=True, type=int, help="Only this seed.")
@click.option("--scheme", "schemes", multiple=True, type=click.Choice(SCHEMES), help="Only this scheme.")
@click.option("--target", "targets", multiple=True, type=click.Choice(TARGETS), help="Only this target.")
@click.option("--samples", multiple=True, type=click.IntRange(min=1), help="Calibrate with so many.")
@click.option("--examples", type=click.IntRange(min=10), help="Only so many of each test.")
@click.option(
    "--quick", is_flag=True, help="int8, the first seed, 200 and 256 samples, 150 examples, no stock converter."
)
@click.option("--stock/--no-stock", "with_stock", default=True, help="The TensorFlow converter beside it.")
@click.option(
    "--record", type=click.Path(path_type=Path), default=RECORD, help="Rows to compare costs and losses with."
)
@click.option("--save", is_flag=True, help="Write benchmarks/results/fidelity.json and .md.")
def command(
    names: tuple[str, ...],
    cells: tuple[str, ...],
    seeds: tuple[int, ...],
    schemes: tuple[str, ...],
    targets: tuple[str, ...],
    samples: tuple[int, ...],
    examples: int | None,
    quick: bool,
    with_stock: bool,
    record: Path,
    save: bool,
) -> int:
    """Convert, run and judge the networks of the fidelity tasks."""
    seeds = seeds or (SEEDS[:1] if quick else SEEDS)
    schemes = schemes or (SCHEMES[:1] if quick else SCHEMES)
    samples = samples or (QUICK_SAMPLES if quick else SAMPLES)
    if quick:
        examples, with_stock = examples or QUICK_EXAMPLES, False
    targets, cells = targets or TARGETS, cells or CELLS
    tasks = find_tasks(names)
    wanted = [model for model in trained() if model.task in tasks and model.cell in cells and model.seed in seeds]
    rows = _all_rows(wanted, forms(schemes, targets, samples), examples, with_stock)
    old = [row for row in from_json(record) if row.network in {row.network for row in rows}]
    for title, heads, body in tables(rows, old, tasks):
        print_table(title, heads, body)
    if save:
        atomic_write(RESULTS / "fidelity.json", to_json(rows, environment(), version()))
        atomic_write(RESULTS / "fidelity.md", to_markdown(rows, from_json(record), TASKS, environment()))
    ours = [row for row in rows if row.maker == "edgernn"]
    return 0 if all(goal_kept([row for row in ours if row.form.column == name]) for name in columns(ours)) else 1


def _all_rows(wanted: list[Model], converted_to: list[Form], examples: int | None, with_stock: bool) -> list[Row]:
    rows: list[Row] = []
    for prepared in prepare(wanted, announce):
        rows += measured(prepared.first(examples) if examples else prepared, converted_to, with_stock)
    return rows


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(guarded(lambda: command.main(standalone_mode=False) or 0))
