"""The C output beside LiteRT and ONNX Runtime on this machine, in turns, and its instructions on emulated ones.

    python -m benchmarks.c_host [--rounds 60] [--units 32 --units 64]

Times are of one sequence, one thread. The C runs many sequences per call, so that the call from Python vanishes; the
peers are called once per sequence as their users call them, and what such a call costs by itself is printed too.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

import edgernn
from benchmarks.measure import litert_interpreter
from benchmarks.stock import convert as stock_convert
from benchmarks.timing import Timing, interleaved
from benchmarks.workload import Size, workload
from edgernn.cli.output import print_table
from edgernn.devices.emulators.machines import MACHINES
from edgernn.devices.emulators.model import EmulatedSession
from edgernn.devices.host.c import FLAGS, find_compiler, read_c_project
from edgernn.errors import EdgernnError

UNITS = (32, 64)
REPEATS = 20
_LOOP = """#include "model.h"
static model_run_scratch scratch;
void repeat(const void *x, void *y, int count) { for (int i = 0; i < count; ++i) model_run(x, y, &scratch); }
"""


def c_call(folder: Path, sample: np.ndarray[Any, Any]) -> Callable[[], object]:
    """A function that runs a folder of C `REPEATS` times."""
    project = read_c_project(folder)
    loop = folder.parent / f"{folder.name}-loop.c"
    loop.write_text(_LOOP)
    library = loop.with_suffix(".so")
    include = str(project.source.parent)
    command = [find_compiler(), *FLAGS, "-I", include, str(loop), str(project.source), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    loaded: Any = ctypes.CDLL(str(library))
    (entry,), (exit_,) = project.inputs, project.outputs
    x, y = np.ascontiguousarray(entry.quantize(sample)), np.zeros(exit_.shape, exit_.dtype)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (x, y)]

    def call(keep: object = (x, y)) -> None:
        loaded.repeat(*pointers, REPEATS)

    return call


def onnx_session(model: Any, cell: str, size: Size, sample: np.ndarray[Any, Any]) -> Callable[[], object]:
    """ONNX Runtime's own recurrent operator with the model's weights, checked against Keras."""
    import onnxruntime  # type: ignore[import-untyped]
    from onnx import TensorProto, helper, numpy_helper

    kernel, recurrent, bias = (np.asarray(weight) for weight in model.layers[1].get_weights())
    order = {"LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2)}[cell]  # Keras: i f c o; z r h. ONNX: i o f c; z r h

    def blocks(weight: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        parts = np.split(weight, len(order), axis=-1)
        return np.concatenate([parts[k] for k in order], axis=-1)

    both = np.atleast_2d(bias)
    second = both[1] if len(both) > 1 else np.zeros_like(both[0])
    weights = {
        "W": blocks(kernel).T[None],
        "R": blocks(recurrent).T[None],
        "B": np.concatenate([blocks(both[0]), blocks(second)])[None],
        "dense": np.asarray(model.layers[2].get_weights()[0]),
        "dense_bias": np.asarray(model.layers[2].get_weights()[1]),
        "axes": np.array([0], "i8"),
    }
    options: Any = {"hidden_size": size.units, **({"linear_before_reset": 1} if cell == "GRU" else {})}
    nodes = [
        helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
        helper.make_node(cell, ["steps", "W", "R", "B"], ["", "last"], **options),
        helper.make_node("Squeeze", ["last", "axes"], ["h"]),
        helper.make_node("Gemm", ["h", "dense", "dense_bias"], ["y"]),
    ]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, size.steps, size.features])
    exit_ = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, size.outputs])
    constants = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "model", [entry], [exit_], constants)
    opset = [helper.make_opsetid("", 17)]
    threads = onnxruntime.SessionOptions()
    threads.intra_op_num_threads = threads.inter_op_num_threads = 1
    content = helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    session = onnxruntime.InferenceSession(content, threads, providers=["CPUExecutionProvider"])
    error = np.abs(session.run(None, {"x": sample})[0] - model(sample).numpy()).max()
    if error > 1e-5:
        raise ValueError(f"the ONNX model of {cell} differs from Keras by {error}")
    return partial(session.run, None, {"x": sample})


def timing(cell: str, size: Size, folder: Path, rounds: int) -> Timing:
    """All contestants on one model, in turns."""
    model, calibration, test = workload(cell, size)
    sample = test[:1]
    model.save(folder / "model.keras")
    calls: dict[str, Callable[[], object]] = {}
    for scheme in ("float32", "int8"):
        samples = calibration if scheme == "int8" else None
        output = folder / scheme
        edgernn.convert(folder / "model.keras", output, format="c", name="model", quantize=scheme, calibration=samples)
        calls[f"C {scheme}"] = c_call(output, sample)
    for form in ("rolled", "unrolled"):
        artifact = folder / f"{form}.tflite"
        artifact.write_bytes(stock_convert(cell, form, "float32", size, folder)[0])
        interpreter = litert_interpreter(artifact)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample)
        calls[f"LiteRT {form}"] = interpreter.invoke
    calls["ONNX Runtime"] = onnx_session(model, cell, size, sample)
    found = interleaved(calls, rounds)
    return Timing({name: times / (REPEATS if name.startswith("C ") else 1) for name, times in found.seconds.items()})


def models(units: Sequence[int]) -> list[tuple[str, int]]:
    """Cell and units of every model."""
    return [(cell, count) for count in units for cell in ("GRU", "LSTM")]


def instructions(folder: Path, units: Sequence[int]) -> list[tuple[object, ...]]:
    """Instructions per time step on every emulated machine: of T steps less of T/2, over T/2.

    A model that a machine cannot hold has a dash there.
    """
    rows: list[tuple[object, ...]] = []
    for name, machine in MACHINES.items():
        if machine.missing():
            continue
        row: list[object] = [name]
        for cell, count in models(units):
            try:
                whole, half = (_cost(folder, cell, count, steps, machine.device) for steps in (count, count // 2))
                row.append(round((whole - half) / (count - count // 2)))
            except EdgernnError as error:
                click.echo(f"{name}, {cell} {count}: {error.message}", err=True)
                row.append("-")
        rows.append(tuple(row))
    return rows


def _cost(folder: Path, cell: str, units: int, steps: int, device: str) -> int:
    """Instructions of a whole run."""
    output = folder / f"{cell}{units}-{steps}"
    if not output.exists():
        model, calibration, _ = workload(cell, Size(units, steps))
        edgernn.convert(model, output, format="c", name="model", quantize="int8", calibration=calibration)
    return EmulatedSession(read_c_project(output), device).cost().instructions_per_run or 0


@click.command()
@click.option("--rounds", default=60, show_default=True, help="In each, every contestant has its turn.")
@click.option("--units", "sizes", type=int, multiple=True, default=UNITS, show_default=True, help="Of the models.")
def main(rounds: int, sizes: tuple[int, ...]) -> None:
    """Print both tables."""
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        for cell, units in models(sizes):
            folder = Path(name) / f"{cell}{units}"
            folder.mkdir()
            click.echo(f"{cell} {units}", err=True)
            found = timing(cell, Size(units, units), folder, rounds)
            times = {contestant: 1e6 * found.median(contestant) for contestant in found.seconds}
            stock = min(("LiteRT rolled", "LiteRT unrolled"), key=times.__getitem__)
            ratios = (
                found.ratio(stock, "C float32").median,
                found.ratio("ONNX Runtime", "C float32").median,
                found.ratio("C float32", "C int8").median,
            )
            rows.append((f"{cell} {units}", *(f"{time:.1f}" for time in times.values()), *(f"{r:.2f}" for r in ratios)))
        columns = ("Model", *(f"{name}, us" for name in times), "LiteRT / C", "ONNX / C", "float / int8")
        print_table("One sequence on this machine, float unless it says int8", columns, rows)
        names = tuple(f"{cell} {units}" for cell, units in models(sizes))
        print_table("Instructions per time step, int8, emulated", ("Machine", *names), instructions(Path(name), sizes))


if __name__ == "__main__":
    main()
