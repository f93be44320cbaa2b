"""``edgernn profile``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.connection import connection_options
from edgernn.cli.fits import check_fits, print_fits
from edgernn.cli.growth import Share, check_growth, print_comparison
from edgernn.cli.inspect import COUNTED
from edgernn.cli.kernels import kernels_rows, print_reasons
from edgernn.cli.output import json_option, kib, note, print_block, print_json, print_table, say, say_csv
from edgernn.cli.progress import progress
from edgernn.cli.values import FILE, PLACE, WHOLE, board_names, completed
from edgernn.errors import InputError

if TYPE_CHECKING:
    from edgernn.devices.links.connect import Connection
    from edgernn.profiling.fit import Fit
    from edgernn.profiling.profiler import Profile


_SUMMED = ("microseconds", "share", "calls")


@click.command()
@click.argument("artifact", type=PLACE)
@click.option(
    "--runtime", default="litert", show_default=True, metavar="litert|micro", help="Whose latency to measure."
)
@click.option("--runs", type=WHOLE, default=100, show_default=True, help="Time at least so many invocations,")
@click.option("--min-seconds", default=1.0, show_default=True, help="and for at least so long.")
@click.option("--warmup", type=WHOLE, default=10, show_default=True, help="Invocations before that, at least.")
@click.option("--threads", type=WHOLE, default=1, show_default=True, help="That LiteRT may use.")
@click.option("--period-ms", type=float, help="Time between two invocations, for the real-time factor.")
@click.option("--device", help="Measure there, as 'deploy' reaches it: pi@raspberrypi.local, android, qemu:cortex-m4.")
@connection_options
@click.option(
    "--board",
    "boards",
    multiple=True,
    metavar="NAME|all",
    shell_complete=completed(lambda: (*board_names(), "all")),
    help="Check whether it fits on this board; again for another, all for each; 'edgernn devices' lists them.",
)
@click.option("--static", is_flag=True, help="Tell only what the file says, and run nothing.")
@click.option("--steps", type=WHOLE, help="Number of time steps, where a Keras model leaves it open.")
@click.option("--history", type=FILE, help="Append the profile to this file, a line of JSON each.")
@click.option("--against", type=PLACE, help="Compare with an earlier profile: JSON, or a history.")
@click.option(
    "--max-regression",
    type=Share(),
    default="10%",
    show_default=True,
    help="With --against: exit status 1 if bytes, memory or latency grew by more.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the figures as CSV on stdout.")
@json_option
def command(
    artifact: Path,
    runtime: str,
    runs: int,
    min_seconds: float,
    warmup: int,
    threads: int,
    period_ms: float | None,
    device: str | None,
    connection: Connection,
    boards: tuple[str, ...],
    static: bool,
    steps: int | None,
    history: Path | None,
    against: Path | None,
    max_regression: float,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Measure ARTIFACT, here or on a device: bytes, memory, latency, and whether it fits a board.

    ARTIFACT is a .tflite of any tool, a folder of C, or a Keras model, of which only the static part is told. Exit
    status 1 if it does not fit a board, of --board all none, or is worse than --against allows.
    """
    from edgernn.profiling.document import csv_text, profile_document
    from edgernn.profiling.history import append, check_writable, compare_with, read_earlier
    from edgernn.profiling.latency import Plan
    from edgernn.profiling.profiler import stages
    from edgernn.profiling.wanted import check_wanted

    if as_csv and as_json:
        raise InputError("output: must be one of --csv and --json. Found: both.")
    from edgernn.devices.boards import ALL
    from edgernn.devices.emulators.machines import is_emulated
    from edgernn.devices.host.c import is_c_project

    linked = device is not None and not is_emulated(device)
    if linked or is_c_project(artifact):
        plan = Plan(runs, min_seconds, warmup)
        fits: tuple[Fit, ...] = ()
        earlier = read_earlier(against, str(artifact)) if against is not None else None
        if device is not None and linked:
            from edgernn.cli.profile_device import profile_device, refuse

            refuse({"board": boards, "static": static, "steps": steps, "threads": threads > 1})
            document = profile_device(
                artifact, device, plan, connection, period_ms, history, as_csv=as_csv, as_json=as_json
            )
        else:
            from edgernn.cli.profile_c import profile_folder

            document, fits = profile_folder(artifact, device, plan, boards, history, as_csv=as_csv, as_json=as_json)
        if earlier is not None:
            growth = compare_with(earlier, document)
            if not (as_csv or as_json):
                print_comparison(growth, max_regression)
            check_growth(growth, max_regression)
        check_fits(fits, every=ALL not in boards)
        return 0
    if device is not None:
        raise InputError("device: must be given a folder of C. Found: another artifact.", hint="convert --format c.")
    wanted = check_wanted(runtime, Plan(runs, min_seconds, warmup), threads, period_ms, boards, static, steps)
    earlier = read_earlier(against, str(artifact)) if against is not None else None
    if history is not None:
        check_writable(history)
    found: Profile | None = None
    interrupted = False
    with progress("reading", quiet=as_json or as_csv) as bar:

        def show(stage: str, share: float) -> None:
            bar.stage(stage, share, 1.0 if share else None)

        try:
            for found in stages(artifact, wanted, show):  # noqa: B007 - what was measured last counts
                pass
        except KeyboardInterrupt:
            if found is None:
                raise
            interrupted = True
    assert found is not None, "there is at least the static stage"
    document = profile_document(found)
    comparison = compare_with(earlier, document) if earlier is not None else None
    if comparison is not None:
        document["against"] = {
            "file": str(against),
            "changes": [{**vars(change), "growth": change.growth} for change in comparison.changes],
            "regressions": [change.name for change in comparison.regressions(max_regression)],
            "notes": list(comparison.notes),
        }
    if as_json:
        print_json(document)
    elif as_csv:
        say_csv(csv_text(document))
    else:
        print_profile(found)
        if comparison is not None:
            print_comparison(comparison, max_regression)
    for text in (*found.notes, *(comparison.notes if comparison else ())):
        note(f"note: {text}")
    if history is not None:
        append(history, document)  # last: what was measured is printed even if the disk is full
    if interrupted:
        note("interrupted: what was measured until then is above")
        return 130
    check_fits(found.fits, every=ALL not in boards)
    if comparison is not None:
        check_growth(comparison, max_regression)
    return 0


def print_profile(found: Profile) -> None:
    """Print a profile for people."""
    contents = found.contents
    rows: list[tuple[str, str]] = [
        ("file", f"{found.file}, {contents.scheme}" + (f", {_size(contents.size)}" if contents.size else "")),
        ("parameters", f"{contents.parameters:,}"),
        ("multiply-accumulates", f"{_count(contents.macs)}, per time step {_count(contents.macs_per_step)}"),
        ("  these three", COUNTED[contents.counted]),
        *(("weights as " + name, _size(size)) for name, size in found.weight_bytes.items() if contents.kind == "keras"),
    ]
    if found.activation_bytes is not None:
        rows.append(("activations, at most", _size(found.activation_bytes)))
    rows += _running_rows(found)
    rows += kernels_rows(contents.kernels)
    print_block(rows)
    if contents.layers:
        layers = [(row.name, row.class_name, row.parameters, row.macs, row.macs_per_step) for row in contents.layers]
        headings = ("Layer", "Class", "Parameters", "MACs", "MACs per step")
        _table("layers", headings, layers, drop=("MACs per step", "Class"))
    if found.categories:
        whole = contents.size or 1
        _table(
            "where the bytes go",
            ("Part", "Bytes", "Share"),
            [(name, size, f"{100 * size / whole:.1f} %") for name, size in found.categories.items() if size],
        )
    if found.file_layers:
        weighted = [
            (f"{row.subgraph}.{row.operator}", row.name, row.dtype, row.parameters, row.weight_bytes + row.bias_bytes,
             row.macs, row.executions)
            for row in found.file_layers
        ]  # fmt: skip
        columns = ("Operator", "Kind", "Weights", "Parameters", "Bytes", "MACs", "Executions")
        _table("operators with weights", columns, weighted, drop=("Executions", "Parameters", "Weights"))
    if contents.operators:
        _table("operators", ("Operator", "Count"), list(contents.operators.items()))
    print_reasons(contents.kernels)
    _print_times(found)
    if found.micro is not None and found.micro.runs:
        say()
        say("for the firmware:")
        for line in found.micro.resolver.lines:
            say(f"  {line}")
    print_fits(found.fits)


def _print_times(found: Profile) -> None:
    """Where the time goes, or why nobody knows."""
    from edgernn.devices.host.operator_times import OperatorTime, OperatorTimes

    if not isinstance(found.operator_times, OperatorTimes):
        if found.operator_times is not None:
            note(f"note: no times of single operators: {found.operator_times.reason}")
        return
    columns = ("Operator", "Time", "Share", "Calls")
    for title, rows in (
        ("where the time goes", found.operator_times.rows),
        ("where it would go on LiteRT's own kernels", found.operator_times.builtin_rows),
    ):
        kinds: dict[str, list[OperatorTime]] = {}
        for row in rows:
            kinds.setdefault(row.name, []).append(row)
        sums = {name: [sum(getattr(row, of) for row in same) for of in _SUMMED] for name, same in kinds.items()}
        cells = [
            (name, _us(time), f"{100 * share:.1f} %", f"{calls:g}")
            for name, (time, share, calls) in sorted(sums.items(), key=lambda item: -item[1][0])
        ]
        if cells:
            _table(title, columns, cells)


def _running_rows(found: Profile) -> list[tuple[str, str]]:
    """What running it has shown."""
    rows: list[tuple[str, str]] = []
    if (micro := found.micro) is not None:
        if micro.arena is not None and micro.smallest is not None:
            rows += [
                ("TFLite-Micro arena", f"{_size(micro.smallest)} to start and run"),
                ("  stays allocated", f"{micro.arena.used:,}: head {micro.arena.head:,}, tail {micro.arena.tail:,}"),
            ]
        else:
            rows.append(("TFLite-Micro", f"{'loads it, but does not run it' if micro.loads else 'refuses it'}"))
            rows.append(("  because", micro.reason))
    if (cold := found.cold) is not None:
        parts = f"load {_us(cold.load_us)}, allocate {_us(cold.allocate_us)}, first run {_us(cold.first_invoke_us)}"
        rows += [
            ("cold start", f"{_us(cold.cold_start_us)}: {parts}"),
            ("memory of a process", f"{_size(cold.rss_bytes)} more"),
        ]
    if (times := found.latency) is not None:
        threads = f", {found.threads} threads" if found.threads > 1 else ""
        rows += [
            ("latency", f"{_us(times.p50)} median of {times.runs:,} runs, {found.runtime_package}{threads}"),
            ("  min, mean, std", f"{_us(times.min)}, {_us(times.mean)}, {_us(times.std)}"),
            ("  p90, p95, p99", f"{_us(times.p90)}, {_us(times.p95)}, {_us(times.p99)}"),
        ]
    if found.real_time_factor is not None:
        rows.append(("real-time factor", f"{found.real_time_factor:.4g} of a period of {found.period_ms:g} ms"))
    return rows


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], **options: Sequence[str]) -> None:
    say()
    print_table(title, columns, rows, **options)


def _size(size: int) -> str:
    return f"{size:,} bytes ({kib(size)})"


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _us(microseconds: float) -> str:
    return f"{microseconds / 1000:,.2f} ms" if microseconds >= 10_000 else f"{microseconds:,.1f} us"
