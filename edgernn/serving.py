"""The other side of `edgernn.guarded`: what a guarded child does, and how the two speak."""

from __future__ import annotations

import contextlib
import faulthandler
import math
import os
import pickle
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import edgernn

inside = False  # whether this process is a guarded child

_HEADER = 8


def send(connection: socket.socket, content: bytes, files: Sequence[int], end: float) -> None:
    """Send a message, its length in 8 bytes before it, and open files along with the length.

    Raises:
        TimeoutError: the other side does not take it until `end`, of the monotonic clock.
        OSError: it is gone.
    """
    _wait_until(connection, end)
    header = len(content).to_bytes(_HEADER, "little")
    if files:
        socket.send_fds(connection, [header], list(files))
    else:
        connection.sendall(header)
    connection.sendall(content)


def receive(connection: socket.socket, end: float) -> tuple[bytearray, list[int]]:
    """A message, and the files that came with it.

    Raises:
        TimeoutError: there is none until `end`.
        EOFError: the other side has gone.
        OSError: likewise.
    """
    _wait_until(connection, end)
    header, files, _, _ = socket.recv_fds(connection, _HEADER, 8)
    header += bytes(_exactly(connection, _HEADER - len(header), end)) if header else b""
    if len(header) < _HEADER:
        raise EOFError
    return _exactly(connection, int.from_bytes(header, "little"), end), files


def _exactly(connection: socket.socket, size: int, end: float) -> bytearray:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        _wait_until(connection, end)
        got = connection.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return content


def _wait_until(connection: socket.socket, end: float) -> None:
    connection.settimeout(None if end == math.inf else max(0.001, end - time.monotonic()))


def begin_forked(parents: socket.socket, connection: socket.socket, stderr: int, idle: float) -> NoReturn:
    """Be a guarded child in a fork of the process that will call it."""
    try:
        parents.close()
        faulthandler.disable()  # it would write to the parent's standard error
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number, file in ((0, nowhere), (1, nowhere), (2, stderr)):
            os.dup2(file, number)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _serve(connection, idle)
    finally:
        os._exit(70)  # nothing of the parent's may run here


def serve(number: int, idle: float) -> NoReturn:
    """Be a guarded child, which is called through a socket, and ends when nobody has called for `idle` seconds."""
    _serve(socket.socket(fileno=number), idle)


def _serve(connection: socket.socket, idle: float) -> NoReturn:
    global inside
    inside, edgernn.own_process = True, False
    import resource

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            request, files = receive(connection, time.monotonic() + idle)
        except (EOFError, OSError):
            os._exit(0)
        answer = _answer(request, files)
        for file in files:
            with contextlib.suppress(OSError):
                os.close(file)
        try:
            send(connection, answer, (), math.inf)
        except OSError:
            os._exit(0)


def _answer(request: bytearray, files: Sequence[int]) -> bytes:
    try:
        imports, function, arguments, seconds, memory = pickle.loads(request)
        for module in imports:
            import_module(module)
        with _limits(seconds, memory):
            return pickle.dumps((True, function(*arguments, *files)), 5)
    except BaseException as error:
        try:
            answer = pickle.dumps((False, error), 5)
            pickle.loads(answer)  # some errors can be written and not read
        except Exception:
            answer = pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")), 5)
        return answer


@contextlib.contextmanager
def _limits(seconds: float, memory: int | None) -> Iterator[None]:
    """Limits on this process for as long as the block runs."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + (memory or 0)
    limited = memory is not None and all(other in (-1, resource.RLIM_INFINITY) or limit < other for other in before)
    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process
    try:
        if limited:
            resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if limited:
            resource.setrlimit(resource.RLIMIT_AS, before)


def _address_space() -> int:
    """Bytes of it that the process has; where there is no /proc, none."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
