"""Small trained-like models on disk with samples, made once per test run, for tests of the commands."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from keras_models import randomize
from numpy.typing import NDArray

Array = NDArray[Any]
STEPS, FEATURES, CLASSES = 9, 5, 3
EDGERNN = (sys.executable, "-m", "edgernn")


def signal(samples: int, seed: int) -> Array:
    """Correlated noise `[samples, steps, features]`, float32."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((samples, STEPS, FEATURES)).astype(np.float32)
    for step in range(1, STEPS):
        x[:, step] = 0.8 * x[:, step - 1] + 0.6 * x[:, step]
    return x


@cache
def folder() -> Path:
    """Four models, `calibration.npz`, and `test.npz`, whose targets are what `gru.keras` answers."""
    import keras

    where = Path(tempfile.mkdtemp(prefix="edgernn-test-"))
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    models = {
        "gru.keras": _model(keras, keras.layers.GRU(17), keras.layers.Dense(CLASSES, activation="softmax")),
        "lstm.h5": _model(keras, keras.layers.LSTM(7), keras.layers.Dense(CLASSES, activation="softmax")),
        "regression.keras": _model(keras, keras.layers.SimpleRNN(6), keras.layers.Dense(2)),
        "open.keras": _model(keras, keras.layers.GRU(4), steps=None),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own, also in a test that lets none pass
        for name, model in models.items():
            model.save(where / name)
    np.savez(where / "calibration.npz", x=signal(40, 1))
    test = signal(24, 2)
    answers = models["gru.keras"].predict(test, verbose=0)
    np.savez(where / "test.npz", x=test, y=answers.argmax(-1))
    return where


def _model(keras: Any, *layers: Any, steps: int | None = STEPS) -> Any:
    model = keras.Sequential([keras.Input((steps, FEATURES), name="signal"), *layers])
    randomize(model, 5)
    if getattr(layers[-1], "activation", None) is keras.activations.softmax:
        kernel, bias = layers[-1].weights  # so that every class is chosen for some samples
        kernel.assign(8 * np.asarray(kernel))
        bias.assign(0.3 * np.asarray(bias))
    return model


@cache
def artifact(scheme: str = "int8", target: str = "micro", model: str = "gru.keras") -> Path:
    """An artifact of one of the models, with the types of its scheme and target and nothing wider."""
    from edgernn.conversion import convert

    path = folder() / f"{model}-{scheme}-{target}.tflite"
    samples = folder() / "calibration.npz"
    convert(folder() / model, path, quantize=scheme, target=target, calibration=samples, measure=False)
    return path


@cache
def stock_artifact() -> Path:
    """What TensorFlow's own converter makes of `gru.keras`, float32."""
    path = folder() / "stock.tflite"
    program = (
        "import sys, keras, tensorflow as tf\n"
        "source, target = sys.argv[1:]\n"
        f"x = keras.Input(({STEPS}, {FEATURES}), batch_size=1, name='signal')\n"
        "model = keras.Model(x, keras.models.load_model(source)(x))\n"
        "open(target, 'wb').write(tf.lite.TFLiteConverter.from_keras_model(model).convert())\n"
    )
    command = [sys.executable, "-c", program, str(folder() / "gru.keras"), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def int8_c(place: Path) -> Path:
    """`gru.keras` as C, int8, in a folder; its functions are called `model`."""
    import edgernn

    calibration = folder() / "calibration.npz"
    edgernn.convert(folder() / "gru.keras", place, format="c", quantize="int8", calibration=calibration, name="model")
    return place
