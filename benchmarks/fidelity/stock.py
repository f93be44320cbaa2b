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
from benchmarks.stock import cache_name
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
        return judged(replace(row, bytes=len(content)), prepared, read_artifact(content), "litert")
    except EdgernnError as error:
        return replace(row, failure=error.message.splitlines()[0])


def _convert(prepared: Prepared, scheme: str, samples: int) -> bytes:
    """Convert in this process, which may not survive it."""
    import keras
    import tensorflow as tf

    network = keras.models.load_model(prepared.file, compile=False)
    unrolled = _unrolled(keras, network) if scheme == "int8" else network
    names = [each.name for each in network.inputs]
    shapes = [tf.TensorSpec((1, *each.shape[1:]), each.dtype, name=each.name) for each in unrolled.inputs]
    call = tf.function(lambda *inputs: unrolled(inputs if len(inputs) > 1 else inputs[0]), input_signature=shapes)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()], unrolled)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme == "int8":
        rows = [prepared.calibration[name][:samples] for name in names]
        types = [spec.dtype.as_numpy_dtype for spec in shapes]
        converter.representative_dataset = lambda: (
            [np.asarray(row[None], dtype) for row, dtype in zip(each, types, strict=True)]
            for each in zip(*rows, strict=True)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


def _unrolled(keras: Any, network: Any) -> Any:
    """The same network with its loops written out."""
    config = json.loads(json.dumps(network.get_config()))
    for layer in config["layers"]:
        if "unroll" in layer["config"]:
            layer["config"]["unroll"] = True
    unrolled = keras.Model.from_config(config)
    unrolled.set_weights(network.get_weights())
    return unrolled


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
