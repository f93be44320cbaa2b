"""Compares what the reader makes of a Keras model with Keras itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras_models import randomize
from numpy.typing import NDArray

from edgernn.converters.keras import ReadModel, read_model
from edgernn.graph import Value
from edgernn.passes import simplify
from edgernn.reference import evaluate

Array = NDArray[Any]
SAMPLES = 3
TOLERANCE = 1e-5  # largest absolute error, relative to outputs of size 1


def functional(inputs: Any, outputs: Any, seed: int = 0) -> Any:
    """A functional model with random weights."""
    import keras

    model = keras.Model(inputs, outputs)
    randomize(model, seed)
    return model


def random_inputs(read: ReadModel, samples: int = SAMPLES, seed: int = 0) -> dict[str, Array]:
    """Standard normal floats, ids up to 10, and masks."""
    random = np.random.default_rng(seed)

    def make(value: Value) -> Array:
        shape = (samples, *value.shape)
        match value.dtype:
            case "int32":
                return random.integers(0, 11, shape).astype("int32")
            case "bool":
                return random.random(shape) < 0.6
            case _:
                return random.normal(size=shape).astype("float32")

    return {value.name: make(value) for value in read.graph.inputs}


def run_keras(model: Any, inputs: Mapping[str, Array], names: Sequence[str]) -> list[Array]:
    """What Keras computes, output by output."""
    import keras

    arrays: Any = [inputs[name] for name in names]
    result = model(arrays if len(arrays) > 1 else arrays[0], training=False)
    return [np.asarray(keras.ops.convert_to_numpy(tensor)) for tensor in keras.tree.flatten(result)]


def check(
    model: Any, inputs: Sequence[Array] | None = None, *, steps: int | None = None, tolerance: float = TOLERANCE
) -> ReadModel:
    """Read `model`, and demand that the graph, as read and simplified, gives Keras's outputs; inputs in their order."""
    read = read_model(model, steps=steps)
    given = random_inputs(read) if inputs is None else dict(zip(read.inputs, inputs, strict=True))
    expected = run_keras(model, given, read.inputs)
    for graph in (read.graph, simplify(read.graph)):
        outputs = evaluate(graph, given)
        assert list(outputs) == list(read.outputs)
        assert len(outputs) == len(expected)
        for (name, output), wanted in zip(outputs.items(), expected, strict=True):
            assert output.shape == wanted.shape, name
            assert np.abs(wanted).max() > 0, f"'{name}' is all zeros and proves nothing"
            scale = max(1.0, float(np.abs(wanted).max()))
            np.testing.assert_allclose(output / scale, wanted / scale, atol=tolerance, rtol=0, err_msg=name)
    assert read.parameters == model.count_params()
    return read
