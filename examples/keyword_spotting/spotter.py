"""The model and its training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.keyword_spotting.effects import masked, microphones
from examples.keyword_spotting.scenes import FRAMES, FRONT_END, STRIDE
from examples.keyword_spotting.words import CLASSES

Floats = NDArray[np.float32]
UNITS, FILTERS, KERNEL, DROPOUT = 64, 40, 5, 0.1
EPOCHS, BATCH, LEARNING_RATE = 22, 128, 5e-3


def build(keras: Any, x: Floats) -> Any:
    """A causal convolution with a stride, a GRU, and the probability of each class at every answer."""
    entry = keras.Input((FRAMES, FRONT_END.bands), name="x")
    scale = keras.layers.Normalization(axis=None, name="scale")
    scale.adapt(x)
    layers = keras.layers
    flow = scale(entry)
    flow = layers.Conv1D(FILTERS, KERNEL, strides=STRIDE, padding="causal", activation="relu", name="conv")(flow)
    flow = layers.Dropout(DROPOUT, name="dropout_1")(flow)
    flow = layers.GRU(UNITS, return_sequences=True, name="gru")(flow)
    flow = layers.Dropout(DROPOUT, name="dropout_2")(flow)
    flow = layers.Dense(len(CLASSES), activation="softmax", name="probabilities")(flow)
    return keras.Model(entry, flow, name="keyword_spotter")


def fit(
    keras: Any, model: Any, data: tuple[Floats, NDArray[np.int64], Floats], seed: int, on_epoch: Callable[[float], None]
) -> None:
    """Train in place on features, classes and weights of `windows`; the learning rate falls along half a cosine."""
    random = np.random.default_rng(seed)
    x, y, weight = data
    batches = len(x) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * batches)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=1.0)
    # Not compiled by XLA, whose loop over the frames takes ten times as long when other programs share the processor.
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    for _ in range(EPOCHS):
        model.reset_metrics()
        for batch in random.permutation(len(x))[: batches * BATCH].reshape(batches, BATCH):
            heard = masked(microphones(x[batch], random), random)
            loss = float(model.train_on_batch(heard, y[batch], sample_weight=weight[batch]))
        on_epoch(loss)
