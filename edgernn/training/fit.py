"""The training loop, and the scores of a model and of two baselines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.errors import InputError
from edgernn.training.data import Dataset, Floats, Samples
from edgernn.training.recipe import Settings

MAX_GRADIENT_NORM = 1.0  # recurrent gradients explode now and then (Pascanu, Mikolov and Bengio 2013, section 3.2)
_SAMPLES_AT_ONCE = 256


@dataclass(frozen=True)
class Epoch:
    """What one epoch reached.

    Attributes:
        number: counted from 1.
        of: how many there will be.
        loss: mean cross-entropy over the epoch's batches, in nats.
        validation_loss: cross-entropy on the validation samples after the epoch, in nats.
        validation_score: accuracy on the validation samples after the epoch.
        seconds: that drawing the samples and training on them took; the first epoch also compiles.
    """

    number: int
    of: int
    loss: float
    validation_loss: float
    validation_score: float
    seconds: float


def batches(data: Dataset, batch_size: int) -> tuple[int, int]:
    """How many batches an epoch has, and of how many samples: fewer than asked for where there are not so many."""
    size = min(batch_size, len(data.train.x))
    return len(data.draw(np.random.default_rng(0)).x) // size, size


def fit(
    keras: Any, model: Any, data: Dataset, settings: Settings, seed: int, on_epoch: Callable[[Epoch], None]
) -> tuple[Epoch, ...]:
    """Train the model in place, for a fixed number of epochs with a learning rate that falls to zero.

    So the last weights are the ones to keep: nothing is chosen by the validation samples, which only watch. The last,
    smaller batch of an epoch is left out (other samples each time), since another shape would be compiled again.

    Raises:
        InputError: the loss became NaN or infinite.
    """
    random = np.random.default_rng(seed)
    count, size = batches(data, settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, settings.epochs * count)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=MAX_GRADIENT_NORM)
    # Keras leaves XLA out on a CPU unless told; a step takes half the time with it, and its sums do not vary.
    compiler = True if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=compiler)
    history = []
    for number in range(1, settings.epochs + 1):
        start = time.perf_counter()
        samples = data.draw(random)
        order = random.permutation(len(samples.x))[: count * size].reshape(count, size)
        model.reset_metrics()
        for batch in order:
            loss = float(model.train_on_batch(samples.x[batch], samples.y[batch]))  # the mean since the reset
        seconds = time.perf_counter() - start
        probabilities = predict(model, data.validation.x)
        validation_loss = _cross_entropy(probabilities, data.validation)
        if not (np.isfinite(loss) and np.isfinite(validation_loss)):
            raise InputError(
                f"training: the loss must stay finite. Found: {loss}, on validation {validation_loss}, epoch {number}.",
                hint=f"choose a --learning-rate below {settings.learning_rate:g}.",
            )
        score = accuracy(probabilities, data.validation)
        epoch = Epoch(number, settings.epochs, loss, validation_loss, score, seconds)
        history.append(epoch)
        on_epoch(epoch)
    return tuple(history)


def predict(model: Any, x: Floats) -> Floats:
    """The model's probabilities, [samples, classes]; `Model.predict` would set up a data pipeline at every call."""
    starts = range(0, len(x), _SAMPLES_AT_ONCE)
    parts: list[Floats] = [model.predict_on_batch(x[start : start + _SAMPLES_AT_ONCE]) for start in starts]
    return np.concatenate(parts)


def accuracy(probabilities: Floats, samples: Samples) -> float:
    """The share of samples whose most probable class is the right one."""
    return float(np.mean(probabilities.argmax(axis=1) == samples.y))


def most_frequent_class(data: Dataset) -> float:
    """Accuracy on the test samples of always answering the training split's most frequent class."""
    return float(np.mean(data.test.y == np.bincount(data.train.y).argmax()))


def nearest_class_mean(data: Dataset, padding: float | None) -> float:
    """Accuracy on the test samples of comparing a sample's mean over time with each class's: no order of steps."""

    def mean_over_time(x: Floats) -> Floats:
        real = np.ones(x.shape[:2], bool) if padding is None else (x != padding).any(axis=2)
        means: Floats = (x * real[:, :, None]).sum(axis=1) / real.sum(axis=1, keepdims=True)
        return means

    train = mean_over_time(data.train.x)
    centres = np.stack([train[data.train.y == label].mean(axis=0) for label in range(int(data.train.y.max()) + 1)])
    distances = ((mean_over_time(data.test.x)[:, None] - centres) ** 2).sum(axis=2)
    return float(np.mean(distances.argmin(axis=1) == data.test.y))


def _cross_entropy(probabilities: Floats, samples: Samples) -> float:
    right = probabilities[np.arange(len(samples.y)), samples.y]
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())
