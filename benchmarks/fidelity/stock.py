"""What the TensorFlow converter makes of a network: int8 of an unrolled graph, and dynamic, each in its own process.

python -m benchmarks.fidelity.stock NAME SCHEME SAMPLES ARTIFACT
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import run_module
from benchmarks.fidelity.catalog import TASKS, models
from benchmarks.fidelity.measuring import blank, judged
from benchmarks.fidelity.prepared import Prepared, prepare
from benchmarks.fidelity.rows import USUAL, Form, Row
from benchmarks.fidelity.task import Examples
from benchmarks.stock import cache_name, stock_converter
from edgernn.errors import EdgernnError
from edgernn.files import atomic_write
from edgernn.running import read_artifact

FORMS = (Form("stock", "phone", "int8", USUAL), Form("stock", "phone", "dynamic", 0))
LONGEST = 128  # steps that are unrolled; beyond, the converter takes tens of minutes


def folder_name() -> str:
    """Of the rows, which depend on the converter's version and not on ours."""
    return cache_name()


def measure(prepared: Prepared, form: Form) -> Row:
    """Convert in a child process and judge; what went wrong is a result."""
    row = blank(prepared, form)
    steps = max(array.shape[1] for array in prepared.test.x.values())
    if form.scheme == "int8" and steps > LONGEST:
        return replace(row, failure=f"not tried: {steps} steps to unroll")
    with tempfile.TemporaryDirectory(prefix="edgernn-fidelity-") as folder:
        artifact = Path(folder) / "model.tflite"
        name, counts = prepared.model.name, (form.scheme, form.samples)
        outcome = run_module("benchmarks.fidelity.stock", name, *counts, artifact)
        if outcome.failure:
            return replace(row, failure=outcome.failure)
        content = artifact.read_bytes()
    try:
        read = read_artifact(content)
        test = prepared.test
        renamed = {info.name: test.x[_input_of(info.name, test)] for info in read.inputs}
        told = replace(prepared, test=replace(test, x=renamed))
        return judged(replace(row, bytes=len(content)), told, read, "litert")
    except EdgernnError as error:
        return replace(row, failure=error.message.splitlines()[0])


def _input_of(name: str, test: Examples) -> str:
    """Which input the converter has given this name, which has the input's in it."""
    return next((each for each in test.x if each in name), next(iter(test.x)))


def _convert(prepared: Prepared, scheme: str, samples: int) -> bytes:
    """Convert in this process, which may not survive it."""
    import keras

    network = keras.models.load_model(prepared.file, compile=False)
    names = [each.name for each in network.inputs]
    types = [np.dtype(each.dtype) for each in network.inputs]
    fixed = _fixed(keras, network, unroll=scheme == "int8")
    converter = stock_converter(fixed, scheme, ())
    if scheme == "int8":
        import tensorflow as tf

        rows = [prepared.calibration[name][:samples].astype(dtype) for name, dtype in zip(names, types, strict=True)]
        converter.representative_dataset = lambda: ([row[None] for row in each] for each in zip(*rows, strict=True))
        converter.inference_input_type = converter.inference_output_type = tf.float32
    return bytes(converter.convert())


def _fixed(keras: Any, network: Any, *, unroll: bool) -> Any:
    """The same network for one sample at a time, and with its loops written out if so wanted."""
    config = json.loads(json.dumps(network.get_config()))
    for layer in config["layers"]:
        if "unroll" in layer["config"]:
            layer["config"]["unroll"] = unroll
        if "batch_shape" in layer["config"]:
            layer["config"]["batch_shape"][0] = 1
    fixed = keras.Model.from_config(config)
    fixed.set_weights(network.get_weights())
    return fixed


def main(arguments: Sequence[str]) -> None:
    """Convert one network."""
    name, scheme, samples, artifact = arguments
    model = next(model for model in models(TASKS) if model.name == name)
    (prepared,) = prepare([model], lambda text: None)
    atomic_write(artifact, _convert(prepared, scheme, int(samples)))
    print(json.dumps({"converted": name}))


if __name__ == "__main__":
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    main(sys.argv[1:])
