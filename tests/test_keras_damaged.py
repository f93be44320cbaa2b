"""Files that are missing, damaged, of another kind or made to do harm: one line, one hint, never a traceback."""

from __future__ import annotations

import copy
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from keras_originals import error_of, write_originals
from test_keras_safety import edited

from edgernn.converters.keras.source import read_source
from edgernn.errors import EdgernnError, InputError


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_originals(tmp_path_factory.mktemp("originals"), "lstm", "nested", "implicit_mask")


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"hello", "another kind of file"),
        (b"\x1c\0\0\0TFL3rest", "a .tflite model"),
        (b'{"class_name": "Sequential"}', "JSON without weights"),
        (b"PK\x03\x04", "damaged or truncated"),
        (b"\x89HDF\r\n\x1a\n", "damaged or truncated"),
        (b"\x80\x04\x95", "another kind of file"),
    ],
)
def test_other_files(content: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    assert found in error_of(path).message


def test_missing_file_and_folders(tmp_path: Path) -> None:
    assert "existing file. Found: none" in error_of(tmp_path / "nothing.keras").message
    assert "a folder" in error_of(tmp_path).message
    (tmp_path / "saved_model.pb").touch()
    assert "TensorFlow SavedModel" in error_of(tmp_path).message


def test_archives_of_another_kind(tmp_path: Path, originals: Path) -> None:
    path = tmp_path / "model.keras"
    assert "a zip without config.json" in error_of(zip_of(path, readme__txt=b"")).message
    assert "no weights" in error_of(zip_of(path, config__json=b"{}")).message
    sharded = zip_of(path, **{"config.json": b"{}", "model.weights.npz": b""})
    assert "Found: model.weights.npz" in error_of(sharded).message
    with zipfile.ZipFile(originals / "lstm.keras") as archive:
        weights = archive.read("model.weights.h5")
    path.write_bytes(weights)
    assert "weights without an architecture" in error_of(path).message
    for config in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"3", b"[]", b'{"class_name": 3, "config": {}}'):
        error_of(zip_of(path, **{"config.json": config, "model.weights.h5": weights}))
    layer = b'{"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2}}'
    whole = error_of(zip_of(path, **{"config.json": layer, "model.weights.h5": weights}))
    assert "must be Sequential or Functional" in whole.message


def test_zip_bomb(tmp_path: Path, originals: Path) -> None:
    path = tmp_path / "model.keras"
    bomb = b"\0" * (1 << 27)
    packed = zip_of(path, **{"config.json": bomb, "model.weights.h5": b""})
    assert path.stat().st_size < 1 << 18
    assert "packed at most 100 to 1" in error_of(packed).message
    config = zipfile.ZipFile(originals / "lstm.keras").read("config.json")
    assert "packed at most" in error_of(zip_of(path, **{"config.json": config, "model.weights.h5": bomb})).message


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_truncated_at_any_place(kind: str, tmp_path: Path, originals: Path) -> None:
    content = (originals / f"lstm.{kind}").read_bytes()
    path = tmp_path / f"model.{kind}"
    for part in range(1, 40):
        path.write_bytes(content[: len(content) * part // 40])
        error_of(path)


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_flipped_bytes_give_an_error_or_a_model(kind: str, tmp_path: Path, originals: Path) -> None:
    content = (originals / f"lstm.{kind}").read_bytes()
    path = tmp_path / f"model.{kind}"
    rng = random.Random(3)
    refusals = 0
    for _ in range(150):
        broken = bytearray(content)
        for _ in range(rng.choice([1, 8, 64])):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        path.write_bytes(broken)
        refusals += not readable(path)
    assert refusals > 30


def readable(path: Path) -> bool:
    try:
        read_source(path)
    except InputError:
        return False
    return True


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one byte of its structure changed, or up to a few hundred bytes of it zeroed."""
    structure = [match.start() for match in re.finditer(rb"GCOL|TREE|SNOD|HEAP|HDF|name|kernel|weight|keras", content)]
    place = min(len(content) - 1, rng.choice(structure) + rng.randrange(-16, 400))
    if rng.random() < 0.5:
        return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
    count = rng.choice([2, 8, 100, 400])
    return content[:place] + bytes(count) + content[place + count :]


@pytest.mark.parametrize("count", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_hdf5_damaged_where_it_hurts(count: int, tmp_path: Path, originals: Path) -> None:
    """HDF5 crashes on some of these and never ends on others; the process that runs it may, this one may not."""
    with zipfile.ZipFile(originals / "implicit_mask.keras") as archive:
        inner = {"keras": archive.read("model.weights.h5"), "h5": (originals / "implicit_mask.h5").read_bytes()}
    rng = random.Random(count)
    refusals = 0
    for _ in range(count):
        kind = rng.choice(["h5", "keras"])
        path = tmp_path / f"model.{kind}"
        content = damaged(inner[kind], rng)
        if kind == "h5":
            path.write_bytes(content)
        else:
            path = edited(originals / "implicit_mask.keras", lambda config: None, weights=content)
        refusals += not readable(path)
    assert count // 5 < refusals < count


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_a_file_that_crashes_hdf5_or_never_ends(kind: str, tmp_path: Path, originals: Path) -> None:
    """One byte of the type of an attribute that holds a layer's name, and the heap in which a `.h5` keeps its names."""
    if kind == "keras":
        with zipfile.ZipFile(originals / "lstm.keras") as archive:
            content = archive.read("model.weights.h5")
        type_of_name = b"name\0\0\0\0\x19\x01"
        assert type_of_name in content
        content = content.replace(type_of_name, type_of_name[:-1] + b"\x03")
        path = edited(originals / "lstm.keras", lambda config: None, weights=content)
        error_of(path)
        return
    content = (originals / "lstm.h5").read_bytes()
    heap = content.index(b"GCOL") + 16
    path = tmp_path / "model.h5"
    path.write_bytes(content[:heap] + bytes(100) + content[heap + 100 :])
    error_of(path)


def mutated(value: Any, rng: random.Random) -> Any:
    """The same JSON with one place changed, chosen at random."""
    places: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        item = todo.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else []
        for key in keys:
            places.append((item, key))
            todo.append(item[key])
    holder, key = rng.choice(places)
    junk: list[Any] = [
        None,
        True,
        -1,
        0,
        10**30,
        1.5,
        "",
        "x",
        [],
        {},
        [[]],
        {"class_name": "Dense"},
        ["a", 0, 0],
        float("nan"),
    ]
    if rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(rng.choice(junk))
    return value


@pytest.mark.parametrize("name", ["lstm", "nested", "implicit_mask"])
def test_mutated_configuration_gives_an_error_or_a_model(name: str, originals: Path) -> None:
    rng = random.Random(5)
    refusals = 0
    for _ in range(250):

        def edit(config: dict[str, Any]) -> None:
            config.pop("compile_config", None)
            for _ in range(rng.choice([1, 1, 3])):
                mutated(config, rng)

        try:
            read_source(edited(originals / f"{name}.keras", edit))
        except EdgernnError:
            refusals += 1
    assert refusals > 30


# Weights
