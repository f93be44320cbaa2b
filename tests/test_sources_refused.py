"""Samples that do not fit are refused, and the table, the element or the file is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_sources import Array, csv, graph, normal

from edgernn.errors import InputError
from edgernn.samples import Samples, load_samples


def broken() -> Iterator[Array]:
    yield normal(7, 3)
    yield normal(6, 3)


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("1,2\n3,4\n", r"must have 3 columns, a step of a recording in each row, or 21, .* Found: 2 columns\.", "time"),
        ("u,v\n3,4\n", r"Found: 2 columns: 'u', 'v'\.", "left|leave"),
        ("1,2,3\n1,2\n", r"line 2: column 3 must hold a number. Found: 2 columns", "mend"),
        ("a,b,c\n1,2,3\n\n4,five,6\n", r"line 4: column 2 must hold a number. Found: 'five'", "mend"),
        ("1;2;3\n1,5;2;3\n", r"line 2: column 1 must hold a number. Found: '1,5'", "points"),
        ("a,b,c\n", r"must hold numbers. Found: no row of them", "row"),
        ("\n\n", r"must hold numbers. Found: an empty file", "row"),
        ("1,2,3\n", r"must hold 7 steps for a window. Found: 1 step\.", "longer"),
        ("1,2,nan\n" * 7, r"must hold finite numbers. Found: NaN at \[0, 0, 2\]", "remove"),
    ],
)
def test_tables_that_do_not_fit_are_told_where(content: str, message: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        load_samples(tmp_path / "s.csv", graph((7, 3)), "calibration")
    assert any(word in caught.value.hint for word in hint.split("|"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (iter([]), r"must hold at least one sample. Found: none"),
        (broken(), r"element 1: 'a' must have the shape of the first one. Found: \[6, 3\] after \[7, 3\]"),
        (iter(["walk"]), r"element 0: 'a' must be an array of numbers. Found: <U4"),
        (iter([normal(7, 4)]), r"must have the shape \[samples, 7, 3\]. Found: \[1, 7, 4\]"),
        (5, r"Found: \[\]"),
    ],
)
def test_elements_that_do_not_fit_are_named(source: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_samples(source, graph((7, 3)), "data")
    assert caught.value.hint


@pytest.mark.parametrize("kind", ["other.npy", "short.csv", "text.csv", "broken.wav", "object.npz", "none.npy"])
def test_a_folder_names_the_file_that_does_not_fit(kind: str, tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", normal(20, 3))
    match kind:
        case "other.npy":
            np.save(tmp_path / kind, normal(20, 4))
        case "short.csv":
            csv(tmp_path / kind, normal(3, 3))
            found: Samples = load_samples(tmp_path, graph((7, 3)), "data")
            assert any("1 recording shorter than a window of 7 steps left out" in note for note in found.notes)
            return
        case "object.npz":
            np.savez(tmp_path / kind, x=np.array([{}]))
        case _:
            (tmp_path / kind).write_bytes(b"walk\nwalk\n")
    with pytest.raises(InputError, match=kind.replace(".", r"\.")):
        load_samples(tmp_path, graph((7, 3)), "data")


def test_a_table_needs_a_model_of_one_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must hold an array for each input: 'a', 'b'"):
        load_samples(csv(tmp_path / "s.csv", normal(7, 3)), graph((7, 3), (2,)), "data")
