"""What a recipe is: where its data comes from, how it becomes samples, and how long to train on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgernn.training.data import Dataset, Split


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
    """A classification task on real data, with everything that is needed to train a model on it.

    Attributes:
        name: what the user calls it.
        task: what the model learns to tell, in a few words.
        steps: time steps per sample; of a shorter one, the longest.
        features: values per step.
        classes: the names of the classes, in the order of the model's outputs.
        source: the package that holds the data.
        load: reads the recordings, and how they are split, from the content of the source's members, by path.
        prepare: makes samples of the recordings. Whatever it learns from data, such as what to scale by, it learns from
            the training split it is given, which may be a share of the whole.
        settings: how it is trained.
        padding: the value that fills a short sequence's missing steps, which a recurrent model masks; None if every
            sequence has all steps.
    """

    name: str
    task: str
    steps: int
    features: int
    classes: tuple[str, ...]
    source: Source
    load: Callable[[Mapping[str, bytes]], Split]
    prepare: Callable[[Split], Dataset]
    settings: Settings
    padding: float | None = None

    @property
    def metric(self) -> str:
        """The name of the score."""
        return "accuracy"
