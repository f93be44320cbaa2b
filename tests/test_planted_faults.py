"""Faults planted in real artifacts of models of realistic size are found, with targets and without.

Some are planted in the weights of the model that is converted, as a converter that gets a gate's place wrong would do;
others in the bytes of the artifact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from edgernn.conversion import convert
from edgernn.converters.tflite.flatbuffer import schema
from edgernn.verification import verify
from edgernn.verified import VerifyResult

Array = np.ndarray[Any, Any]
UNITS, STEPS, FEATURES, CLASSES = 48, 40, 12, 6
TASKS = ("classes", "event", "number")
SCHEMES = (("float32", "phone"), ("int8", "micro"))


def signal(samples: int, seed: int) -> Array:
    """Smooth signals with noise `[samples, steps, features]`."""
    random, t = np.random.default_rng(seed), np.arange(STEPS)[None, :, None]
    shape = (samples, 1, FEATURES)
    waves = [
        np.sin(t / random.uniform(2, 12, shape) + random.uniform(0, 6.3, shape)) * random.uniform(0.3, 1, shape)
        for _ in range(2)
    ]
    return (sum(waves) + random.normal(0, 0.4, (samples, STEPS, FEATURES))).astype("f4")


@cache
def model(cell: str, task: str) -> Any:
    """A model whose weights are as large as training makes them, and whose biases are not zero."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    heads = {
        "classes": layers.Dense(CLASSES, activation="softmax"),
        "event": layers.Dense(1, activation="sigmoid"),
        "number": layers.Dense(1),
    }
    made = keras.Sequential([keras.Input((STEPS, FEATURES)), getattr(layers, cell)(UNITS), heads[task]])
    random = np.random.default_rng(3)
    for weight in made.weights:
        value = np.asarray(weight)
        if "bias" in weight.path:
            value = value + random.normal(0, 0.2, value.shape)
        elif "recurrent" not in weight.path:
            value = (2.2 if "dense" in weight.path else 1.5) * value
        weight.assign(value)
    return made


@cache
def data(cell: str, task: str) -> dict[str, Array]:
    """Samples, and targets that Keras meets as well as a trained model does."""
    x = signal(400, 2)
    answers, random = model(cell, task).predict(x, verbose=0), np.random.default_rng(4)
    if task == "number":
        return {"x": x, "y": answers + random.normal(0, 0.3 * answers.std(), answers.shape)}
    labels = answers.argmax(-1) if task == "classes" else (answers[:, 0] > np.median(answers)).astype(int)
    wrong = random.random(400) < 0.05
    return {"x": x, "y": np.where(wrong, random.integers(0, CLASSES if task == "classes" else 2, 400), labels)}


def swap_gates(kernel: Array, recurrent: Array, bias: Array, head: Array) -> None:
    for array in (kernel, recurrent, bias):
        array[..., : 2 * UNITS] = np.roll(array[..., : 2 * UNITS], UNITS, axis=-1)


def lose_bias(kernel: Array, recurrent: Array, bias: Array, head: Array) -> None:
    bias[...] = 0


def reverse_states(kernel: Array, recurrent: Array, bias: Array, head: Array) -> None:
    recurrent[...] = recurrent[::-1]


def halve_the_scale_of_a_kernel(kernel: Array, recurrent: Array, bias: Array, head: Array) -> None:
    kernel *= 0.5


def halve_the_scale_of_the_head(kernel: Array, recurrent: Array, bias: Array, head: Array) -> None:
    head *= 0.5


FAULTS: tuple[Callable[..., None], ...] = (
    swap_gates, lose_bias, reverse_states, halve_the_scale_of_a_kernel, halve_the_scale_of_the_head,
)  # fmt: skip


@cache
def artifact(cell: str, task: str, scheme: str, target: str, fault: Callable[..., None] | None) -> bytes:
    made = model(cell, task)
    weights = [np.array(weight) for weight in made.weights]
    try:
        if fault is not None:
            planted = [weight.copy() for weight in weights]
            fault(*planted[:4])
            made.set_weights(planted)
        return convert(made, quantize=scheme, target=target, calibration=signal(150, 1)).content
    finally:
        made.set_weights(weights)


def judged(cell: str, task: str, content: bytes, targets: bool) -> VerifyResult:
    samples = data(cell, task)
    return verify(model(cell, task), content, samples if targets else samples["x"], oracle="reference")


# Of the GRU each pair of a task, a scheme and what is known is in every run; all else in test-all.
CASES = [
    pytest.param(cell, task, *scheme, known, marks=() if cell == "GRU" and (i + j + known) % 2 else pytest.mark.slow)
    for cell in ("GRU", "LSTM")
    for i, task in enumerate(TASKS)
    for j, scheme in enumerate(SCHEMES)
    for known in (True, False)
]


@pytest.mark.parametrize(("cell", "task", "scheme", "target", "targets"), CASES)
def test_faults_in_weights_are_found(cell: str, task: str, scheme: str, target: str, targets: bool) -> None:
    right = judged(cell, task, artifact(cell, task, scheme, target, None), targets)
    assert right.passed, right.verdict
    assert (right.metric is not None) == targets
    for fault in FAULTS:
        wrong = judged(cell, task, artifact(cell, task, scheme, target, fault), targets)
        assert not wrong.passed, (fault.__name__, wrong.verdicts)


@pytest.mark.parametrize("task", TASKS)
def test_a_halved_scale_in_the_file_is_found(task: str) -> None:
    """Of the output, which then saturates, or of a weight matrix: one number of the file is half of what it was.

    Without targets, that is: a task may be done as well with half of a matrix, and beside targets the metric decides.
    """
    changes = halved_scales(artifact("GRU", task, "int8", "micro", None))
    assert len(changes) > 1
    for change in changes:
        assert not judged("GRU", task, change, targets=False).passed


def halved_scales(content: bytes) -> list[bytes]:
    """The file with the scale of the output halved, then with that of each large constant."""
    import flatbuffers

    whole = schema().ModelT.InitFromPackedBuf(content, 0)
    places = [(0, int(whole.subgraphs[0].outputs[0]))]
    for number, graph in enumerate(whole.subgraphs):
        for index, tensor in enumerate(graph.tensors):
            constant = whole.buffers[tensor.buffer].data
            if constant is not None and len(constant) >= UNITS * UNITS:
                places.append((number, index))
    changes = []
    for number, index in places:
        changed = schema().ModelT.InitFromPackedBuf(content, 0)
        quantization = changed.subgraphs[number].tensors[index].quantization
        quantization.scale = [0.5 * scale for scale in quantization.scale]
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(changed.Pack(builder), b"TFL3")
        changes.append(bytes(builder.Output()))
    return changes
