"""What weights would take in each scheme: by hand, and beside what an artifact's weights do take."""

from __future__ import annotations

import numpy as np
import pytest
from keras_models import build
from saved_models import artifact, folder

from edgernn.conversion import convert
from edgernn.converters.tflite.accounting import account
from edgernn.converters.tflite.reader import read_tflite
from edgernn.profiling.keras_sizes import weight_bytes_by_scheme
from edgernn.targets import SCHEMES

KERNELS, BIASES = 3 * 17 * (5 + 17) + 3 * 17, 2 * 3 * 17 + 3  # of gru.keras


def test_by_hand() -> None:
    assert weight_bytes_by_scheme(folder() / "gru.keras") == {
        "float32": 4 * KERNELS + 4 * BIASES,
        "float16": 2 * KERNELS + 4 * BIASES,
        "dynamic": KERNELS + 4 * BIASES,
        "int8": KERNELS + 4 * BIASES,
        "int16x8": KERNELS + 8 * BIASES,
    }


def test_a_table_is_small_in_integer_schemes_only() -> None:
    table, kernels, biases = 11 * 4, 4 * 3 * (4 + 3), 4 * 3
    assert weight_bytes_by_scheme(build("embedding")) == {
        "float32": 4 * (table + kernels + biases),
        "float16": 2 * table + 2 * kernels + 4 * biases,
        "dynamic": table + kernels + 4 * biases,
        "int8": table + kernels + 4 * biases,
        "int16x8": table + kernels + 8 * biases,
    }


@pytest.mark.parametrize("name", ["lstm", "gru", "time_distributed", "normalizations", "own_backward_layer"])
def test_float32_is_what_keras_counts(name: str) -> None:
    model = build(name)
    assert weight_bytes_by_scheme(model)["float32"] == 4 * model.count_params()


def test_a_layer_that_is_used_twice_is_there_once() -> None:
    import keras

    dense = keras.layers.Dense(5)
    x = keras.Input((9, 5))
    model = keras.Model(x, keras.layers.GRU(3, use_bias=False)(dense(dense(x))))
    kernels = 5 * 5 + 3 * 3 * (5 + 3)
    assert weight_bytes_by_scheme(model)["int8"] == kernels + 4 * 5


def test_an_open_number_of_steps_does_not_matter() -> None:
    found = weight_bytes_by_scheme(folder() / "open.keras", steps=9)
    assert found["int8"] == 3 * 4 * (5 + 4) + 4 * 2 * 3 * 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_lstm_takes_what_was_foretold(scheme: str) -> None:
    """An LSTM's biases are merged nowhere, so that it is exact but for biases that rounding adds."""
    parts = account(read_tflite(artifact(scheme, "phone", "lstm.h5")))
    kernels, biases = 4 * 7 * (5 + 7) + 3 * 7, 4 * 7 + 3
    foretold = weight_bytes_by_scheme(folder() / "lstm.h5")[scheme]
    assert parts["weights"] == kernels * {"float32": 4, "float16": 2}.get(scheme, 1)
    assert foretold - parts["weights"] == biases * (8 if scheme == "int16x8" else 4)
    assert 0 <= parts["biases"] - (foretold - parts["weights"]) <= 4 * 4 * 7


def test_an_embedding_takes_what_was_foretold(tmp_path_factory: pytest.TempPathFactory) -> None:
    model, where = build("embedding"), tmp_path_factory.mktemp("sizes") / "a.tflite"
    ids = np.random.default_rng(0).integers(0, 11, (16, 9)).astype("int32")
    for scheme, foretold in weight_bytes_by_scheme(model).items():
        convert(model, where, quantize=scheme, calibration=ids)
        parts = account(read_tflite(where))
        assert 0 <= parts["weights"] + parts["biases"] - foretold <= 4 * 4 * 3
