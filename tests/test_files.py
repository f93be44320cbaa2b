"""Files are written whole or not at all."""

import errno
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edgernn.errors import InputError
from edgernn.files import append_line, atomic_write, check_writable, explained


@pytest.mark.parametrize(
    ("content", "stored"), [(b"\x00TFL3", b"\x00TFL3"), ("größer\n", "größer\n".encode()), (b"", b"")]
)
def test_bytes_and_text_are_stored_as_given(tmp_path: Path, content: bytes | str, stored: bytes) -> None:
    path = atomic_write(tmp_path / "model.tflite", content)
    assert path == tmp_path / "model.tflite"
    assert path.read_bytes() == stored
    assert os.listdir(tmp_path) == ["model.tflite"]


def test_an_existing_file_is_replaced_and_gets_ordinary_permissions(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"the longer content of before")
    mask = os.umask(0o027)
    try:
        atomic_write(str(path), b"new")
    finally:
        os.umask(mask)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["missing/model.tflite", "file/model.tflite"])
def test_an_unwritable_path_is_an_input_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"output '.*': must be a writable path") as caught:
        atomic_write(tmp_path / name, b"new")
    assert "--output" in caught.value.hint
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"kept"
    assert os.listdir(tmp_path / "folder") == []


@pytest.mark.parametrize("name", ["folder", "folder/", "new/", "new/.", "folder/..", "."])
@pytest.mark.parametrize("write", [check_writable, lambda path: atomic_write(path, b"new")], ids=["check", "write"])
def test_a_folder_in_place_of_a_file_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, write: Callable[[str], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"must be a file\. Found: a folder") as caught:
        write(name)
    assert os.path.join(name, "model.tflite") in caught.value.hint
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]


def test_a_folder_within_an_output_is_not_taken_for_the_output() -> None:
    error = IsADirectoryError(errno.EISDIR, "Is a directory", "model/edgernn.json")
    assert "must be a writable path. Found: Is a directory" in explained("model", error).message


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "folder", "read-only", "loop"])
def test_only_regular_files_that_may_be_written_are_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            listener.bind(str(path))
        elif kind == "device":
            path.symlink_to(os.devnull)
        elif kind == "folder":
            path.mkdir()
        elif kind == "read-only":
            path.write_text("old")
            path.chmod(0o444)
        else:
            path.symlink_to("out")
        before = path.lstat()
        for refuse in (lambda: check_writable(path), lambda: atomic_write(path, b"new")):
            with pytest.raises(InputError, match="output '"):
                refuse()
        assert path.lstat() == before
        assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path, there: bool) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("middle")
    (tmp_path / "middle").symlink_to("far/model")
    if there:
        (tmp_path / "far/model").write_bytes(b"old")
    check_writable(tmp_path / "link")
    assert atomic_write(tmp_path / "link", b"new") == tmp_path / "link"
    assert (tmp_path / "far/model").read_bytes() == b"new"
    assert [os.readlink(tmp_path / name) for name in ("link", "middle")] == ["middle", "far/model"]
    assert os.listdir(tmp_path / "far") == ["model"]


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127, ".", "-", " ", "a\nb"])
def test_every_name_that_the_file_system_takes_is_written(tmp_path: Path, name: str) -> None:
    if name == ".":
        with pytest.raises(InputError):
            atomic_write(tmp_path / name, b"new")
        return
    check_writable(tmp_path / name)
    atomic_write(tmp_path / name, b"new")
    assert os.listdir(tmp_path) == [name]


def test_a_private_file_is_not_opened_to_others(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    path.chmod(0o600)
    atomic_write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_are_added_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")  # a writer was killed here
    append_line(path, b"three")
    assert path.read_bytes() == b"one\ntw\nthree\n"
    program = (
        "import sys; from pathlib import Path; from edgernn.files import append_line\n"
        f"try: append_line(Path({str(path)!r}), bytes(100_000))\n"
        "except OSError: sys.exit(9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        check=False,
    )
    assert done.returncode == 9
    assert path.read_bytes() == b"one\ntw\nthree\n"


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: the write fails half-way."""
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    program = (
        "import sys; from edgernn.files import atomic_write; from edgernn.errors import EdgernnError\n"
        f"try: atomic_write({str(path)!r}, bytes(100_000))\n"
        "except EdgernnError as error: print(error.message); sys.exit(9)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 9, result.stderr
    assert "File too large" in result.stdout
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.tflite"]


def test_an_interrupt_before_the_rename_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.tflite"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    contents = {bytes([letter]) * 300_000 for letter in b"ab"}
    atomic_write(path, min(contents))
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(40):
        for content in contents:
            atomic_write(path, content)
    done.set()
    reader.join()
    assert seen
    assert seen <= contents
