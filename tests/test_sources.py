"""Samples in every form that people have: each says the same to a model as an array would."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgernn.errors import InputError
from edgernn.graph import Builder, Graph
from edgernn.graph import operators as ops
from edgernn.samples import MOST, load_samples, read_once, steps_in

Array = NDArray[Any]


def graph(*shapes: tuple[int, ...]) -> Graph:
    """A model with these float inputs, `a`, `b` and so on."""
    b = Builder("m")
    return b.finish(*(b.apply(ops.Unary("tanh"), b.input(name, s)) for name, s in zip("abc", shapes, strict=False)))


def normal(*shape: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def csv(path: Path, rows: Array, header: str = "", delimiter: str = ",") -> Path:
    np.savetxt(path, rows, delimiter=delimiter, header=header, comments="", fmt="%.9g")
    return path


def wav(path: Path, samples: Array) -> Path:
    """32-bit floats, mono."""
    data = samples.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, 16000, 64000, 4, 32)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


class Indexed:
    """Batches by number, as Keras's PyDataset gives them: iterating it would never end."""

    def __init__(self, x: Array) -> None:
        self.x = x

    def __len__(self) -> int:
        return -(-len(self.x) // 4)

    def __getitem__(self, k: int) -> tuple[Array, Array]:
        return self.x[4 * k % len(self.x) :][:4], np.zeros(4)


class Frame:
    """Named columns."""

    def __init__(self, rows: Array, names: list[str]) -> None:
        self.rows, self.columns = rows, names

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Array:
        return self.rows[:, self.columns.index(name)]


def in_npz(folder: Path, x: Array) -> Any:
    np.savez(folder / "s.npz", x=x, y=np.array(["walk"] * len(x)))
    return folder / "s.npz"


def labelled_npz(folder: Path, x: Array) -> Any:
    np.savez(folder / "s.npz", samples=x, labels=np.zeros(len(x)))
    return folder / "s.npz"


def in_folder(folder: Path, x: Array) -> Any:
    """A recording per sample, each in another kind of file."""
    parts = folder / "r"
    (parts / "deeper").mkdir(parents=True, exist_ok=True)
    (parts / "notes.md").write_text("not a recording")
    (parts / ".hidden.csv").write_text("not a recording")
    for k, sample in enumerate(x):
        name = f"{k:03}"
        match k % 4:
            case 0:
                np.save(parts / f"{name}.npy", sample)
            case 1:
                csv(parts / f"{name}.csv", sample.reshape(len(sample), -1))
            case 2:
                np.savez(parts / f"{name}.npz", recording=sample, y=np.zeros(1))
            case _:
                wav(parts / f"{name}.WAV", sample.reshape(-1))
    return parts


def labelled_rows(folder: Path, x: Array) -> Any:
    rows = x.reshape(len(x), -1)
    text = "time," + ",".join(f"f{k}" for k in range(rows.shape[1])) + ',"label"\n'
    text += "".join(f"12:0{k % 10},{','.join(map('{:.9g}'.format, row))},walk\n\n" for k, row in enumerate(rows))
    (folder / "s.csv").write_text(text)
    return folder / "s.csv"


FORMS: dict[str, Callable[[Path, Array], Any]] = {
    "npz": in_npz,
    "labelled npz": labelled_npz,
    "recording in csv": lambda folder, x: csv(folder / "s.csv", x.reshape(x.shape[0] * x.shape[1], -1)),
    "with semicolons": lambda folder, x: csv(folder / "s.csv", x.reshape(len(x), -1), delimiter=";"),
    "with blanks": lambda folder, x: csv(folder / "s.txt", x.reshape(len(x), -1), delimiter=" "),
    "labelled rows": labelled_rows,
    "recording in npy": lambda folder, x: x.reshape(-1, *x.shape[2:]),
    "folder": in_folder,
    "wav": lambda folder, x: wav(folder / "s.wav", x.reshape(-1)),
    "dict": lambda folder, x: {"a": x, "y": np.zeros(len(x))},
    "list": lambda folder, x: list(x),
    "nested lists": lambda folder, x: x.tolist(),
    "pair": lambda folder, x: (x, np.zeros(len(x))),
    "generator of samples": lambda folder, x: (sample for sample in x),
    "generator of batches": lambda folder, x: (x[k : k + 3] for k in range(0, len(x), 3)),
    "generator of dicts": lambda folder, x: ({"a": sample, "y": 1} for sample in x),
    "representative data set": lambda folder, x: lambda: ([sample[None]] for sample in x),
    "loader of lists": lambda folder, x: ([x[k : k + 3], np.zeros(3)] for k in range(0, len(x), 3)),
    "weighted": lambda folder, x: ((sample, 1, 0.5) for sample in x),
    "indexed": lambda folder, x: Indexed(x),
    "frame": lambda folder, x: Frame(
        np.c_[x.reshape(x.shape[0] * x.shape[1], -1), np.zeros(x.shape[0] * x.shape[1])],
        [*(f"f{k}" for k in range(x[0, 0].size)), "class"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(7, 3), (2, 5), (4, 3, 2)])
def test_every_form_is_the_same_samples(form: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    x = normal(9, *shape)
    source = read_once(FORMS[form](tmp_path, x), "calibration")
    for _ in range(2):  # what can be read once was read once
        found = load_samples(source, graph(shape), "calibration", with_targets=False)
        np.testing.assert_array_equal(found.inputs["a"], x)
        assert found.targets is None
    if form not in ("npz", "labelled npz", "recording in csv", "with semicolons", "with blanks", "labelled rows"):
        return
    assert steps_in(source, "data", 3) > 0 or len(shape) == 3


def test_a_row_of_numbers_is_a_sample_of_a_model_without_steps(tmp_path: Path) -> None:
    x = normal(11, 6)
    for source in (csv(tmp_path / "s.csv", x), x, iter(x)):
        np.testing.assert_array_equal(load_samples(source, graph((6,)), "data").inputs["a"], x)


@settings(deadline=None, max_examples=30)
@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=6), steps=st.integers(1, 9), width=st.integers(1, 4))
def test_recordings_are_cut_one_by_one(lengths: list[int], steps: int, width: int) -> None:
    recordings = [normal(length, width, seed=k) for k, length in enumerate(lengths)]
    windows = [r[k : k + steps] for r in recordings for k in range(0, len(r) - steps + 1, steps)]
    if not windows:
        with pytest.raises(InputError, match=r"must hold|equally|shape"):
            load_samples(recordings, graph((steps, width)), "data")
        return
    if all(length == steps for length in lengths) or not any(length > steps for length in lengths):
        return  # samples, or some that are too short
    found = load_samples(recordings, graph((steps, width)), "data")
    np.testing.assert_array_equal(found.inputs["a"], windows)
    assert any("cut into" in note for note in found.notes)
    assert any("fill no window" in note for note in found.notes) == any(n > steps and n % steps for n in lengths)


def test_targets_come_along_where_they_are_wanted(tmp_path: Path) -> None:
    x, y = normal(10, 7, 3), np.arange(10) % 3
    rows = np.c_[x.reshape(10, -1), y]
    names = ",".join([*(f"f{k}" for k in range(21)), "y"])
    sources: list[Any] = [
        csv(tmp_path / "s.csv", rows, names),
        (x, y),
        iter(zip(x, y, strict=True)),
        ({"a": x[k : k + 2], "y": y[k : k + 2]} for k in range(0, 10, 2)),
    ]
    for source in sources:
        found = load_samples(source, graph((7, 3)), "data")
        np.testing.assert_array_equal(found.inputs["a"], x)
        np.testing.assert_array_equal(found.targets, y)
    by_output = load_samples(iter([(x, {"out": y})]), graph((7, 3)), "data", with_targets=False)
    assert not by_output.has_targets


def test_features_may_be_called_as_targets_are(tmp_path: Path) -> None:
    """An accelerometer has x, y and z."""
    x = normal(14, 3)
    for header, rows in (("x,y,z", x), ("x,y,z,label", np.c_[x, x[:, 0]]), ("time,x,y,z", np.c_[x[:, 0], x])):
        found = load_samples(csv(tmp_path / "s.csv", rows, header), graph((7, 3)), "calibration")
        np.testing.assert_array_equal(found.inputs["a"], x.reshape(2, 7, 3))
        first = f"line 1: taken for the names of columns: {', '.join(map(repr, header.split(',')))}."
        assert any(note.endswith(first) for note in found.notes)
    found = load_samples(csv(tmp_path / "s.csv", x), graph((7, 3)), "calibration")
    assert not any("names of columns" in note for note in found.notes)
    with pytest.raises(InputError, match=r"line 1: column 1 must hold a number. Found: 'u'") as caught:
        load_samples(csv(tmp_path / "s.csv", x, "u,1,2"), graph((7, 3)), "calibration")
    assert "let none of them be a number" in caught.value.hint
    found = load_samples(csv(tmp_path / "s.csv", np.c_[x, x[:, 0]], "u,v,w,y"), graph((7, 3)), "calibration")
    np.testing.assert_array_equal(found.inputs["a"], x.reshape(2, 7, 3))
    assert any("left out: 'y'" in note for note in found.notes)


def test_several_inputs_are_known_by_name_or_order() -> None:
    a, b = normal(6, 7, 3), normal(6, 2)
    model = graph((7, 3), (2,))
    sources: list[Any] = [
        {"a": a, "b": b},
        [a, b],
        ([u[None], v[None]] for u, v in zip(a, b, strict=True)),
        (((u, v), 1) for u, v in zip(a, b, strict=True)),
        ({"b": v, "a": u, "y": 0} for u, v in zip(a, b, strict=True)),
    ]
    for source in sources:
        found = load_samples(source, model, "calibration", with_targets=False)
        np.testing.assert_array_equal(found.inputs["a"], a)
        np.testing.assert_array_equal(found.inputs["b"], b)


@pytest.mark.parametrize("batched", [False, True])
def test_what_never_ends_is_cut_and_said(batched: bool) -> None:
    x = normal(1, 3, 2)
    endless = itertools.repeat(np.repeat(x, 3, axis=0) if batched else x[0])
    found = load_samples(read_once(endless, "calibration"), graph((3, 2)), "calibration")
    assert found.count == MOST["calibration"]
    assert any("the first 2,048 samples are taken of more" in note for note in found.notes)


def test_a_long_recording_is_spread_evenly() -> None:
    x = np.arange(3 * MOST["calibration"] * 2, dtype="f4").reshape(-1, 1)
    found = load_samples(x, graph((2, 1)), "calibration")
    assert found.count == MOST["calibration"]
    assert (found.inputs["a"][0, 0], found.inputs["a"][-1, -1]) == (x[0], x[-1])
    assert any("evenly spread" in note for note in found.notes)


def test_recordings_of_a_stateful_model_stay_whole(tmp_path: Path) -> None:
    for k, length in enumerate((23, 31)):
        np.save(tmp_path / f"{k}.npy", normal(length, 3, seed=k))
    found = load_samples(tmp_path, graph((5, 3)), "data", stateful=1)
    assert (found.recordings, found.count) == (2, 8)
    np.testing.assert_array_equal(found.inputs["a"][4], normal(31, 3, seed=1)[:5])


def data_set(x: Array, form: str) -> Any:
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((x, np.arange(len(x))))
    match form:
        case "batched":
            return pairs.batch(4)
        case "endless":
            return pairs.batch(4).repeat()
        case "alone":
            return pairs.map(lambda features, _: features)
        case "named":
            return pairs.map(lambda features, _: {"a": features})
        case _:
            return pairs


@pytest.mark.parametrize("form", ["pairs", "batched", "endless", "alone", "named"])
def test_data_sets_of_tensorflow(form: str) -> None:
    x = normal(9, 7, 3)
    found = load_samples(data_set(x, form), graph((7, 3)), "calibration")
    np.testing.assert_array_equal(found.inputs["a"][:9], x)
    assert (found.targets is not None) == (form in ("pairs", "batched", "endless"))


def test_data_sets_of_keras() -> None:
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 3

        def __getitem__(self, k: int) -> tuple[Array, Array]:
            return x[3 * k : 3 * k + 3], np.zeros(3)

    x = normal(9, 7, 3)
    np.testing.assert_array_equal(load_samples(Batches(), graph((7, 3)), "data").inputs["a"], x)
