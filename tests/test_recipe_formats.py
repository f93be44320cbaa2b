"""Reading untrusted files: NumPy's pickled object arrays, and the .ts text format."""

import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgernn.errors import InputError
from edgernn.training.object_array import read_object_array
from edgernn.training.ts_format import read_series

NAMES = {b"numpy._core.multiarray": b"numpy.core.multiarray"}


def npy(value: object, protocol: int = 2, *, pickled: bytes | None = None) -> bytes:
    """A .npy file of one object, as NumPy writes it, with any pickle behind the header."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    array = np.empty((), object)
    array[()] = value
    return stream.getvalue() + (pickle.dumps(array, protocol) if pickled is None else pickled)


class Call:
    """Pickles into a call of any function."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.system, exec, eval, pickle.loads, np.load, getattr, print])
def test_a_pickle_that_calls_something_is_refused_and_never_runs(function: Any, protocol: int, tmp_path: Path) -> None:
    """Anything but NumPy's arrays is only named in the error."""
    marker = tmp_path / "it ran"
    order = f"touch '{marker}'" if function is os.system else f"open({str(marker)!r}, 'w')"
    content = npy({"X": [Call(function, order)]}, protocol)
    with pytest.raises(InputError, match=r"'data.npy': must hold nothing but NumPy arrays. Found: '.*', which was not"):
        read_object_array(content, "data.npy")
    assert not marker.exists()


def test_the_same_pickle_does_run_with_numpy(tmp_path: Path) -> None:
    """So the test above would notice if it were read as NumPy reads it."""
    marker = tmp_path / "it ran"
    np.load(io.BytesIO(npy({"X": [Call(os.system, f"touch '{marker}'")]})), allow_pickle=True)
    assert marker.exists()


@pytest.mark.parametrize(
    "call",
    [
        Call(np.ndarray, (1 << 40,)),
        Call(np.dtype, "f8", False, True),
    ],
    ids=["a bare array", "a type"],
)
def test_a_pickle_of_something_else_is_refused(call: Call) -> None:
    """Even out of allowed names."""
    with pytest.raises(InputError, match="must be a NumPy array of objects"):
        read_object_array(npy(None, pickled=pickle.dumps(call)), "data.npy")


def test_only_latin_1_bytes_are_decoded() -> None:
    """`codecs.encode` knows codecs that unpack or run things."""
    import _codecs

    with pytest.raises(InputError, match=r"must be pickled as 'latin1' text. Found: 'zlib'"):
        read_object_array(npy([Call(_codecs.encode, "x", "zlib")]), "data.npy")


@pytest.mark.parametrize("content", [b"", b"PK\3\4", npy(1)[:100], npy({"a": 1})[:-3], npy(None, pickled=b"\x80\x02.")])
def test_a_broken_file_is_refused(content: bytes) -> None:
    """Truncated or something else."""
    with pytest.raises(InputError, match=r"'data.npy': must be a NumPy array of objects. Found: "):
        read_object_array(content, "data.npy")


def test_a_plain_array_is_refused() -> None:
    """It needs no unpickling; a recipe that gets one was given the wrong file."""
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    with pytest.raises(InputError, match="Found: NoneType, float64"):
        read_object_array(stream.getvalue(), "data.npy")


@given(
    arrays=st.lists(hnp.arrays(st.sampled_from([np.dtype(code) for code in ("f8", "f4", "i8", ">f4", "?")]), (3, 2))),
    words=st.lists(st.one_of(st.text(), st.binary(min_size=1))),
    protocol=st.sampled_from([2, 3, 4]),  # NumPy's own files: 4, formerly 3 and 2
    old=st.booleans(),
)
def test_what_numpy_writes_is_read_back(arrays: list[Any], words: list[Any], protocol: int, old: bool) -> None:
    """Nested arrays, text and bytes, under both of the module's names; numbers come in this machine's byte order."""
    content = npy({"X": arrays, "words": words, "nested": np.array([{"n": 1.5}, None], object)}, protocol)
    if old and protocol < 4:  # text-based names, whose length is not written down
        for new, former in NAMES.items():
            content = content.replace(new + b"\n", former + b"\n")
    read = read_object_array(content, "data.npy").item()
    assert read["words"] == words
    assert read["nested"].tolist() == [{"n": 1.5}, None]
    for array, expected in zip(read["X"], arrays, strict=True):
        assert array.dtype == expected.dtype.newbyteorder("=")
        np.testing.assert_array_equal(array, expected)


def test_older_flags_of_a_type_raise_no_warning() -> None:
    """Pickles of Python 2's time say 0 and 1, of which NumPy 2.4 warns; warnings are errors here."""
    now = pickle.dumps(np.ones(2), 2)
    pickled = now.replace(b"\x89\x88\x87", b"K\0K\x01\x87")  # (False, True) to (0, 1)
    assert pickled != now
    np.testing.assert_array_equal(read_object_array(npy(None, pickled=pickled), "data.npy"), np.ones(2))


HEADER = "#about\n@problemName Test\n@classLabel true 1 2\n@data\n"


def test_series_of_different_lengths_are_read() -> None:
    """Channels become columns, the label stays as it is."""
    series, labels = read_series(HEADER + "1,2,3:4,5,6.5:a\n\n-1e-3:7:b\n", "x.ts")
    assert labels == ["a", "b"]
    assert [part.dtype for part in series] == [np.float32, np.float32]
    np.testing.assert_array_equal(series[0], np.array([[1, 4], [2, 5], [3, 6.5]], np.float32))
    np.testing.assert_array_equal(series[1], np.array([[-1e-3, 7]], np.float32))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("1,?:1", "could not convert"),
        ("1,2:3:1", "inhomogeneous"),
        ("1,nan:1", "NaN or infinity"),
        ("1e99:1", "NaN or infinity"),
        ("1", "no channel"),
    ],
)
def test_a_bad_line_is_named(line: str, found: str) -> None:
    """With its number in the file."""
    with pytest.raises(InputError, match=f"'x.ts' line 6: must .*{found}"), np.errstate(over="ignore"):
        read_series(HEADER + "1,2:a\n" + line, "x.ts")


def test_a_file_without_data_is_refused() -> None:
    """It is something else."""
    with pytest.raises(InputError, match=r"'x.ts': must have a line '@data'"):
        read_series("1,2:3\n", "x.ts")


def test_the_helper_writes_what_numpy_reads() -> None:
    """The header's length field is right."""
    content = npy({"a": 1})
    assert struct.unpack("<H", content[8:10])[0] + 10 == content.index(b"\x80\x02")
    assert np.load(io.BytesIO(content), allow_pickle=True).item() == {"a": 1}
