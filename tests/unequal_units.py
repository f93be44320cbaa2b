"""Models whose features have units of their own, with samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from keras_models import randomize
from numpy.typing import NDArray

import edgernn
from edgernn.graph import Builder, Graph, Value
from edgernn.graph import operators as ops

Array = NDArray[Any]


def waves(samples: int, steps: int, features: int, seed: int = 0) -> Array:
    """Smooth, of mean 0 and deviation about 1."""
    r = np.random.default_rng(seed)
    t, shape = np.arange(steps)[None, :, None], (samples, 1, features)
    found = np.sin(t / r.uniform(2, 12, shape) + r.uniform(0, 6, shape)) * r.uniform(0.7, 1.7, shape)
    return (found + r.normal(0, 0.3, (samples, steps, features))).astype("f4")


def in_units(x: Array, ratio: float, offset: float, seed: int = 1) -> tuple[Array, Array]:
    """The same in other units, the largest `ratio` times the smallest; and the units."""
    r, count = np.random.default_rng(seed), x.shape[-1]
    unit = ratio ** (r.permutation(count) / max(count - 1, 1))
    return (x * unit + unit * r.uniform(-offset, offset, count)).astype("f4"), unit


def keras_model(kind: str, cell: str, x: Array, unit: Array) -> Any:
    """A model of raw units."""
    import keras

    layers, width = keras.layers, x.shape[-1]
    recurrent = getattr(layers, cell)(13)
    first: list[Any] = []
    if kind in ("normalization", "masked", "sentinel", "stack"):
        known = x[(x != -999).any(-1) & (x != 0).any(-1)]
        first = [layers.Normalization(mean=known.mean(0), variance=known.var(0))]
    if kind in ("masked", "sentinel"):
        first.insert(0, layers.Masking(-999.0 if kind == "sentinel" else 0.0))
    if kind == "batch normalization":
        first = [layers.BatchNormalization()]
    if kind == "conv":
        first = [layers.Conv1D(6, 3, padding="same", activation="relu")]
    if kind == "both ways":
        recurrent = layers.Bidirectional(recurrent)
    if kind == "stack":
        more = [getattr(layers, cell)(9, return_sequences=True), layers.BatchNormalization(), recurrent]
        model = keras.Sequential([keras.Input(x.shape[1:]), *first, *more, layers.Dense(3)])
    else:
        model = keras.Sequential([keras.Input(x.shape[1:]), *first, recurrent, layers.Dense(3)])
    randomize(model, 5)
    if kind == "batch normalization":
        rows = x.reshape(-1, width)
        first[0].set_weights([np.ones(width), np.zeros(width), rows.mean(0), rows.var(0)])
    elif kind in ("normalization", "masked", "sentinel", "stack"):
        normal = next(layer for layer in first if isinstance(layer, layers.Normalization))
        known = x[(x != -999).any(-1) & (x != 0).any(-1)]
        for weight, value in zip(normal.weights, (known.mean(0), known.var(0)), strict=False):
            weight.assign(value)
    else:  # the first weights make up for the units, as training on raw data has it
        layer = first[0] if first else recurrent
        weights = layer.get_weights()
        for k, weight in enumerate(weights):
            if width in weight.shape[-2:-1] and k in (0, 3):
                weights[k] = weight / unit[:, None]
        layer.set_weights(weights)
    return model


KINDS = ("normalization", "batch normalization", "raw weights", "conv", "masked", "sentinel", "both ways", "stack")


def made(kind: str, cell: str, ratio: float, width: int = 5, steps: int = 18) -> tuple[Any, Array]:
    offset = 30 if "normalization" in kind or kind in ("masked", "sentinel", "stack") else 0
    x, unit = in_units(waves(150, steps, width), ratio, offset)
    if kind in ("masked", "sentinel"):
        x[::2, steps - 5 :] = 0 if kind == "masked" else -999
    return keras_model(kind, cell, x, unit), x


@st.composite
def chains(draw: st.DrawFn) -> tuple[Graph, dict[str, Array]]:
    """An input, sums and products with constants behind it, and something that reads the last."""
    r = np.random.default_rng(draw(st.integers(0, 99)))
    b, width = Builder("m"), draw(st.integers(1, 4))
    x: Value = b.input("x", (6, width))
    array = (r.normal(size=(9, 6, width)) * 10.0 ** r.integers(-3, 4, width)).astype("f4")
    values = [x]
    for k in range(draw(st.integers(0, 4))):
        function: ops.BinaryFunction = draw(st.sampled_from(["add", "sub", "mul", "div"]))
        shape = draw(st.sampled_from([(1,), (width,)]))
        constant = b.constant(f"c{k}", (r.uniform(0.5, 3, shape) * r.choice([-1, 1], shape)).astype("f4"))
        values.append(b.apply(ops.Binary(function), values[-1], constant))
    last = values[-1]
    match draw(st.sampled_from(["dense", "conv", "padded", "twice", "function"])):
        case "dense":
            parts = [r.normal(size=(3, width)).astype("f4"), r.normal(size=3).astype("f4")]
            y = b.apply(ops.Affine(1, bias=True), last, *(b.constant(f"k{i}", p) for i, p in enumerate(parts)))
        case "conv" | "padded" as form:
            padded = b.apply(ops.Pad(1, 1), last) if form == "padded" else last
            y = b.apply(ops.Conv(1, 1, bias=False), padded, b.constant("k", r.normal(size=(2, 3, width)).astype("f4")))
        case "twice":
            kernel = b.constant("k", r.normal(size=(3, width)).astype("f4"))
            y = b.apply(ops.Affine(2, bias=False), last, draw(st.sampled_from(values)), kernel, kernel)
        case _:
            y = b.apply(ops.Unary("relu"), last)
    outputs = [y, draw(st.sampled_from(values[1:]))] if len(values) > 1 and draw(st.booleans()) else [y]
    return b.finish(*outputs), {"x": array}


def last_answers(path: Path, windows: Array) -> Array:
    """What a stream answers at the end of each window, begun anew for each."""
    with edgernn.StreamingSession(path) as session:
        answers = []
        for window in windows:
            session.reset()
            answers.append([session.step(frame) for frame in window][-1])
    return np.array(answers)
