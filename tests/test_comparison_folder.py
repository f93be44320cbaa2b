"""A comparison's folder: held by one process, and reports in it that the user may have changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from report_results import one

from edgernn.cli.main import run
from edgernn.comparison.comparing import compare
from edgernn.comparison.hold import held
from edgernn.comparison.output import write_reports
from edgernn.errors import InputError


def test_a_folder_is_held_by_one_comparison_at_a_time(tmp_path: Path) -> None:
    """Whoever comes second is told who holds it; the lock of a process that was killed is none."""
    program = (
        "import sys; from pathlib import Path; from edgernn.comparison.hold import held\n"
        f"with held(Path({str(tmp_path)!r})):\n  print('held', flush=True); sys.stdin.read()\n"
    )
    first = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        options = ["--untrained", "--units", "3", "--steps", "3", "--features", "2", "--classes", "2"]
        with pytest.raises(InputError, match=f"must not be in use. Found: a comparison by process {first.pid}"):
            compare(output=tmp_path, untrained=True, shape=(3, 2, 2))
        assert run(["compare", "-o", str(tmp_path), *options]) == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock"]
        first.kill()
    with held(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"


def test_reports_that_were_edited_are_kept(tmp_path: Path) -> None:
    results = one()
    assert write_reports(tmp_path, results) == ()
    (tmp_path / "report.md").write_text("mine")
    (tmp_path / "notes.md").write_text("mine")
    assert len(write_reports(tmp_path, results)) == 1
    assert (tmp_path / "report.md.orig").read_text() == "mine"
    assert (tmp_path / "notes.md").read_text() == "mine"
    assert (tmp_path / "report.md").read_text() != "mine"
