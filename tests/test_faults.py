"""Every call that a write makes fails once, and the process is killed at every moment: the old or the new is there.

A part by default; all of it in `make test-all`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import require_system
from fault_scenarios import SCENARIOS
from saved_models import folder

HERE = Path(__file__).parent
FEWEST = {"owned_folder": 60, "c_folder": 80, "android_app": 60, "training_run": 20, "reports": 30}  # calls
QUICK = {"owned_folder": (2, 50), "new_folder": (1, 50), "tflite": (1, 50), "history": (1, 50), "c_folder": (40, 8)}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([require_system("gcc"), *flags, str(HERE / "faults.c"), "-o", str(library), "-ldl"], check=True)
    return library


def injected(shim: Path, place: Path, scenario: str, stride: int, kills: int) -> dict[str, Any]:
    """Let every `stride`-th call and error fail, and kill at so many calls."""
    command = [
        sys.executable,
        str(HERE / "fault_host.py"),
        scenario,
        str(place),
        str(folder()),
        str(stride),
        str(kills),
    ]
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["problems"] == [], done.stderr
    assert found["calls"] >= FEWEST.get(scenario, 3)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is possible, since every try waits for the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="edgernn-faults-", dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize("scenario", QUICK)
def test_old_or_new_is_there_whole(shim: Path, place: Path, scenario: str) -> None:
    injected(shim, place, scenario, *QUICK[scenario])


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_old_or_new_is_there_whole_whichever_call_fails(shim: Path, place: Path, scenario: str) -> None:
    stride = {"reports": 7, "android_app": 3}.get(scenario, 1)
    found = injected(shim, place, scenario, stride, 50)
    assert found["turns"] >= found["calls"] * len(("ENOSPC", "EIO", "EACCES")) // stride
