"""Streams beside what the stock converter offers: bytes and arena of an int8 step, time of a float32 and dynamic one.

    python -m benchmarks.streaming [--rounds 100] [--save]

The stock converter's step is a graph of one unrolled time step whose states are inputs and outputs, calibrated with the
states of the same samples. Times are of LiteRT's `invoke` alone, in turns, against the stock rolled window model's time
divided by its steps.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np

import edgernn
from benchmarks.measure import litert_interpreter
from benchmarks.report import markdown_table
from benchmarks.run import RESULTS, environment
from benchmarks.stock import stock_converter
from benchmarks.timing import interleaved
from benchmarks.workload import Size, workload
from edgernn.cli.output import print_table
from edgernn.devices.host.arena import arena_bytes, smallest_arena
from edgernn.files import atomic_write

UNITS = (32, 64)
STATES = {"GRU": 1, "LSTM": 2}
MOST_BYTES, MOST_ARENA, MOST_TIME = 0.7, 0.8, 1.2  # of the stock converter's


def one_step(cell: str, size: Size) -> tuple[Any, list[list[Any]]]:
    """The workload's model over one step, states in and out, and what it gets on the calibration samples."""
    import keras

    model, calibration, _ = workload(cell, size)
    recurrent, dense = model.layers[1], model.layers[2]
    x = keras.Input((1, size.features), batch_size=1, name="x")
    states = [keras.Input((size.units,), batch_size=1, name=f"state{k}") for k in range(STATES[cell])]
    layer = getattr(keras.layers, cell)(size.units, return_state=True, unroll=True)
    hidden, *following = layer(x, initial_state=states if len(states) > 1 else states[0])
    head = keras.layers.Dense(size.outputs)
    step = keras.Model([x, *states], [head(hidden), *following])
    layer.set_weights(recurrent.get_weights())
    head.set_weights(dense.get_weights())
    fed = []
    for sample in calibration[:16]:
        now = [np.zeros((1, size.units), np.float32) for _ in states]
        for frame in sample:
            fed.append([frame[None, None], *now])
            now = [np.asarray(state) for state in step(fed[-1])[1:]]
    return step, fed


def convert_step(cell: str, size: Size, scheme: str, output: Path) -> None:
    """Convert it with the stock converter, in this process."""
    step, fed = one_step(cell, size)
    converter = stock_converter(step, scheme, [])
    if scheme == "int8":
        names = [entry.name for entry in step.inputs]
        converter.representative_dataset = lambda: (dict(zip(names, each, strict=True)) for each in fed)
    output.write_bytes(converter.convert())


def stock_step(cell: str, size: Size, scheme: str, output: Path) -> bytes:
    """The same in a process of its own, whose words nobody needs."""
    command = [sys.executable, "-m", "benchmarks.streaming", "--convert", cell, str(size), scheme, str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return output.read_bytes()


def sizes(cell: str, size: Size, folder: Path) -> dict[str, Any]:
    """Bytes and arena of the int8 step of both, and of ours with its state inside."""
    model, calibration, _ = workload(cell, size)
    options: Any = {"quantize": "int8", "target": "micro", "calibration": calibration, "streaming": True}
    made = {
        "stock": stock_step(cell, size, "int8", folder / "stock.tflite"),
        "io": edgernn.convert(model, None, **options).content,
        "internal": edgernn.convert(model, None, **options, state="internal").content,
    }
    return {
        "model": f"{cell} {size.units}",
        "bytes": {name: len(each) for name, each in made.items()},
        "bytes_ratio": len(made["io"]) / len(made["stock"]),
        "arena": {name: arena_bytes(each).used for name, each in made.items()},
        "arena_to_start": {name: smallest_arena(each) for name, each in made.items()},
        "arena_ratio": arena_bytes(made["io"]).used / arena_bytes(made["stock"]).used,
    }


def times(cell: str, size: Size, scheme: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Microseconds of a step of ours, states outside and inside, and of the stock window by its steps."""
    model, _, test = workload(cell, size)
    window = folder / "window.tflite"
    command = [sys.executable, "-m", "benchmarks.streaming", "--convert-window", cell, str(size), scheme, str(window)]
    subprocess.run(command, check=True, capture_output=True)
    calls = {}
    for name in ("io", "internal"):
        path = folder / f"{name}.tflite"
        edgernn.convert(model, path, quantize=scheme, streaming=True, state=name)
        calls[name] = prepared(path, test[0, 0])
    calls["window"] = prepared(window, test[:1])
    found = interleaved(calls, rounds)
    return {
        "model": f"{cell} {size.units}",
        "scheme": scheme,
        "stock_us": 1e6 * found.median("window") / size.steps,
        "us": {name: 1e6 * found.median(name) for name in ("io", "internal")},
        "ratio": {name: found.ratio(name, "window").median * size.steps for name in ("io", "internal")},
    }


def prepared(path: Path, x: Any) -> Any:
    """The `invoke` of an interpreter that got its inputs: x, and states of zeros."""
    interpreter = litert_interpreter(path)
    first, *states = interpreter.get_input_details()
    interpreter.set_tensor(first["index"], np.reshape(x, first["shape"]).astype(first["dtype"]))
    for state in states:
        interpreter.set_tensor(state["index"], np.zeros(state["shape"], state["dtype"]))
    return interpreter.invoke


SIZE_COLUMNS = (
    *("Model", "Stock bytes", "io", "internal", "io / stock", f"at most {MOST_BYTES}"),
    *("Stock arena", "io", "internal", "io / stock", f"at most {MOST_ARENA}"),
)
TIME_COLUMNS = (
    *("Model", "Scheme", "Stock window / steps, us", "io, us", "internal, us", "io / stock", "internal / stock"),
    f"io at most {MOST_TIME}",
)
SIZE_TITLE = "One int8 step on TFLite-Micro: bytes; arena in use (smallest that starts)"
TIME_TITLE = "One step on LiteRT, `invoke` alone"


def size_row(row: dict[str, Any]) -> tuple[str, ...]:
    """As `SIZE_COLUMNS` has it."""
    names = ("stock", "io", "internal")
    arenas = (f"{row['arena'][name]:,} ({row['arena_to_start'][name]:,})" for name in names)
    sizes = (f"{row['bytes'][name]:,}" for name in names)
    bytes_kept, arena_kept = row["bytes_ratio"] <= MOST_BYTES, row["arena_ratio"] <= MOST_ARENA
    return (
        *(row["model"], *sizes, f"{row['bytes_ratio']:.2f}", _kept(bytes_kept)),
        *(*arenas, f"{row['arena_ratio']:.2f}", _kept(arena_kept)),
    )


def time_row(row: dict[str, Any]) -> tuple[str, ...]:
    """As `TIME_COLUMNS` has it."""
    figures = [row["stock_us"], *row["us"].values(), *row["ratio"].values()]
    return row["model"], row["scheme"], *(f"{each:.2f}" for each in figures), _kept(row["ratio"]["io"] <= MOST_TIME)


def _kept(kept: bool) -> str:
    return "yes" if kept else "NO"


def save(small: list[dict[str, Any]], fast: list[dict[str, Any]]) -> None:
    """Write both tables to benchmarks/results/."""
    found = environment()
    document = {
        "schema": "edgernn.benchmark.streaming",
        "version": 1,
        "environment": found,
        "sizes": small,
        "times": fast,
    }
    atomic_write(RESULTS / "streaming.json", json.dumps(document, indent=1) + "\n")
    words = ", ".join(f"{name} {value}" for name, value in found.items())
    parts = [
        "# Streaming benchmark\n",
        f"Written by `make benchmark-streaming`. {words}.\n",
        (__doc__ or "").split("\n\n")[2].strip() + "\n",
        f"## {SIZE_TITLE}\n",
        markdown_table(SIZE_COLUMNS, [size_row(row) for row in small]),
        f"## {TIME_TITLE}\n",
        markdown_table(TIME_COLUMNS, [time_row(row) for row in fast]),
    ]
    atomic_write(RESULTS / "streaming.md", "\n".join(parts))


@click.command()
@click.option("--rounds", default=100, show_default=True, help="In each, every contestant has its turn.")
@click.option("--save", "keep", is_flag=True, help="Write the tables to benchmarks/results/ too.")
@click.option("--units", "counts", type=int, multiple=True, default=UNITS, show_default=True, help="Of the models.")
@click.option("--convert", "step", nargs=4, hidden=True)
@click.option("--convert-window", "window", nargs=4, hidden=True)
def main(
    rounds: int, keep: bool, counts: tuple[int, ...], step: tuple[str, ...] | None, window: tuple[str, ...] | None
) -> None:
    """Print both tables."""
    if step:
        convert_step(step[0], Size.parse(step[1]), step[2], Path(step[3]))
        return
    if window:
        model, calibration, _ = workload(window[0], Size.parse(window[1]))
        Path(window[3]).write_bytes(stock_converter(model, window[2], calibration).convert())
        return
    small: list[dict[str, Any]] = []
    fast: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for cell, units in ((cell, count) for count in counts for cell in STATES):
            click.echo(f"{cell} {units}", err=True)
            small.append(sizes(cell, Size(units, units), Path(name)))
            fast += [times(cell, Size(units, units), scheme, Path(name), rounds) for scheme in ("float32", "dynamic")]
    print_table(SIZE_TITLE, SIZE_COLUMNS, [size_row(row) for row in small])
    print_table(TIME_TITLE, TIME_COLUMNS, [time_row(row) for row in fast])
    if keep:
        save(small, fast)


if __name__ == "__main__":
    main()
