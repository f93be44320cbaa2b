"""Models to stream, as files over a window, and their answers."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from test_stream_pass import FLOAT_ONLY, MODELS, STEPS, sequential

import edgernn

Array = NDArray[Any]
ALL = {**MODELS, **FLOAT_ONLY}


@cache
def saved(name: str) -> bytes:
    """The file of a model over a window of STEPS; Keras takes its time to build one."""
    import keras

    features, _, layers = ALL[name]
    window = keras.Sequential([keras.Input((STEPS, features)), *layers(keras.layers)])
    window.set_weights(sequential(features, layers).get_weights())
    with tempfile.TemporaryDirectory() as folder:
        window.save(Path(folder) / "m.keras")
        return (Path(folder) / "m.keras").read_bytes()


def fixed(name: str, path: Path) -> tuple[int, int, Array]:
    """Save a model over a window of STEPS; its features, its look ahead, and samples for it."""
    path.write_bytes(saved(name))
    features, lookahead, _ = ALL[name]
    samples = np.random.default_rng(7).standard_normal((20, STEPS, features)).astype("f4")
    return features, lookahead, samples


def streamed(session: edgernn.StreamingSession, frames: Array) -> Array:
    """All answers, one after the other; of a model without a time axis, the last alone."""
    answers = list(session.run(frames))
    shape = session.outputs[0].shape
    per_hop = [np.reshape(answer, (-1, shape[-1])) for answer in answers]
    return np.concatenate(per_hop)
