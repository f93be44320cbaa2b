"""An Embedding's table is stored as small as the scheme says, and looked up right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import edgernn
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.session import open_session

ROWS, WIDTH, STEPS = 2000, 48, 20
# Bytes of an element of the table, and the error allowed, of the spread of Keras's answers.
SCHEMES = {"float32": (4, 1e-5), "float16": (2, 2e-3), "dynamic": (1, 2e-2), "int8": (1, 0.15)}


def text_model(shared: bool = False, each_step: bool = False) -> Any:
    import keras
    from keras import layers as k

    keras.utils.set_random_seed(3)
    table = k.Embedding(ROWS, WIDTH, embeddings_initializer="normal", name="table")
    ids = keras.Input((4, STEPS // 4) if each_step else (STEPS,), dtype="int32", name="ids")
    if each_step:
        inner = keras.Sequential([keras.Input((STEPS // 4,), dtype="int32"), table, k.GRU(16)])
        y = k.GRU(12)(k.TimeDistributed(inner)(ids))
    else:
        y = k.GRU(24)(table(ids))
    if shared:
        y = k.Concatenate()([y, k.GRU(8)(table(ids))])
    return keras.Model(ids, k.Dense(3)(y))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["plain", "shared", "each_step"])
def test_a_table_is_stored_in_the_schemes_bytes(scheme: str, kind: str) -> None:
    model = text_model(**({kind: True} if kind != "plain" else {}))
    x = np.random.default_rng(2).integers(0, ROWS, (24, *model.input_shape[1:])).astype("int32")
    each, tolerance = SCHEMES[scheme]
    calibration: dict[str, Any] = {"calibration": x} if scheme == "int8" else {}
    content = edgernn.convert(model, quantize=scheme, **calibration).content
    stored = [t for g in read_tflite(content).subgraphs for t in g.tensors if t.shape == (ROWS, WIDTH) and t.data_bytes]
    assert {tensor.data_bytes for tensor in stored} == {ROWS * WIDTH * each}
    rest = 4 * (model.count_params() - ROWS * WIDTH) + 16_000
    assert len(content) < ROWS * WIDTH * each + rest, "the table is stored once"
    session = open_session(content, "litert")
    got = np.concatenate([session.run({"ids": row[None]})[session.outputs[0].name] for row in x])
    wanted = np.asarray(model(x))
    assert np.sqrt(np.mean((got - wanted) ** 2)) / wanted.std() < tolerance


def test_a_streams_table_is_as_small() -> None:
    for scheme, (each, _) in SCHEMES.items():
        if scheme == "int8":
            continue
        model = text_model()
        content = edgernn.convert(model, quantize=scheme, streaming=True).content
        assert len(content) < ROWS * WIDTH * each + 4 * (model.count_params() - ROWS * WIDTH) + 16_000
        x = np.random.default_rng(2).integers(0, ROWS, STEPS).astype("int32")
        with edgernn.StreamingSession(content) as session:
            for index in x:
                answer = session.step(index)
        assert np.abs(answer - np.asarray(model(x[None]))[0]).max() < 5e-2
