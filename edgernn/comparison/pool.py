"""Work in several processes, of which any may die: that costs its own task and nothing else."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

# A process is replaced after so many tasks, since TensorFlow never gives back all of its memory.
TASKS_PER_PROCESS = 12
_SPAWN = multiprocessing.get_context("spawn")  # a fork would inherit the threads' locks


@dataclass(frozen=True)
class Task:
    """A call to make in another process: a function of a module, and arguments that can be pickled."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Done:
    """A task's result, or the exception that ended it, or the exit status of the process that died of it."""

    task: Task
    result: Any = None
    error: Exception | None = None
    died: int | None = None


def run_all(tasks: Iterable[Task], jobs: int, log: Path) -> Iterator[Done]:
    """Run tasks in `jobs` processes, and give each as it ends.

    Args:
        tasks: taken one by one, as processes get free.
        jobs: processes.
        log: a file to which they write what they would write to the terminal.
    """
    waiting = iter(tasks)
    workers: list[_Worker] = []
    try:
        while True:
            while sum(worker.task is not None for worker in workers) < jobs:
                task = next(waiting, None)
                if task is None:
                    break
                idle = next((worker for worker in workers if worker.task is None), None)
                if idle is None:
                    idle = _Worker.start(log)
                    workers.append(idle)
                idle.give(task)
            busy = {worker.connection: worker for worker in workers if worker.task is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                yield worker.take()
                if worker.worn_out:
                    workers.remove(worker)
                    worker.end()
    finally:
        for worker in workers:
            worker.end()


@dataclass(eq=False)
class _Worker:
    """A process, the line to it, and what it works on."""

    process: Any
    connection: Connection
    task: Task | None = None
    tasks: int = field(default=0)

    @classmethod
    def start(cls, log: Path) -> _Worker:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(theirs, str(log)))
        # Ctrl-C is the parent's business; the child inherits that it is blocked until it ignores it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return cls(process, ours)

    def give(self, task: Task) -> None:
        self.task = task
        self.tasks += 1
        with contextlib.suppress(OSError):  # it has died meanwhile: `take` will see that
            self.connection.send((task.function, task.arguments))

    def take(self) -> Done:
        """What came of its task; call this once the connection is ready."""
        task, self.task = self.task, None
        assert task is not None, "only busy workers are waited for"
        try:
            result, error = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            self.tasks = TASKS_PER_PROCESS
            return Done(task, died=self.process.exitcode)
        return Done(task, result, error)

    @property
    def worn_out(self) -> bool:
        return self.tasks >= TASKS_PER_PROCESS

    def end(self) -> None:
        """End the process, at once if it still works: after an interruption nobody waits for a training."""
        if self.task is not None:
            self.process.terminate()
        self.connection.close()
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _work(connection: Connection, log: str) -> None:
    """What a worker does: a task after the other, until the line is closed."""
    _make_quiet(log)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, arguments = connection.recv()
        except (EOFError, OSError):
            return
        result: Any = None
        failure: Exception | None = None
        try:
            result = function(*arguments)
        except Exception as error:
            failure = error
        try:
            connection.send((result, failure))
        except Exception:  # something in it cannot be pickled
            connection.send((None, RuntimeError(f"{type(failure or result).__name__}: {failure or result}")))


def _make_quiet(log: str) -> None:
    """Let nothing but the log show what the process does, let it use one core, and let Ctrl-C be its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # there are as many processes as cores
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def _end_with_parent() -> None:
    """A worker that trains would not notice that its parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
