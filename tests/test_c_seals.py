"""A header and a source of two conversions do not compile together, whichever of them is exchanged."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from conftest import require_system
from saved_models import folder

import edgernn
from edgernn.converters.c.seals import sealed


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("halves")
    for name, model in (("old", "gru.keras"), ("new", "regression.keras")):
        edgernn.convert(folder() / model, place / name, format="c", name="model")
    return place / "old", place / "new"


def compiled(source: Path, include: Path) -> subprocess.CompletedProcess[str]:
    command = [require_system("gcc"), "-std=c99", "-I", str(include), "-c", str(source), "-o", "/dev/null"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_what_was_written_together_compiles(halves: tuple[Path, Path]) -> None:
    for half in halves:
        for source in (half / "src/model.c", half / "examples/model_example/main.c"):
            assert compiled(source, half / "src").returncode == 0


@pytest.mark.parametrize("path", ["src/model.h", "src/model.c", "examples/model_example/main.c"])
def test_one_file_of_another_conversion_is_an_error(halves: tuple[Path, Path], tmp_path: Path, path: str) -> None:
    old, new = halves
    for file in old.rglob("*"):
        if file.is_file():
            target = tmp_path / file.relative_to(old)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(
                (new if str(file.relative_to(old)) == path else old).joinpath(target.relative_to(tmp_path)).read_bytes()
            )
    errors = [
        compiled(tmp_path / name, tmp_path / "src").stderr for name in ("src/model.c", "examples/model_example/main.c")
    ]
    assert any("are of two conversions" in error for error in errors)


def test_a_header_of_an_older_edgernn_is_an_error(halves: tuple[Path, Path], tmp_path: Path) -> None:
    for file in (halves[0] / "src").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    header = (tmp_path / "model.h").read_text()
    (tmp_path / "model.h").write_text(re.sub(r"^(#define \w+_H) 0x.*$", r"\1", header, count=1, flags=re.MULTILINE))
    assert (tmp_path / "model.h").read_text() != header
    assert compiled(tmp_path / "model.c", tmp_path).returncode != 0


def test_every_header_is_checked_and_sealing_twice_changes_nothing(halves: tuple[Path, Path]) -> None:
    files = {path.name: path.read_text() for path in (halves[0] / "src").iterdir()}
    assert sealed(files) == files
    for name, text in files.items():
        for header in files:
            if f'#include "{header}"' in text:
                assert f"{name} and {header} are of two conversions" in text
