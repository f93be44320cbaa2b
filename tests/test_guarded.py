"""Guarded child processes: whatever happens in one is told, and ends nothing here."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import edgernn
from edgernn import guarded, serving
from edgernn.errors import InputError, UnsupportedError


def segfault() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.write(2, b"the accumulator must fit\n")
    os.abort()


def spin() -> None:
    while True:
        pass


def leave() -> None:
    os._exit(5)


def devour() -> int:
    return len(bytearray(1 << 31))


def refuse() -> None:
    raise InputError("file: must be good. Found: bad.", hint="copy it again.")


def refuse_much() -> None:
    raise UnsupportedError([("one.", "first"), ("two.", "second")])


def answer(number: int) -> tuple[int, int]:
    return number + 1, os.getpid()


def is_inside() -> bool:
    return serving.inside


def copied(source: int, target: int) -> int:
    return os.write(target, os.pread(source, 100, 0))


def crash_once(mark: str) -> str:
    """Crash a process that has served before, as one does whose memory an earlier call has spoilt."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.abort()
    return "good"


@pytest.fixture(params=["fork", "interpreter"])
def children(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both ways in which a child is started. A fork is allowed here since these functions take no locks."""
    guarded._close_all()
    forked = request.param == "fork"
    monkeypatch.setattr(guarded, "_may_fork", lambda: forked)
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    yield
    guarded._close_all()


@pytest.mark.usefixtures("children")
@pytest.mark.parametrize(
    ("function", "reason", "crashed"),
    [
        (segfault, "it crashed (SIGSEGV)", True),
        (abort, "it crashed (SIGABRT)", True),
        (leave, "it ended with exit status 5", True),
        (spin, "no end within 0.2 s of processor time", False),
        (devour, "needs too much memory, more than 512 MiB", False),
    ],
)
def test_what_ends_a_child_is_told(function: Callable[[], object], reason: str, crashed: bool) -> None:
    with pytest.raises(guarded.ChildError) as caught:
        guarded.call(function, seconds=0.2, memory=1 << 29)
    assert (caught.value.reason, caught.value.crashed) == (reason, crashed)
    assert ("accumulator" in caught.value.words) == (function is abort)


@pytest.mark.usefixtures("children")
def test_a_child_serves_again_and_again() -> None:
    (first, pid), (second, again) = (guarded.call(answer, number, seconds=5) for number in (1, 2))
    assert (first, second) == (2, 3)
    assert pid == again != os.getpid()
    assert guarded.call(is_inside, seconds=5)
    assert not serving.inside
    with pytest.raises(guarded.ChildError):
        guarded.call(abort, seconds=5)
    assert guarded.call(answer, 3, seconds=5)[0] == 4


@pytest.mark.usefixtures("children")
def test_errors_come_through() -> None:
    with pytest.raises(InputError) as caught:
        guarded.call(refuse, seconds=5)
    assert caught.value.hint == "copy it again."
    with pytest.raises(UnsupportedError) as many:
        guarded.call(refuse_much, seconds=5)
    assert many.value.broken == [("one.", "first"), ("two.", "second")]


@pytest.mark.usefixtures("children")
def test_files_are_handed_over() -> None:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(b"content")
        source.flush()
        assert guarded.call(copied, seconds=5, files=(source.fileno(), target.fileno())) == 7
        assert os.pread(target.fileno(), 100, 0) == b"content"


@pytest.mark.usefixtures("children")
def test_a_child_that_served_before_is_not_believed_when_it_dies(tmp_path: Path) -> None:
    guarded.call(answer, 1, seconds=5)
    assert guarded.call(crash_once, str(tmp_path / "mark"), seconds=5) == "good"
    guarded._close_all()
    with pytest.raises(guarded.ChildError):  # a new one is
        guarded.call(crash_once, str(tmp_path / "other"), seconds=5)


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_a_child_that_gets_no_processor_is_waited_for() -> None:
    child = guarded.Child()
    os.kill(child.pid, signal.SIGSTOP)
    timer = threading.Timer(30.0, os.kill, (child.pid, signal.SIGCONT))
    timer.start()
    try:
        assert child.call(answer, 1, seconds=1)[0] == 2
    finally:
        timer.join()
        child.close()


@pytest.mark.usefixtures("children")
def test_ctrl_c_ends_a_call_at_once() -> None:
    child = guarded.Child()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    start = time.monotonic()
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            child.call(spin, seconds=60)
    finally:
        signal.signal(signal.SIGINT, before)
        timer.join()
    assert time.monotonic() - start < 30
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_only_the_command_line_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not guarded._may_fork()
    code = (
        "import sys, threading, edgernn; from edgernn import guarded\n"
        "edgernn.own_process = True; assert guarded._may_fork() == (sys.platform == 'linux')\n"
        "sys.modules['tensorflow'] = sys; assert not guarded._may_fork(); del sys.modules['tensorflow']\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start(); assert not guarded._may_fork()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not edgernn.own_process


def test_a_child_ends_with_its_parent() -> None:
    code = "from edgernn import guarded; child = guarded.Child(); print(child.pid, flush=True); import os; os._exit(0)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    end = time.monotonic() + 20
    while Path(f"/proc/{int(done.stdout)}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{int(done.stdout)}").exists()


def test_an_idle_child_ends_and_another_takes_its_place() -> None:
    child = guarded.Child(idle=0.1)
    end = time.monotonic() + 20
    while child.alive and time.monotonic() < end:
        time.sleep(0.02)
    assert not child.alive
    guarded._give_back(child)
    assert guarded.call(os.getpid, seconds=5) != child.pid
