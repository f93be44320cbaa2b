"""Many combinations: the first figures come at once, and memory does not grow with their number."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from saved_models import EDGERNN, artifact

pytestmark = pytest.mark.slow

FEW, MANY = 20, 200


@dataclass(frozen=True)
class Compared:
    """A comparison as seen from outside: records when there are any, KiB of the parent process at its peak."""

    first: int
    peak: int
    artifacts: int
    rows: int


def compare(where: Path, number: int) -> Compared:
    """Compare `number` copies of a few artifacts."""
    sources = [
        artifact("int8", "micro"),
        artifact("float32", "phone"),
        artifact("dynamic", "phone"),
        artifact("int8", "micro", "lstm.h5"),
    ]
    folder, output = where / f"files-{number}", where / f"out-{number}"
    folder.mkdir()
    for index in range(number):
        shutil.copy(sources[index % len(sources)], folder / f"model{index:03}.tflite")
    command = [*EDGERNN, "compare", *map(str, sorted(folder.iterdir())), "-o", str(output), "--rounds", "2"]
    first, peak = 0, 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, largest_resident_kib(process.pid))
            first = first or len(list(output.glob("records/artifacts/*.json")))
            time.sleep(0.05)
    assert process.returncode == 0
    results = json.loads((output / "results.json").read_text())
    assert results["complete"] is True
    assert not [each["failed"] for each in results["artifacts"] if each["failed"]]
    assert {len(each["latency"]["rounds"]) for each in results["artifacts"]} == {2}
    assert (output / "report.html").stat().st_size > 0
    return Compared(first, peak, len(results["artifacts"]), len(results["rows"]))


def largest_resident_kib(pid: int) -> int:
    """The most that the process itself, without its children, has held so far; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_two_hundred_combinations_take_no_more_memory_than_twenty(tmp_path: Path) -> None:
    few, many = compare(tmp_path, FEW), compare(tmp_path, MANY)
    print(f"{few}\n{many}")
    assert (few.artifacts, many.artifacts) == (FEW, MANY)
    assert (few.rows, many.rows) == (FEW, MANY)
    assert 0 < many.first < MANY / 4
    assert 0 < many.peak < 1.3 * few.peak
