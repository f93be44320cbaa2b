"""A folder that is written again: ours is replaced, the user's stays, whatever kind of thing it is."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgernn.errors import InputError
from edgernn.owned_folder import MANIFEST, manifest, write_folder
from edgernn.swap import STAGING, recover

ABOUT = {"schema": "edgernn.test", "version": 1}
OLD = {"README.md": "old", "src/model.c": "old", "src/same.h": "same", "examples/old/main.c": "old"}
NEW = {"README.md": "new", "src/model.c": "new", "src/same.h": "same", "examples/new/main.c": "new"}


def write(folder: Path, files: dict[str, str], *, force: bool = False, **about: Any) -> tuple[str, ...]:
    return write_folder(folder, {**files, MANIFEST: manifest({**ABOUT, **about}, files)}, force=force)


def content(folder: Path) -> dict[str, str]:
    """Texts of all files but the manifest; links as what they point to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {os.readlink(path)}"
        elif path.is_file() and path.name != MANIFEST:
            found[str(path.relative_to(folder))] = path.read_text()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that was written before."""
    assert write(tmp_path / "out", OLD) == ()
    return tmp_path / "out"


def test_what_is_ours_is_replaced_and_no_empty_folder_stays(folder: Path) -> None:
    assert write(folder, NEW) == ()
    assert content(folder) == NEW
    assert not (folder / "examples/old").exists()
    assert sorted(os.listdir(folder)) == ["README.md", MANIFEST, "examples", "src"]


def test_the_same_again_touches_nothing(folder: Path) -> None:
    before = {path: path.stat().st_ino for path in folder.rglob("*")}
    assert write(folder, OLD) == ()
    assert {path: path.stat().st_ino for path in folder.rglob("*")} == before


def test_an_edited_file_is_kept_again_and_again(folder: Path) -> None:
    edited = [folder / "src/model.c", folder / "examples/old/main.c"]
    for turn, files in enumerate((NEW, OLD, NEW)):
        for path in edited:
            if path.exists():
                path.write_text(f"mine {turn}")
        assert [note.split("'")[1] for note in write(folder, files)] == [
            str(path.relative_to(folder)) for path in edited if turn != 1 or path.parent.name == "src"
        ]
    kept = {name: text for name, text in content(folder).items() if "orig" in name}
    assert kept == {
        "src/model.c.orig": "mine 0",
        "src/model.c.orig1": "mine 1",
        "src/model.c.orig2": "mine 2",
        "examples/old/main.c.orig": "mine 0",
        "examples/old/main.c.orig1": "mine 2",
    }


def test_things_that_are_not_files_are_kept_as_they_are(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/model.c").write_text("far away")
    (folder / "README.md").unlink()
    (folder / "README.md").mkdir()
    (folder / "README.md/page.txt").write_text("mine")
    (folder / "src").rename(folder / "moved")
    (folder / "src").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "examples/new")
    assert len(write(folder, NEW)) == 3
    assert {name: text for name, text in content(folder).items() if "moved" not in name} == {
        **NEW,
        "README.md.orig/page.txt": "mine",
        "src.orig": f"-> {tmp_path / 'elsewhere'}",
    }
    assert stat.S_ISFIFO((folder / "examples/new.orig").lstat().st_mode)
    assert (tmp_path / "elsewhere/model.c").read_text() == "far away"


def test_a_link_to_a_folder_of_ours_stays_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("out")
    write(tmp_path / "link", NEW)
    assert os.readlink(tmp_path / "link") == "out"
    assert content(folder) == NEW


def test_a_link_to_a_folder_that_is_missing_makes_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("later")
    write(tmp_path / "link", NEW)
    assert content(tmp_path / "later") == NEW


@pytest.mark.parametrize("wall", ["other files", "another purpose", "a file", "a FIFO"])
def test_what_is_not_ours_is_refused(tmp_path: Path, wall: str) -> None:
    place = tmp_path / "out"
    if wall == "other files":
        place.mkdir()
        (place / ".git").mkdir()
    elif wall == "another purpose":
        write(place, OLD, schema="edgernn.another")
    elif wall == "a file":
        place.write_text("mine")
    else:
        os.mkfifo(place)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="must be a new folder, or one that edgernn wrote"):
        write(place, NEW)
    assert sorted(tmp_path.rglob("*")) == before


def test_force_adds_to_a_folder_and_overwrites_nothing(tmp_path: Path) -> None:
    mine = {".git/HEAD": "ref", "src/model.c": "mine", "src/driver.c": "mine", "README.md": "new"}
    for name, text in mine.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert len(write(tmp_path, NEW, force=True)) == 1
    assert content(tmp_path) == {**mine, **NEW, "src/model.c.orig": "mine"}
    assert write(tmp_path, OLD) == ()  # it is ours now
    assert content(tmp_path) == {**mine, **OLD, "src/model.c.orig": "mine"}


def test_of_a_folder_without_hashes_only_what_would_be_written_again_is_ours(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps(ABOUT))
    assert len(write(folder, NEW)) == 3
    assert content(folder) == {**OLD, **NEW, "README.md.orig": "old", "src/model.c.orig": "old"} | {
        f"{MANIFEST}.orig": json.dumps(ABOUT)
    }


def test_an_edited_manifest_is_kept(folder: Path) -> None:
    document = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**document, "note": "calibrated on 3 March"}))
    write(folder, NEW)
    assert "3 March" in (folder / f"{MANIFEST}.orig").read_text()


def test_a_manifest_cannot_name_files_outside(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("old")
    (folder / "link").symlink_to(tmp_path)
    document = json.loads((folder / MANIFEST).read_text())
    digest = document["files"]["README.md"]
    document["files"] |= {"../victim": digest, str(tmp_path / "victim"): digest, "link/victim": digest}
    (folder / MANIFEST).write_text(json.dumps(document))
    write(folder, NEW)
    assert (tmp_path / "victim").read_text() == "old"


@pytest.mark.parametrize(
    "journal",
    [
        {"placed": [["../victim", "0"]], "kept": [], "removed": [], "made": [], "emptied": []},
        {"placed": [], "kept": [["victim", "/etc/passwd"]], "removed": [], "made": [], "emptied": []},
        {"placed": [], "kept": [], "removed": ["link/victim"], "made": [], "emptied": []},
        {"placed": 3},
        [],
    ],
)
def test_a_journal_cannot_lead_outside(folder: Path, tmp_path: Path, journal: object) -> None:
    (tmp_path / "victim").write_text("old")
    (folder / "link").symlink_to(tmp_path)
    (folder / STAGING).mkdir()
    (folder / STAGING / "journal.json").write_text(json.dumps(journal))
    (folder / STAGING / "old-0").write_text("evil")
    with pytest.raises(InputError, match="a write that was broken off must be undone first"):
        recover(folder)
    assert (tmp_path / "victim").read_text() == "old"


@pytest.mark.parametrize("name", ["README.md", "examples/old/main.c"])
def test_a_read_only_file_is_not_replaced(folder: Path, name: str) -> None:
    (folder / name).chmod(0o444)
    with pytest.raises(InputError, match="read-only"):
        write(folder, NEW)
    assert content(folder) == OLD


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_the_umask_decides_who_may_read(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "out", OLD)
    finally:
        os.umask(before)
    for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (mode | mode >> 2 & 0o111 if path.is_dir() else mode)


def test_a_private_file_stays_private(folder: Path) -> None:
    (folder / "README.md").chmod(0o600)
    write(folder, NEW)
    assert stat.S_IMODE((folder / "README.md").stat().st_mode) == 0o600
    assert (folder / "README.md").read_text() == "new"


def test_the_longest_names(tmp_path: Path) -> None:
    place, name = tmp_path / ("f" * 255), "n" * 253 + ".c"
    write(place, {name: "old"})
    (place / name).write_text("mine")
    write(place, {name: "new"})
    assert (place / name).read_text() == "new"
    assert [path.read_text() for path in place.iterdir() if ".orig" in path.name] == ["mine"]


def test_a_process_that_writes_is_waited_for(folder: Path) -> None:
    (folder / STAGING).mkdir()
    program = (
        "import os, sys, time; from pathlib import Path; from edgernn.swap import locked\n"
        f"with locked(Path({str(folder)!r})):\n  print('held', flush=True); time.sleep(0.5)\n"
        f"  os.rmdir({str(folder / STAGING)!r})\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        recover(folder)
        assert not (folder / STAGING).exists()
    write(folder, NEW)
    assert content(folder) == NEW


NAMES = ("a", "b/c", "b/d/e", "f")
TREES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from("xyz"))


@given(old=TREES, edits=TREES, new=TREES)
def test_nothing_of_the_users_is_ever_lost(
    tmp_path_factory: pytest.TempPathFactory, old: dict[str, str], edits: dict[str, str], new: dict[str, str]
) -> None:
    place = tmp_path_factory.mktemp("any")
    write(place, old)
    for name, text in edits.items():  # 9 of a letter are no text of ours
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text * 9)
    write(place, new)
    found = content(place)
    assert {name: found[name] for name in new} == new
    assert sorted(text for text in found.values() if len(text) == 9) == sorted(text * 9 for text in edits.values())
    assert len(found) == len(new) + len(edits)
    assert json.loads((place / MANIFEST).read_text())["files"].keys() == {*new, MANIFEST}
