"""Work in processes that may die."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pool_tasks
import pytest

from edgernn.comparison.pool import TASKS_PER_PROCESS, Done, Task, run_all


def run(tasks: list[Task], folder: Path, jobs: int = 2) -> dict[str, Done]:
    return {done.task.name: done for done in run_all(tasks, jobs, folder / "log")}


def test_every_task_is_done_once(tmp_path: Path) -> None:
    tasks = [Task(str(k), pool_tasks.double, (k,)) for k in range(5)]
    done = run(tasks, tmp_path)
    assert {name: each.result for name, each in done.items()} == {str(k): 2 * k for k in range(5)}


def test_an_exception_comes_back_and_the_others_go_on(tmp_path: Path) -> None:
    tasks = [Task("bad", pool_tasks.fail, ("no",)), Task("good", pool_tasks.double, (4,))]
    done = run(tasks, tmp_path)
    assert isinstance(done["bad"].error, ValueError)
    assert str(done["bad"].error) == "no"
    assert done["good"].result == 8


def test_a_process_that_dies_costs_its_own_task_only(tmp_path: Path) -> None:
    tasks = [Task("dies", pool_tasks.die, ()), *(Task(str(k), pool_tasks.double, (k,)) for k in range(4))]
    done = run(tasks, tmp_path)
    assert done["dies"].died == -9
    assert [done[str(k)].result for k in range(4)] == [0, 2, 4, 6]


def test_processes_are_replaced_after_some_tasks(tmp_path: Path) -> None:
    tasks = [Task(str(k), pool_tasks.pid, (k,)) for k in range(TASKS_PER_PROCESS + 1)]
    pids = [done.result for done in run_all(tasks, 1, tmp_path / "log")]
    assert len(set(pids)) == 2
    assert len(set(pids[:-1])) == 1


def test_workers_are_quiet_and_use_one_thread(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run([Task("talks", pool_tasks.chatter, ())], tmp_path)
    assert done["talks"].result == 1
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "log").read_text() == "to stdout\nto stderr\n"


def test_leaving_early_ends_the_processes(tmp_path: Path) -> None:
    start = time.monotonic()
    work = run_all([Task("quick", pool_tasks.wait, (0,)), Task("slow", pool_tasks.wait, (60,))], 2, tmp_path / "log")
    assert next(work).task.name == "quick"
    work.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start < 20


def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import pool_tasks
from pathlib import Path
from edgernn.comparison.pool import Task, run_all
if __name__ == "__main__":
    tasks = [Task("a", pool_tasks.wait, (0,)), Task("b", pool_tasks.wait, (600,))]
    for done in run_all(tasks, 1, Path({str(tmp_path / "log")!r})):
        print(done.result, flush=True)
"""
    path = tmp_path / "parent.py"
    path.write_text(program)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":  # nobody has taken note of its end yet
            return
        time.sleep(0.1)
    pytest.fail("the worker is still alive")
