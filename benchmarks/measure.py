"""What one artifact is: bytes, operators, error against Keras, arena on TFLite-Micro. Times are in `timing`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgernn.devices.host.arena import arena_bytes, smallest_arena
from edgernn.devices.host.session import open_session

Array = NDArray[Any]


def quantized(values: Array, details: Mapping[str, Any]) -> Array:
    """`values` as a tensor takes them: rounded by its scale and zero point and saturated, or unchanged if it is float.

    Args:
        values: real numbers, float32.
        details: the tensor's details, of either runtime.
    """
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype)
    scale, zero_point = _scale(details)
    limits = np.iinfo(dtype)
    return np.clip(np.round(values / scale) + zero_point, limits.min, limits.max).astype(dtype)


def real(values: Array, details: Mapping[str, Any]) -> Array:
    """The inverse of `quantized`: the numbers that a tensor's values stand for."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    scale, zero_point = _scale(details)
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


def _scale(details: Mapping[str, Any]) -> tuple[float, int]:
    parameters = details["quantization_parameters"]
    return float(parameters["scales"][0]), int(parameters["zero_points"][0])


def relative_error(outputs: Array, expected: Array) -> float:
    """The mean over samples of the largest absolute error divided by the largest absolute output of Keras.

    Args:
        outputs: of the artifact, `[samples, ...]`.
        expected: of Keras, the same shape.
    """
    axes = tuple(range(1, expected.ndim))
    return float(np.mean(np.abs(outputs - expected).max(axis=axes) / np.abs(expected).max(axis=axes)))


def litert_interpreter(path: Path) -> Any:
    """A LiteRT interpreter with one thread, ready to run."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def litert_outputs(path: Path, inputs: Array) -> Array:
    """Run each of `inputs` `[samples, ...]` through LiteRT, from a fresh state; outputs are `[samples, ...]`."""
    interpreter = litert_interpreter(path)
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(value: Array) -> Array:
        interpreter.reset_all_variables()  # the fused LSTM keeps its state from one call to the next
        interpreter.set_tensor(source["index"], value)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(target["index"]))

    return _each(inputs, run, source, target)


def micro_outputs(path: Path, inputs: Array) -> Array:
    """The same through TFLite-Micro."""
    session = open_session(path, "micro")
    (source,), (target,) = session.inputs, session.outputs

    def run(sample: Array) -> Array:
        session.reset()
        return target.dequantize(session.run({source.name: source.quantize(sample[np.newaxis])})[target.name])

    return np.concatenate([run(sample) for sample in inputs])


def _each(inputs: Array, run: Callable[[Array], Array], source: Mapping[str, Any], target: Mapping[str, Any]) -> Array:
    """Quantize, run and dequantize sample by sample; the batch is 1."""
    return np.concatenate([real(run(quantized(sample[np.newaxis], source)), target) for sample in inputs])


def count_operators(content: bytes) -> int:
    """The number of operators in a flatbuffer, those in the bodies of loops included."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    return sum(model.Subgraphs(index).OperatorsLength() for index in range(model.SubgraphsLength()))


def measure(path: Path, folder: Path, runtime: str) -> dict[str, float]:
    """Measure the artifact at `path` on `runtime` (`litert` or `micro`) against `test.npz` and `expected.npy`."""
    with np.load(folder / "test.npz") as data:
        inputs = data["x"]
    expected = np.load(folder / "expected.npy")
    if runtime == "micro":
        content = path.read_bytes()
        error = relative_error(micro_outputs(path, inputs), expected)
        return {
            "arena": arena_bytes(content).used,
            "arena_required": smallest_arena(content),
            "micro_relative_error": error,
        }
    content = path.read_bytes()
    error = relative_error(litert_outputs(path, inputs), expected)
    return {"bytes": len(content), "operators": count_operators(content), "relative_error": error}


if __name__ == "__main__":  # in a process of its own: python -m benchmarks.measure ARTIFACT FOLDER RUNTIME
    print(json.dumps(measure(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])))
