"""A recipe's data: recordings, how they are split, and the samples that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Recordings:
    """Signals as they were recorded, and the class of each.

    Attributes:
        signals: float32 [steps, features], each with its own number of steps.
        classes: int64 [recordings], indices of classes.
    """

    signals: tuple[Floats, ...]
    classes: Labels

    def select(self, chosen: NDArray[np.bool_]) -> Recordings:
        """Those recordings for which `chosen` [recordings] is true, in the same order."""
        return Recordings(tuple(self.signals[index] for index in np.flatnonzero(chosen)), self.classes[chosen])


@dataclass(frozen=True)
class Split:
    """All recordings, split by what makes the test honest: speaker, subject, session.

    Attributes:
        train: to learn from.
        validation: held out of these, to judge settings without looking at the test.
        test: to measure the score on.
    """

    train: Recordings
    validation: Recordings
    test: Recordings

    def share(self, fraction: float, seed: int) -> Split:
        """The same split with less to learn from: a share of each class's recordings, at least one, chosen at random.

        Of two shares with the same seed the smaller one lies in the larger one, so that a learning curve grows by
        adding recordings and not by exchanging them.
        """
        random = np.random.default_rng(seed)
        chosen = np.zeros(len(self.train.classes), bool)
        for label in np.unique(self.train.classes):
            members = random.permutation(np.flatnonzero(self.train.classes == label))
            chosen[members[: max(1, round(fraction * len(members)))]] = True
        return replace(self, train=self.train.select(chosen))


@dataclass(frozen=True)
class Samples:
    """Sequences and their classes.

    Attributes:
        x: float32 [samples, steps, features], prepared as the model wants it.
        y: int64 [samples], indices of classes.
    """

    x: Floats
    y: Labels


@dataclass(frozen=True)
class Dataset:
    """The samples that a split's recordings become.

    Attributes:
        train: the fixed samples of the training split; calibration samples are taken from these.
        validation: of the validation split.
        test: of the test split.
        epoch: the samples of one epoch, drawn from the training split with the given generator, when an epoch is
            more than a shuffle of `train`: other windows, rotations, noise.
    """

    train: Samples
    validation: Samples
    test: Samples
    epoch: Callable[[np.random.Generator], Samples] | None = None

    def draw(self, random: np.random.Generator) -> Samples:
        """The samples of one epoch, as yet in the recordings' order."""
        return self.epoch(random) if self.epoch else self.train
