"""Every case x scheme x target and form x runtime against Keras: a row passes, or names the rule that refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.cases import CASES
from edgernn.compiler import Options, compile_graph
from edgernn.converters.keras.reader import ReadModel, read_model
from edgernn.devices.host.session import Session, open_session
from edgernn.errors import UnsupportedError
from edgernn.promises import keep_promise, promised
from edgernn.targets import INTEGER_SCHEMES, MICRO, PHONE, Form, Scheme, Target

Array = NDArray[Any]
SAMPLES, TESTED = 24, 4
AHEAD = ("batchnorm-first", "rescaling")  # what they do to float inputs stays float
ABOUT = {"edgernn": "any version"}  # marks what a file says of itself as ours
# Relative error as `verify` defines it. Small random models on white noise are harder than trained ones, whose errors
# the benchmark measures.
TOLERANCE: dict[tuple[str, str], float] = {
    ("float32", "phone"): 1e-5,
    ("float32", "micro"): 1e-5,
    ("float16", "phone"): 5e-3,
    ("dynamic", "phone"): 3e-2,
    ("int8", "micro"): 5e-2,
}
ROWS: tuple[tuple[Scheme, Target, Form, tuple[str, ...]], ...] = (
    ("float32", PHONE, "while", ("litert",)),
    ("float32", PHONE, "unrolled", ("litert",)),
    ("float32", MICRO, "while-variable", ("litert", "micro")),
    ("float16", PHONE, "while", ("litert",)),
    ("dynamic", PHONE, "while", ("litert",)),
    ("int8", PHONE, "while", ("litert",)),
    ("int8", PHONE, "unrolled", ("litert",)),
    ("int8", MICRO, "while-variable", ("litert", "micro")),
    ("int16x8", PHONE, "while", ("litert",)),
)


@lru_cache(maxsize=2)
def prepared(name: str) -> tuple[ReadModel, dict[str, Array], list[Array]]:
    """The read model, samples for calibration and tests, and Keras's outputs for the first few."""
    import keras

    case = CASES[name]
    keras.utils.set_random_seed(5)
    model = case.build(keras)
    read = read_model(model)
    (value,) = read.graph.inputs
    samples = {value.name: draw((SAMPLES, *value.shape), value.dtype, case.mask)}
    result = model(samples[value.name][:TESTED], training=False)
    return read, samples, [np.asarray(tensor) for tensor in keras.tree.flatten(result)]


def draw(shape: tuple[int, ...], dtype: str, mask: str) -> Array:
    """Standard normal samples, or ids, with masked steps of the given kind."""
    random = np.random.default_rng(1)
    if dtype == "int32":
        ids = random.integers(1, 9, shape)
        ids[:, 4:] = 0
        return ids.astype("int32")
    x = random.standard_normal(shape).astype("float32")
    if mask:
        hidden = {
            "right": np.arange(shape[1]) >= 3 + np.arange(shape[0])[:, None] % 3,
            "left": np.arange(shape[1]) < 1 + np.arange(shape[0])[:, None] % 3,
            "scattered": random.random(shape[:2]) < 0.4,
            "all": np.broadcast_to(np.arange(shape[0])[:, None] % 4 == 1, shape[:2]),
            "value": random.random(shape[:2]) < 0.4,
        }[mask]
        x[hidden] = -1.5 if mask == "value" else 0.0
    return x


def run(session: Session, read: ReadModel, sample: Mapping[str, Array], masks: list[dict[str, Any]]) -> list[Array]:
    """One sample through an artifact, in real numbers."""
    values = {}
    by_name = {mask["name"]: mask for mask in masks}
    for info in session.inputs:
        mask = by_name.get(info.name)
        if mask:
            values[info.name] = (sample[mask["source"]] != np.float32(mask["differs_from"])).any(-1)[None]
        else:
            values[info.name] = info.quantize(sample[info.name][None])
    result = session.run(values)
    return [info.dequantize(result[info.name])[0] for info in session.outputs]


def relative_error(outputs: list[list[Array]], expected: list[Array]) -> float:
    """Mean over samples of (largest absolute error / largest absolute output), all outputs together."""
    errors = []
    for k, row in enumerate(outputs):
        wanted = [array[k] for array in expected]
        largest = max(float(np.abs(array).max()) for array in wanted)
        wrong = max(float(np.abs(a - b).max()) for a, b in zip(row, wanted, strict=True))
        errors.append(wrong / max(largest, 1e-6))
    return float(np.mean(errors))


@pytest.mark.parametrize(("scheme", "target", "form", "runtimes"), ROWS, ids=lambda v: getattr(v, "name", None))
@pytest.mark.parametrize("name", CASES)  # varies slowest: each model is built once
def test_conforms(name: str, scheme: Scheme, target: Target, form: Form, runtimes: tuple[str, ...]) -> None:
    case = CASES[name]
    read, samples, expected = prepared(name)
    integer_io = target is MICRO and scheme == "int8"
    options = Options(scheme, target, form, "int8" if integer_io else "float32", "mse")
    refused = dict(case.refused).get(f"{scheme}-{target.name}")
    if refused:
        with pytest.raises(UnsupportedError, match=refused):
            compile_graph(read.graph, options, samples, ABOUT)
        return
    content = compile_graph(read.graph, options, samples, ABOUT)
    assert compile_graph(read.graph, options, samples, ABOUT) == content, "conversion must be deterministic"
    keep_promise(content, promised(target.name, None))
    if scheme in INTEGER_SCHEMES and (integer_io or not case.mask):  # a mask is taken from float inputs, where shown
        ahead, behind, between = float_tensors(content)
        assert between == 0, "no float between integers"
        assert ahead <= (0 if integer_io else len(read.graph.inputs)) or name in AHEAD, "inputs alone, or what is named"
        assert not (integer_io and behind), "no float where inputs and outputs are integers"
    otherwise = case.wide_tolerance if scheme == "int16x8" else case.int8_tolerance
    tolerance = TOLERANCE.get((scheme, target.name), otherwise)
    for runtime in runtimes:
        session = open_session(content, runtime)
        masks = masks_of(content)
        outputs = [run(session, read, {n: a[k] for n, a in samples.items()}, masks) for k in range(TESTED)]
        again = run(session, read, {n: a[0] for n, a in samples.items()}, masks)
        assert all(np.array_equal(a, b) for a, b in zip(again, outputs[0], strict=True)), "a run must not leave a state"
        assert relative_error(outputs, expected) <= tolerance, runtime


def float_tensors(content: bytes) -> tuple[int, int, int]:
    """How many float tensors there are that no integer leads to, that lead to no integer, and between integers.

    A float that is both, as of a model without integers, is counted behind.
    """
    from edgernn.converters.tflite.reader import read_tflite

    main, *others = read_tflite(content).subgraphs
    float32 = {k for k, tensor in enumerate(main.tensors) if tensor.dtype == "float32"}
    made = {k for operator in main.operators for k in operator.outputs}
    behind = set(float32)
    for operator in reversed(main.operators):
        if not behind.issuperset(operator.outputs):
            behind.difference_update(operator.inputs)
    ahead = {k for k in float32 if k not in made}  # inputs and constants
    for operator in main.operators:
        if ahead.issuperset(k for k in operator.inputs if k >= 0 and k in float32 | made):
            ahead.update(float32.intersection(operator.outputs))
    inside = sum(tensor.dtype == "float32" for graph in others for tensor in graph.tensors)
    return len(ahead - behind), len(behind), len(float32 - ahead - behind) + inside


def masks_of(content: bytes) -> list[dict[str, Any]]:
    """What the artifact says about its mask inputs."""
    from edgernn.converters.tflite.reader import read_tflite

    return list(read_tflite(content).own.get("masks", []))
