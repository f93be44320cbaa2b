"""Runs a scenario again and again, each time in a fork of this warm process, with one call failing or killing it.

    LD_PRELOAD=faults.so python fault_host.py SCENARIO FOLDER MODELS STRIDE KILLS

Prints JSON: how many calls there are, how many tries there were, and what went wrong.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault_scenarios import SCENARIOS, Scenario

from edgernn.errors import EdgernnError

Tree = dict[str, tuple[int, bytes | str]]
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
FINE, REFUSED, WRONG = 0, 1, 2


def tree(folder: Path) -> Tree:
    """Everything in a folder; of a temporary file that a kill left, nothing."""
    found: Tree = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = mode, os.readlink(path)
        elif not (path.name.startswith(".edgernn-") and path.is_file()):
            found[name] = mode, path.read_bytes() if path.is_file() else b""
    return found


def in_fork(action: Callable[[], Any]) -> int:
    """Do it in a fork; FINE, REFUSED by an error of ours, WRONG, or less than 0 if it was killed."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = WRONG
    try:
        action()
        status = FINE
    except EdgernnError as error:
        status = REFUSED if error.exit_status in (2, 3) else WRONG
        print(error, file=sys.stderr)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    os._exit(status)


def main() -> None:
    name, folder, models, stride, kills = sys.argv[1:]
    place = Path(folder)
    scenario = SCENARIOS[name](place, Path(models))
    shim: Any = ctypes.CDLL(None)
    watched = os.fsencode(scenario.watched)
    scenario.before()
    old = tree(scenario.watched)
    saved = place / "saved"
    if scenario.watched.exists():
        shutil.copytree(scenario.watched, saved, symlinks=True)

    counted = place / "count"

    def count() -> None:
        shim.faults_arm(watched, -1, 0)
        scenario.write()
        counted.write_text(str(shim.faults_seen()))

    assert in_fork(count) == FINE
    new, calls = tree(scenario.watched), int(counted.read_text())
    differ = {key for key in {*old, *new} if old.get(key) != new.get(key)}
    problems: list[str] = []
    turns = [(number, error) for number in range(1, calls + 1) for error in ERRORS][:: int(stride)]
    every = max(calls / int(kills), 1.0) if int(kills) else calls + 1.0
    turns += [(int(number * every) + 1, 0) for number in range(int(calls / every))]
    for number, error in turns:
        shutil.rmtree(scenario.watched, ignore_errors=True)
        if saved.exists():
            shutil.copytree(saved, scenario.watched, symlinks=True)

        def write(number: int = number, error: int = error) -> None:
            shim.faults_arm(watched, number, error)
            scenario.write()

        status = in_fork(write)
        where = f"call {number} of {calls}, {errno.errorcode.get(error, 'SIGKILL')}, status {status}"
        if status not in ((-9, FINE) if not error else (FINE, REFUSED)):
            problems.append(f"{where}: neither done nor refused")
        problems += [f"{where}: {problem}" for problem in mixed(scenario, old, new, differ)]
        later = in_fork(scenario.after)
        if later != FINE:
            problems.append(f"{where}: the next command ends with {later}")
        now = tree(scenario.watched)
        if now != new and (status == FINE or now != old):
            wrong = sorted(key for key in {*now, *old, *new} if now.get(key) not in (old.get(key), new.get(key)))
            problems.append(f"{where}: neither old nor new: {wrong or 'a mixture'}")
    print(json.dumps({"calls": calls, "turns": len(turns), "problems": problems}))


def mixed(scenario: Scenario, old: Tree, new: Tree, differ: set[str]) -> list[str]:
    """Whether files of both are there, of those that were replaced."""
    now = tree(scenario.watched)
    replaced = [key for key in differ if key in old and key in new and key in now and now[key][1]]
    kinds = {("old" if now[key] == old[key] else "new" if now[key] == new[key] else "neither") for key in replaced}
    return ["files of old and new are there together"] if len(kinds) > 1 else []


if __name__ == "__main__":
    main()
