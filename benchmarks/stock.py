"""What the TensorFlow converter makes of the workload, every conversion in a process of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import run_module
from benchmarks.results import CELLS, SCHEMES, Conversion
from benchmarks.workload import Size, workload
from edgernn.files import atomic_write

# Legacy Keras 2 is the only way left to the fused LSTM operator; its GRU fails as that of Keras 3 does.
CONFIGURATIONS = [
    *((cell, form, scheme) for cell in CELLS for form in ("rolled", "unrolled") for scheme in SCHEMES),
    ("LSTM", "keras2", "int8"),
]
MICRO_SCHEMES = ("float32", "int8", "int16x8")  # TFLite-Micro runs neither float16 weights nor dynamic products


def stock_conversions(size: Size, folder: Path, announce: Callable[[str], None]) -> Iterator[Conversion]:
    """Every configuration of the stock converter at `size`; artifacts and figures are kept in `folder`.

    What an earlier run with the same versions has left there is taken as it is, failures included.

    Args:
        size: of the workload.
        folder: with a folder per cell that `workload.prepare` has filled.
        announce: is told what is being measured.
    """
    for cell, form, scheme in CONFIGURATIONS:
        wanted = Conversion("stock", form, cell, scheme, str(size))
        if form == "keras2" and importlib.util.find_spec("tf_keras") is None:
            yield replace(wanted, failure="tf_keras is not installed")
            continue
        record = folder / cell / f"{wanted.file_stem}.json"
        if not record.exists():
            announce(f"stock converter, {size}: {cell} {form} {scheme}")
            atomic_write(record, json.dumps(vars(_measured(wanted, record.with_suffix(".tflite"))), indent=1))
        yield Conversion(**json.loads(record.read_text()))


def _measured(wanted: Conversion, artifact: Path) -> Conversion:
    outcome = run_module("benchmarks.stock", wanted.cell, wanted.form, wanted.scheme, wanted.size, artifact)
    if outcome.failure:
        return replace(wanted, failure=outcome.failure)
    return measured_artifact(replace(wanted, seconds=outcome.value["seconds"]), artifact)


def measured_artifact(wanted: Conversion, artifact: Path) -> Conversion:
    """Add what running `artifact` shows to `wanted`; the test data are in the artifact's folder."""
    outcome = run_module("benchmarks.measure", artifact, artifact.parent, "litert")
    if outcome.failure:
        return replace(wanted, failure=outcome.failure)
    measured = replace(wanted, **outcome.value)
    if wanted.scheme in MICRO_SCHEMES:
        outcome = run_module("benchmarks.measure", artifact, artifact.parent, "micro")
        measured = replace(measured, micro_failure=outcome.failure, **outcome.value)
    return measured


def cache_name() -> str:
    """The name of a cache folder for these versions of the converter and of Keras."""
    packages = ("tensorflow", "keras")
    return "stock-" + "-".join(f"{package}{importlib.metadata.version(package)}" for package in packages)


def convert(cell: str, form: str, scheme: str, size: Size, folder: Path) -> tuple[bytes, float]:
    """Convert the workload with the stock converter, in this process, which may not survive it.

    Args:
        cell: `LSTM` or `GRU`.
        form: `rolled` or `unrolled` with Keras 3, `keras2` with legacy Keras.
        scheme: one of `SCHEMES`.
        size: of the workload.
        folder: that `workload.prepare` has filled.

    Returns:
        The flatbuffer, and the seconds that the call of the converter took.
    """
    if form == "keras2":
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        model, calibration, _ = workload(cell, size, builder=importlib.import_module("tf_keras"))
        with np.load(folder / "weights.npz") as weights:  # the same seed gives other weights in Keras 2
            model.set_weights([weights[name] for name in weights.files])
    else:
        model, calibration, _ = workload(cell, size, unroll=form == "unrolled")
    converter = stock_converter(model, scheme, calibration)
    start = time.perf_counter()
    content = converter.convert()
    return content, time.perf_counter() - start


def stock_converter(model: Any, scheme: str, calibration: Any) -> Any:
    """The TensorFlow converter, set up for `scheme` as its documentation says."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    operators = tf.lite.OpsSet
    if scheme != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if scheme in ("int8", "int16x8"):
        converter.representative_dataset = lambda: ([sample[np.newaxis]] for sample in calibration)
    if scheme == "int8":
        converter.target_spec.supported_ops = [operators.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if scheme == "int16x8":
        converter.target_spec.supported_ops = [operators.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    return converter


def main(cell: str, form: str, scheme: str, size: str, artifact: str) -> None:
    """Convert in this process, write `artifact` and print the seconds as JSON."""
    content, seconds = convert(cell, form, scheme, Size.parse(size), Path(artifact).parent)
    atomic_write(artifact, content)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":  # python -m benchmarks.stock CELL FORM SCHEME SIZE ARTIFACT
    main(*sys.argv[1:])
