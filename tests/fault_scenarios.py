"""Writes that must survive every error and every kill: what is there before, and what is to be there afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Scenario:
    """A write into a place where an earlier one has been.

    Attributes:
        watched: the folder whose calls fail; all of its content is compared.
        before: the earlier write, and what a user did since.
        write: the write under test.
        after: any later command that looks at the place.
    """

    watched: Path
    before: Callable[[], Any]
    write: Callable[[], Any]
    after: Callable[[], Any] = lambda: None


def owned_folder(place: Path, models: Path) -> Scenario:
    from edgernn.owned_folder import MANIFEST, manifest, recover, write_folder

    folder = place / "out"
    old = {"a": "old", "src/b": "old", "src/same": "same", "gone/deep/c": "old", "edited": "old"}
    new = {"a": "new", "src/b": "new", "src/same": "same", "made/deep/c": "new", "edited": "new", "taken/d": "new"}

    def write(files: dict[str, str]) -> None:
        write_folder(folder, {**files, MANIFEST: manifest({"schema": "edgernn.test"}, files)})

    def before() -> None:
        write(old)
        for name in (".git/HEAD", "src/driver.c", "edited", "taken"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("mine")
        (folder / "link").symlink_to("src")

    return Scenario(folder, before, lambda: write(new), lambda: recover(folder))


def new_folder(place: Path, models: Path) -> Scenario:
    from edgernn.owned_folder import MANIFEST, manifest, recover, write_folder

    folder = place / "out"
    files = {"a": "new", "b/c": "new"}
    text = manifest({"schema": "edgernn.test"}, files)

    def after() -> None:
        recover(folder)
        if folder.exists() and not os.listdir(folder):
            folder.rmdir()  # a kill may leave it, empty; that is no half of anything

    return Scenario(folder, lambda: None, lambda: write_folder(folder, {**files, MANIFEST: text}), after)


def c_folder(place: Path, models: Path) -> Scenario:
    import edgernn
    from edgernn.devices.host.c import read_c_project

    folder = place / "gesture"

    def before() -> None:
        edgernn.convert(models / "gru.keras", folder, format="c", name="earlier")
        (folder / "src/driver.c").write_text("mine")
        (folder / ".git").mkdir()
        (folder / ".git/HEAD").write_text("mine")
        main = folder / "examples/earlier_example/main.c"
        main.write_text(main.read_text() + "/* mine */")

    def write() -> None:
        edgernn.convert(models / "lstm.h5", folder, format="c", name="later")

    return Scenario(folder, before, write, lambda: read_c_project(folder))


def tflite(place: Path, models: Path) -> Scenario:
    import edgernn

    artifact = place / "out/model.tflite"

    def before() -> None:
        artifact.parent.mkdir()
        (artifact.parent / "notes").write_text("mine")
        edgernn.convert(models / "gru.keras", artifact)

    return Scenario(artifact.parent, before, lambda: edgernn.convert(models / "lstm.h5", artifact))


def android_app(place: Path, models: Path) -> Scenario:
    import edgernn
    from edgernn.deployment.android import write_android_project
    from edgernn.swap import recover

    app, artifacts = place / "app", [place / "old.tflite", place / "new.tflite"]
    for model, artifact in zip(("gru.keras", "lstm.h5"), artifacts, strict=True):
        edgernn.convert(models / model, artifact)

    def before() -> None:
        write_android_project(artifacts[0], app, None, "com.example.old")
        (app / "app/src/main/java").mkdir()
        (app / "app/src/main/java/Own.kt").write_text("mine")
        (app / "settings.gradle.kts").write_text("mine")

    def write() -> None:
        write_android_project(artifacts[1], app, None, "com.example.new")

    return Scenario(app, before, write, lambda: recover(app))


class Trained:
    """A model that a training has ended with, here one of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, path: Path) -> None:
        shutil.copy(self.path, path)


def training_run(place: Path, models: Path) -> Scenario:
    from edgernn.converters.keras.reader import read_model
    from edgernn.training.output import OutputFolder

    run = place / "run"

    def train(model: str, samples: str) -> None:
        with OutputFolder(run, replace_run=True) as folder:
            (folder.path / "test.npz").write_text(samples)
            folder.commit(Trained(models / model), {"model": model})

    def before() -> None:
        train("gru.keras", "old")
        (run / "test.npz").write_text("mine")
        (run / "model.tflite").write_text("mine")

    return Scenario(run, before, lambda: train("regression.keras", "new"), lambda: read_model(run / "model.keras"))


def reports(place: Path, models: Path) -> Scenario:
    from dataclasses import replace

    from report_results import one

    from edgernn.comparison.output import write_reports
    from edgernn.swap import recover

    folder = place / "runs"
    new = one()

    def before() -> None:
        folder.mkdir()
        (folder / "comparison.json").write_text("{}")
        write_reports(folder, replace(new, seconds=1.0, complete=False))
        (folder / "report.md").write_text("mine")

    return Scenario(folder, before, lambda: write_reports(folder, new), lambda: recover(folder))


def history(place: Path, models: Path) -> Scenario:
    from edgernn.profiling.history import append, check_writable

    path = place / "out/history.jsonl"

    def before() -> None:
        path.parent.mkdir()
        append(path, {"schema": "edgernn.profile", "number": 1})

    def write() -> None:
        check_writable(path)
        append(path, {"schema": "edgernn.profile", "number": 2})

    return Scenario(path.parent, before, write)


SCENARIOS: dict[str, Callable[[Path, Path], Scenario]] = {
    scenario.__name__: scenario
    for scenario in (owned_folder, new_folder, c_folder, tflite, android_app, training_run, reports, history)
}
