"""What a task is: its data, its network, how it is scored, and what its answers are worth without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgernn.training.recipe import Source

Array = NDArray[Any]
MetricName = Literal["accuracy", "auc", "rmse", "bits"]
CELLS = ("lstm", "gru")
SEEDS = (0, 1)


@dataclass(frozen=True)
class Examples:
    """Inputs with the right answers.

    Attributes:
        x: per input of the network, `[examples, ...]`.
        y: class numbers (accuracy, bits), 0 or 1 (auc) or real numbers (rmse), `[examples, ...]`.
        weight: 1 for an answer that counts and 0 for one that does not, of the shape of `y`; None if all count.
    """

    x: Mapping[str, Array]
    y: Array
    weight: Array | None = None

    @classmethod
    def of(cls, x: Array, y: Array, weight: Array | None = None) -> Examples:
        """Those of a network with the only input `x`."""
        return cls({"x": x}, y, weight)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.y)

    def select(self, chosen: Any) -> Examples:
        """Some of them, by a slice, indices or a mask."""
        weight = None if self.weight is None else self.weight[chosen]
        return Examples({name: array[chosen] for name, array in self.x.items()}, self.y[chosen], weight)

    def shuffled(self, seed: int) -> Examples:
        """All of them in another order."""
        return self.select(np.random.default_rng(seed).permutation(self.count))


@dataclass(frozen=True)
class Data:
    """Examples to learn from and others to be judged on.

    Attributes:
        train: to learn from; samples to calibrate with are the first of these in a random order.
        test: other speakers, subjects, years or draws.
        naive: the metric on `test` of an answer that needs no network.
        learned: what the network is trained on, if that is more than `train`: with noise, rotations, shifts.
    """

    train: Examples
    test: Examples
    naive: float
    learned: Examples | None = None


@dataclass(frozen=True)
class Plan:
    """How a network is trained: Adam, gradients clipped to a norm of 1, a rate that falls to 0 along half a cosine.

    Attributes:
        epochs: over what is learned from.
        rate: where the learning rate starts.
        batch: examples per step.
        memory: steps over which a cell should remember from the beginning: its gates' biases are drawn so (Tallec and
            Ollivier 2018, 'Can recurrent neural networks warp time?'); 0 leaves Keras's.
        after: the task whose trained weights are the first ones here, empty for Keras's: short sequences come first.
    """

    epochs: int
    rate: float = 1e-2
    batch: int = 64
    memory: int = 0
    after: str = ""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: on the command line.
        question: what is asked, in a line.
        metric: `accuracy`, a fraction; `auc`, the area under the ROC curve; `rmse`; `bits` per character.
        margin: by how much the float network must beat the naive answer: points / 100 of accuracy and AUC; of the
            others, the share of the naive answer's that it may have at most.
        load: the data; downloaded on first use.
        build: the network, given Keras, the cell's class and the data's training examples.
        plan: how it is trained.
        sources: packages with the data.
        made: who made data that no package holds: a formula or a program; data of a simulation say so here.
    """

    name: str
    question: str
    metric: MetricName
    margin: float
    load: Callable[[], Data]
    build: Callable[[Any, Any, Examples], Any]
    plan: Plan
    sources: tuple[Source, ...] = ()
    made: str = ""

    def beats(self, score: float, naive: float) -> bool:
        """Whether a score is better than the naive answer's by the margin."""
        if self.metric in ("accuracy", "auc"):
            return score >= naive + self.margin
        return score <= naive * self.margin


@dataclass(frozen=True)
class Model:
    """One network to train and to judge: a task, a cell, a seed."""

    task: Task
    cell: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.task.name}-{self.cell}-{self.seed}"


def normalization(keras: Any, train: Examples) -> Any:
    """Keras's own way with raw units: the mean and variance of the training data, as the first layer."""
    values = train.x["x"].reshape(-1, train.x["x"].shape[-1]).astype(np.float64)
    variance = np.maximum(values.var(axis=0), 1e-6)
    return keras.layers.Normalization(mean=values.mean(axis=0), variance=variance)
