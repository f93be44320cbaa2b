"""Where `convert` writes: folders that are missing, names that nobody gave, and files that are there already."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import screen_results

import edgernn
from edgernn.cli.main import run
from edgernn.cli.place import artifact_place
from edgernn.converters.tflite.reader import read_tflite
from edgernn.errors import InputError

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and samples, which the commands run in."""
    shutil.copy(screen_results.folder() / "model.h5", tmp_path / "model.h5")
    shutil.copy(screen_results.folder() / "samples.npz", tmp_path / "samples.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found} - {"model.h5", "samples.npz"}


INT8 = ("--quantize", "int8", "--calibration", "samples.npz", "--no-measure")


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ((), "model.tflite"),
        (INT8, "model-int8.tflite"),
        ((*INT8, "--target", "micro"), "model-int8-micro.tflite"),
        (("--target", "micro", "-o", "out/"), "out/model-micro.tflite"),
        (("-o", "a/b c/"), "a/b c/model.tflite"),
        (("-o", "a/b/m.tflite"), "a/b/m.tflite"),
    ],
)
def test_an_artifact_has_its_place(here: Path, words: tuple[str, ...], file: str, capsys: Captured) -> None:
    assert run(["convert", "model.h5", *words]) == 0
    assert new(here) == {file}
    assert read_tflite((here / file).read_bytes()).subgraphs
    assert os.path.normpath(file) in os.path.normpath(capsys.readouterr().out.split("\n")[0].split(maxsplit=1)[1])


def test_c_without_a_place_is_a_folder_beside_the_model(here: Path) -> None:
    assert run(["convert", "model.h5", "--format", "c"]) == 0
    assert (here / "model-c" / "README.md").is_file()
    assert run(["convert", "model.h5", "--format", "c", "-o", "deep/down/wake"]) == 0
    assert (here / "deep" / "down" / "wake" / "README.md").is_file()
    assert run(["convert", "model.h5", "--format", "c"]) == 2


@pytest.mark.parametrize("words", [[], ["-o", "out/"], ["-o", "out"]])
def test_what_nobody_named_replaces_nothing(here: Path, words: list[str], capsys: Captured) -> None:
    (here / "out").mkdir()
    place = here / ("out" if words else "") / "model.tflite"
    place.write_bytes(b"precious")
    assert run(["convert", "model.h5", *words]) == 2
    assert place.read_bytes() == b"precious"
    shown = capsys.readouterr()
    assert shown.out == ""
    named = shown.err.splitlines()[-1].split("-o ")[1].split(" replaces")[0]
    assert run(["convert", "model.h5", "-o", named]) == 0  # as the hint says
    assert place.read_bytes() != b"precious"


def test_a_refused_conversion_makes_no_folder(here: Path) -> None:
    assert run(["convert", "model.h5", "-o", "out/m.tflite", "--quantize", "int8"]) == 2
    assert run(["convert", "nothing.h5", "-o", "out/m.tflite"]) == 2
    (here / "file").write_bytes(b"")
    assert run(["convert", "model.h5", "-o", "file/out/m.tflite"]) == 2
    assert new(here) == {"file"}
    assert not (here / "out").exists()


def test_python_makes_folders_too_and_a_report_its_own(here: Path) -> None:
    edgernn.convert("model.h5", "x/y/m.tflite")
    assert new(here) == {"x/y/m.tflite"}
    words = ["--quantize", "int8", "--calibration", "samples.npz", "--report", "r/s.html", "-o", "z/m.tflite"]
    assert run(["convert", "model.h5", *words]) == 0
    assert new(here) == {"x/y/m.tflite", "r/s.html", "z/m.tflite"}


def test_a_link_to_nothing_is_something(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError, match="must be named"):
        artifact_place(None, tmp_path / "model.keras", "tflite", "float32", "", streaming=False)
    other = artifact_place(None, tmp_path / "model.keras", "tflite", "float32", "micro", streaming=True)
    assert other == str(tmp_path / "model-micro-stream.tflite")
