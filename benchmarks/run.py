"""Measure edgernn and the stock converter side by side: `python -m benchmarks.run`, or `make benchmark`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import click
import numpy as np

from benchmarks.child import ROOT, run_module
from benchmarks.ours import edgernn_conversions
from benchmarks.process import imports_tensorflow, process_ratios
from benchmarks.report import broken_limits, print_results, to_json, to_markdown
from benchmarks.results import CELLS, Conversion, Ratio, Results, TaskScore
from benchmarks.stock import cache_name, stock_conversions
from benchmarks.tasks import RECIPES, TaskError, task_scores
from benchmarks.timing import litert_timing
from benchmarks.workload import Size
from edgernn.devices.host.machine import processor
from edgernn.files import atomic_write

CACHE = ROOT / "runs" / "benchmark"
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("tensorflow", "keras", "tf_keras", "ai-edge-litert", "tflite-micro", "numpy")

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        sizes: of the workload.
        rounds: of the timing on LiteRT.
        processes: how often each conversion is run as a whole process.
        process_cells: the cells for that.
        recipes: the tasks.
        seeds: models per task and cell.
    """

    sizes: tuple[Size, ...]
    rounds: int
    processes: int
    process_cells: tuple[str, ...]
    recipes: tuple[str, ...]
    seeds: int


FULL = Plan((Size(64, 64), Size(32, 32)), 100, 5, CELLS, RECIPES, 3)
QUICK = Plan((Size(32, 32),), 20, 1, ("GRU",), RECIPES[:1], 1)


def measure(plan: Plan, announce: Announce) -> Results:
    """Carry out `plan`; what cannot be measured is named in the results."""
    conversions: list[Conversion] = []
    latency: list[Ratio] = []
    process: list[Ratio] = []
    missing: list[str] = []
    imports: bool | None = None
    for size in plan.sizes:
        folder = CACHE / cache_name() / str(size)
        _prepare(folder, size, announce)
        made = [*stock_conversions(size, folder, announce), *edgernn_conversions(size, folder, announce)]
        announce(f"timing on LiteRT, {size}")
        timed, ratios = _timed(made, folder, plan.rounds)
        conversions += timed
        latency += ratios
        try:
            process += process_ratios(folder, plan.process_cells, str(size), plan.processes, announce)
            imports = imports_tensorflow(folder, plan.process_cells[0])
        except subprocess.CalledProcessError as error:
            missing.append(f"whole process, {size}: `{' '.join(map(str, error.cmd[1:4]))}` failed")
    tasks: list[TaskScore] = []
    try:
        tasks += task_scores(CACHE / "tasks", plan.recipes, plan.seeds, announce)
    except TaskError as error:
        missing.append(f"tasks: {error}")
    sizes = tuple(map(str, plan.sizes))
    return Results(
        environment(), sizes, tuple(conversions), tuple(latency), tuple(process), imports, tuple(tasks), tuple(missing)
    )


def _prepare(folder: Path, size: Size, announce: Announce) -> None:
    """Write the models and samples of `size`, unless an earlier run has."""
    for cell in CELLS:
        if not (folder / cell / "expected.npy").exists():
            announce(f"workload, {size}: {cell}")
            outcome = run_module("benchmarks.workload", folder / cell, cell, size)
            if outcome.failure:
                raise click.ClickException(f"the workload cannot be built: {outcome.failure}")


def _timed(conversions: list[Conversion], folder: Path, rounds: int) -> tuple[list[Conversion], list[Ratio]]:
    """Add the times on LiteRT, and compare each of edgernn's artifacts with the stock ones of its cell and scheme."""
    running = [each for each in conversions if not each.failure]
    artifacts = {each.name: folder / each.cell / f"{each.file_stem}.tflite" for each in running}
    with np.load(folder / CELLS[0] / "test.npz") as data:
        sample = data["x"][:1]
    timing = litert_timing(artifacts, sample, rounds)
    timed = [replace(each, microseconds=1e6 * timing.median(each.name)) for each in running]
    by_name = {each.name: each for each in timed}
    ratios = [
        timing.ratio(ours.name, peer.name, ours.size)
        for ours in timed
        for peer in timed
        if (ours.maker, peer.maker) == ("edgernn", "stock") and (ours.cell, ours.scheme) == (peer.cell, peer.scheme)
    ]
    return [by_name.get(each.name, each) for each in conversions], ratios


def environment() -> dict[str, str]:
    """The machine and the versions that the figures depend on."""
    found = {"processor": f"{processor()}, {os.cpu_count()} cores", "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@click.command()
@click.option("--quick", is_flag=True, help="A small workload, few repetitions: minutes, but no figures to quote.")
@click.option(
    "--check", is_flag=True, help="End with exit status 1 unless everything was measured and keeps its limit."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where to write the results as JSON.")
@click.option("--markdown", "markdown_path", type=click.Path(path_type=Path), help="Where to write the tables.")
def main(quick: bool, check: bool, json_path: Path | None, markdown_path: Path | None) -> NoReturn:
    """Convert one workload with edgernn and with the stock converter, and print both side by side.

    The stock artifacts are kept in runs/benchmark/, so that a second run is much faster. Results go to
    benchmarks/results/ by default, those of --quick to runs/benchmark/.
    """
    results = measure(QUICK if quick else FULL, lambda text: click.echo(text, err=True))
    folder = CACHE if quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write(json_path or folder / "conversion.json", to_json(results))
    atomic_write(markdown_path or folder / "conversion.md", to_markdown(results))
    print_results(results)
    for text in results.missing:
        click.echo(f"not measured: {text}", err=True)
    broken = broken_limits(results) if check else []
    for label in broken:
        click.echo(f"limit not kept: {label}", err=True)
    sys.exit(1 if check and (broken or results.missing) else 0)


if __name__ == "__main__":
    main()
