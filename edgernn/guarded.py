"""Guarded child processes: where foreign bytes are read and foreign code runs, which may crash, hang or eat memory.

`call` runs one function there and gives back what it returns or raises; that the process died, or that it had to be
killed for its time or memory, is a `ChildError`, never the end of this process. A `Child` of one's own keeps what its
functions leave behind. Ctrl-C ends a call at once, whatever the child does.

A child is forked from the command line's process, which is quick, as long as that has one thread; anywhere else, where
threads of TensorFlow or of a user's program may hold locks, it is a fresh interpreter. It is kept for further calls.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import edgernn
from edgernn.serving import begin_forked, receive, send

T = TypeVar("T")

_THREADED = ("tensorflow", "jax", "torch", "onnxruntime", "ai_edge_litert", "tflite_runtime", "tflite_micro")
_PATIENCE = 10.0  # of the clock, how much longer than its processor time a call may take: others compute too
_LEAST_PATIENCE = 120.0  # seconds; a machine that is busy may give a child a hundredth of a processor
_IDLE_SECONDS = 60.0
_KEPT = 2  # children that wait for a further call
_WORDS = 1 << 16  # bytes of what a child wrote to its standard error that are looked at


class ChildError(Exception):
    """A guarded child gave no answer.

    Attributes:
        reason: the end of a sentence such as "Found: ...".
        words: what it had written to its standard error.
        crashed: it died by itself; else it was ended for its time or memory.
    """

    def __init__(self, reason: str, words: str = "", *, crashed: bool = False) -> None:
        """Keep the reason, and what the child said."""
        super().__init__(reason)
        self.reason, self.words, self.crashed = reason, words, crashed


class Child:
    """A process beside this one, in which functions are called one after the other."""

    def __init__(self, *, fresh: bool = False, idle: float = math.inf) -> None:
        """Start it.

        Args:
            fresh: a new interpreter in any case, in which nothing has been imported or used.
            idle: seconds after which it ends if nobody calls.
        """
        self.calls = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._status: int | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `close`)
        self._socket, theirs = socket.socketpair()
        with theirs:
            if fresh or not _may_fork():
                self._spawn(theirs, idle)
            elif not (pid := os.fork()):
                begin_forked(self._socket, theirs, self._stderr.fileno(), idle)
            else:
                self.pid = pid

    def _spawn(self, theirs: socket.socket, idle: float) -> None:
        number = theirs.fileno()
        paths = [str(Path(edgernn.__path__[0]).parent), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from edgernn.serving import serve; serve({number}, float('{idle}'))"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            pass_fds=(number,),
        )
        self.pid = self._process.pid

    def call(
        self,
        function: Callable[..., T],
        *arguments: object,
        seconds: float,
        memory: int | None = None,
        files: Sequence[int] = (),
        imports: Sequence[str] = (),
    ) -> T:
        """What a function returns or raises there.

        Args:
            function: of a module, so that it can be named.
            arguments: are copied, as is what it returns.
            seconds: of processor time that it may take; of the clock, ten times as many.
            memory: bytes that it may take in addition to what the process has.
            files: open files, given to the function as numbers after its arguments, and closed behind it.
            imports: modules that are imported there before its limits begin.

        Raises:
            ChildError: there is no answer; the child is gone then.
        """
        if not self.alive:
            self.close()
            raise ChildError("it has ended before")
        self.calls += 1
        said = os.fstat(self._stderr.fileno()).st_size
        end = time.monotonic() + max(_LEAST_PATIENCE, _PATIENCE * seconds)
        try:
            send(self._socket, pickle.dumps((tuple(imports), function, arguments, seconds, memory), 5), files, end)
            good, answer = _loaded(receive(self._socket, end)[0])
        except TimeoutError as error:
            self.close(kill=True)
            raise ChildError(f"no end within {max(_LEAST_PATIENCE, _PATIENCE * seconds):.0f} s") from error
        except (EOFError, OSError) as error:
            words = os.pread(self._stderr.fileno(), _WORDS, said).decode(errors="replace")
            raise self._died(words, seconds) from error
        except BaseException:  # Ctrl-C
            self.close(kill=True)
            raise
        if good:
            return answer  # type: ignore[no-any-return]
        if isinstance(answer, MemoryError):
            limit = f"more than {memory >> 20} MiB" if memory else "more than there is"
            raise ChildError(f"needs too much memory, {limit}") from answer
        raise answer

    def _died(self, words: str, seconds: float) -> ChildError:
        status = self._end(2.0)
        self.close(kill=True)
        if status is None:
            return ChildError("it ended without an answer", words, crashed=True)
        if status >= 0:
            return ChildError(f"it ended with exit status {status}", words, crashed=True)
        if -status == signal.SIGPROF:
            return ChildError(f"no end within {seconds:.3g} s of processor time", words)
        with contextlib.suppress(ValueError):
            return ChildError(f"it crashed ({signal.Signals(-status).name})", words, crashed=True)
        return ChildError(f"it crashed (signal {-status})", words, crashed=True)

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._socket.fileno() >= 0 and self._end(0.0) is None

    def _end(self, seconds: float) -> int | None:
        """Its exit status, negative for a signal, once it has ended; None if it has not within some time."""
        end = time.monotonic() + seconds
        while self._status is None:
            if self._process is not None:
                self._status = self._process.poll()
            else:
                try:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                    self._status = os.waitstatus_to_exitcode(status) if pid else None
                except ChildProcessError:  # somebody else has waited for it
                    self._status = 0
            if self._status is None:
                if time.monotonic() >= end:
                    break
                time.sleep(0.002)
        return self._status

    def close(self, *, kill: bool = False) -> None:
        """End it: it notices that nobody will call any more; or at once."""
        if self._socket.fileno() < 0:
            return
        self._socket.close()
        if kill or self._end(1.0) is None:
            if self._status is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self._end(5.0)
        self._stderr.close()

    def __enter__(self) -> Child:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()


def call(
    function: Callable[..., T],
    *arguments: object,
    seconds: float,
    memory: int | None = None,
    files: Sequence[int] = (),
    imports: Sequence[str] = (),
) -> T:
    """As `Child.call`, in a child that is kept for later calls; the function must leave nothing behind there.

    A child that has served before may die of what it did then, so another one must die of this call too.

    Raises:
        ChildError: there is no answer.
    """
    child = _take()
    served = child.calls > 0
    try:
        return child.call(function, *arguments, seconds=seconds, memory=memory, files=files, imports=imports)
    except ChildError as error:
        if not (served and error.crashed):
            raise
        child = Child(idle=_IDLE_SECONDS)
        return child.call(function, *arguments, seconds=seconds, memory=memory, files=files, imports=imports)
    finally:
        _give_back(child)


def warm() -> None:
    """Start the child for the first `call` now, while a fork is still possible."""
    if _may_fork():
        _give_back(_take())


_idle: list[Child] = []
_lock = threading.Lock()


def _take() -> Child:
    while True:
        with _lock:
            child = _idle.pop() if _idle else None
        if child is None:
            return Child(idle=_IDLE_SECONDS)
        if child.alive:
            return child
        child.close()


def _give_back(child: Child) -> None:
    if child.alive:
        with _lock:
            if len(_idle) < _KEPT:
                _idle.append(child)
                return
    child.close()


@atexit.register
def _close_all() -> None:
    while _idle:
        _idle.pop().close()


def _forget() -> None:
    """In a fork of this process: the children are its parent's."""
    global _lock
    _lock = threading.Lock()
    for child in _idle:
        child._socket.close()
        if child._process is not None:
            child._process.returncode = 0  # or its end would be waited for
    _idle.clear()


os.register_at_fork(after_in_child=_forget)


def _may_fork() -> bool:
    return (
        edgernn.own_process
        and sys.platform == "linux"
        and threading.active_count() == 1
        and not any(name in sys.modules for name in _THREADED)
    )


def _loaded(content: bytearray) -> tuple[bool, Any]:
    try:
        good, answer = pickle.loads(content)
    except Exception as error:  # whatever bytes from a process may do that has lost its mind
        raise EOFError from error
    return good, answer
