"""Sample files: what is taken, and what is refused with which words."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgernn.errors import InputError
from edgernn.graph import Builder, Graph
from edgernn.graph import operators as ops
from edgernn.samples import load_samples

Array = NDArray[Any]
RANDOM = np.random.default_rng(4)


def signal_graph() -> Graph:
    """One float input `signal` [7, 3]."""
    b = Builder("m")
    x = b.input("signal", (7, 3))
    return b.finish(b.apply(ops.Unary("tanh"), x))


def two_inputs() -> Graph:
    """Ids of a table with 11 rows, `words` [5] int32, and `speed` [2]."""
    b = Builder("m")
    ids, speed = b.input("words", (5,), "int32"), b.input("speed", (2,))
    table = b.constant("table", RANDOM.normal(size=(11, 4)).astype("f4"))
    return b.finish(b.apply(ops.Gather(), table, ids), b.apply(ops.Unary("tanh"), speed))


def normal(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", ["signal", "x", "anything"])
def test_the_only_input_takes_any_one_name(tmp_path: Path, name: str) -> None:
    x = normal(4, 7, 3)
    arrays: dict[str, Any] = {name: x, "y": [0, 1, 2, 0]}
    np.savez(tmp_path / "s.npz", **arrays)
    samples = load_samples(tmp_path / "s.npz", signal_graph(), "data")
    np.testing.assert_array_equal(samples.inputs["signal"], x)
    assert samples.targets is not None
    assert samples.targets.tolist() == [0, 1, 2, 0]
    assert samples.count == 4


def test_an_array_with_the_inputs_name_wins_over_others(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "s.npz", other=normal(2, 2), signal=normal(4, 7, 3), more=np.zeros(1))
    assert load_samples(tmp_path / "s.npz", signal_graph(), "data").inputs["signal"].shape == (4, 7, 3)


def test_npy_arrays_and_dictionaries_are_taken(tmp_path: Path) -> None:
    x = normal(4, 7, 3)
    np.save(tmp_path / "s.npy", x)
    for source in (tmp_path / "s.npy", str(tmp_path / "s.npy"), x, {"signal": x}, {"x": x.tolist()}):
        samples = load_samples(source, signal_graph(), "data")
        np.testing.assert_array_equal(samples.inputs["signal"], x)
        assert samples.targets is None


@pytest.mark.parametrize("dtype", ["float64", "float16", "int16", "uint8", "bool", ">f4"])
def test_numbers_of_any_type_become_float32(dtype: str) -> None:
    x = (10 * RANDOM.random((3, 7, 3))).astype(dtype)
    taken = load_samples(x, signal_graph(), "data").inputs["signal"]
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, x.astype(np.float32))


def test_several_inputs_are_found_by_name_and_ids_become_int32() -> None:
    ids = np.array([[0.0, 10, 3, 4, 5]])
    samples = load_samples({"speed": normal(1, 2), "words": ids, "unused": np.zeros(3)}, two_inputs(), "data")
    assert list(samples.inputs) == ["words", "speed"]
    assert samples.inputs["words"].dtype == np.int32
    assert samples.inputs["words"].tolist() == [[0, 10, 3, 4, 5]]


def test_targets_are_left_alone_where_nobody_needs_them() -> None:
    source = {"x": normal(4, 7, 3), "y": np.array(["a", "b"])}
    assert load_samples(source, signal_graph(), "calibration", with_targets=False).targets is None
    with pytest.raises(InputError, match=r"data: the targets 'y' must be an array of numbers. Found: the type <U1"):
        load_samples(source, signal_graph(), "data")


NAN, INFINITE = normal(4, 7, 3), normal(4, 7, 3)
NAN[2, 5, 1] = np.nan
INFINITE[0, 0, 0] = -np.inf


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        (np.zeros((0, 7, 3)), r"must hold at least one sample. Found: none", "hundred"),
        (normal(4, 7, 4), r"input 'signal' must have the shape \[samples, 7, 3\]. Found: \[4, 7, 4\]", "npz"),
        (normal(4, 9, 3), r"must have the shape \[samples, 7, 3\]. Found: \[4, 9, 3\]", "windows of 7 steps"),
        (normal(7, 3), r"Found: \[7, 3\]", r"array\[None\]"),
        (np.float32(3), r"Found: \[\]", "npz"),
        (NAN, r"must hold finite numbers. Found: NaN at \[2, 5, 1\], 1 such in all", "remove"),
        (INFINITE, r"Found: an infinite number at \[0, 0, 0\]", "remove"),
        (np.full((1, 7, 3), 1e300), r"Found: an infinite number", "remove"),
        (normal(4, 7, 3).astype("complex64"), r"must hold numbers. Found: the type complex64", "npz"),
        (np.full((4, 7, 3), "a"), r"must hold numbers. Found: the type <U1", "npz"),
        ({}, r"must hold one array, or one named 'signal'.* Found: no array", "name the array 'signal'"),
        ({"a": normal(1, 7, 3), "b": normal(1, 7, 3)}, r"Found: 'a', 'b'", "name the array 'signal'"),
        ({"x": normal(4, 7, 3), "y": np.zeros(3)}, r"equally many samples. Found: 'signal' has 4, 'y' has 3", "npz"),
        ({"x": normal(1, 7, 3), "y": np.array([np.nan])}, r"targets 'y' must hold finite numbers", "remove"),
    ],
)
def test_what_does_not_fit_is_named(source: Any, message: str, hint: str) -> None:
    with pytest.raises(InputError, match="data: .*" + message) as caught:
        load_samples(source, signal_graph(), "data")
    assert hint.replace("\\", "") in caught.value.hint


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ({"word": np.zeros((1, 5)), "speed": normal(1, 2)}, r"'words', 'speed'. Found: 'word', 'speed'", "'word' may"),
        (np.zeros((1, 5)), r"Found: one array without a name", "npz"),
        ({"words": np.full((1, 5), 11), "speed": normal(1, 2)}, r"ids from 0 to 10. Found: 11 to 11", "input_dim"),
        ({"words": np.full((1, 5), -1), "speed": normal(1, 2)}, r"ids from 0 to 10. Found: -1 to -1", "input_dim"),
        ({"words": np.full((1, 5), 0.5), "speed": normal(1, 2)}, r"whole numbers. Found: fractions", "ids"),
        ({"words": np.zeros((2, 5)), "speed": normal(1, 2)}, r"Found: 'words' has 2, 'speed' has 1", "npz"),
    ],
)
def test_ids_and_names_of_several_inputs_are_checked(source: Any, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_samples(source, two_inputs(), "data")
    assert hint in caught.value.hint


class Trap:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "sprung")


@pytest.mark.parametrize("form", ["object array", "npy", "bare pickle"])
def test_a_pickle_never_runs(tmp_path: Path, form: str) -> None:
    sprung, file = tmp_path / "sprung", tmp_path / "s.npz"
    array = np.empty(1, object)
    array[0] = Trap(sprung)
    if form == "object array":
        np.savez(file, x=array)
    elif form == "npy":
        with file.open("wb") as stream:
            np.save(stream, array)
    else:
        file.write_bytes(pickle.dumps(Trap(sprung)))
    pickle.loads(pickle.dumps(Trap(sprung)))  # the trap works
    assert sprung.exists()
    sprung.unlink()
    with pytest.raises(InputError, match=r"never unpickled|another kind of file"):
        load_samples(file, signal_graph(), "calibration")
    assert not sprung.exists()


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("1,2,3\n")
    (tmp_path / "folder").mkdir()
    found = {
        "missing.npz": "Found: none",
        "folder": "must hold recordings: .* Found: 0 files",
        "empty.npz": "Found: an empty file",
        "text.npz": "Found: another kind of file",
    }
    for name, words in found.items():
        with pytest.raises(InputError, match=rf"^calibration '{tmp_path / name}': .*{words}") as caught:
            load_samples(tmp_path / name, signal_graph(), "calibration")
        assert caught.value.hint


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, np.save])
def test_a_damaged_file_is_refused_or_read_and_nothing_else(tmp_path: Path, save: Any) -> None:
    buffer = io.BytesIO()
    save(buffer, RANDOM.normal(size=(3, 7, 3)).astype(np.float32))
    whole, file = buffer.getvalue(), tmp_path / "s.npz"
    variants = [whole[:size] for size in range(0, len(whole), 9)]
    for position in range(0, len(whole), 3):
        variants.append(whole[:position] + bytes([whole[position] ^ (1 << position % 8)]) + whole[position + 1 :])
    errors = []
    for variant in variants:
        file.write_bytes(variant)
        try:
            load_samples(file, signal_graph(), "data")
        except InputError as error:
            errors.append(error)
    assert len(errors) > len(whole) // 9  # at least every truncation
    assert all("\n" not in error.message and error.hint for error in errors)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPX" + bytes(200), bytes(1000)])
def test_a_member_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    """NumPy hands out such a member as bytes, without a word."""
    with zipfile.ZipFile(tmp_path / "s.npz", "w") as archive:
        archive.writestr("signal", content)
    with pytest.raises(InputError, match=r"'signal' is no array, but \d+ bytes") as caught:
        load_samples(tmp_path / "s.npz", signal_graph(), "calibration")
    assert "npz" in caught.value.hint
