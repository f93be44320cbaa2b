"""Every benchmark from its command to its last line, at a small size."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def printed(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.slow
def test_c_beside_its_peers_and_on_every_emulated_machine() -> None:
    out = printed("benchmarks.c_host", "--rounds", "3", "--units", "6")
    assert re.search(r"GRU 6 .*LSTM 6", out, re.DOTALL)
    from edgernn.devices.emulators.machines import MACHINES

    for name, machine in MACHINES.items():
        if not machine.missing():
            (row,) = re.findall(rf"^ *{name} .*$", out, re.MULTILINE)
            assert not re.search(r" - |-$", row), "so small a model fits everywhere"


@pytest.mark.slow
def test_a_model_that_a_machine_cannot_hold_is_a_dash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from benchmarks import c_host
    from edgernn.errors import InputError

    def too_large(*_: object) -> int:
        raise InputError("program: must fit.")

    monkeypatch.setattr(c_host, "_cost", too_large)
    for row in c_host.instructions(tmp_path, [4]):
        assert row[1:] == ("-", "-")


@pytest.mark.slow
def test_streams_beside_the_stock_converters() -> None:
    assert "GRU 8" in printed("benchmarks.streaming", "--rounds", "3", "--units", "8").replace("8x8", "8")


@pytest.mark.slow
def test_conversions_beside_the_stock_converters(tmp_path: Path) -> None:
    json, markdown = tmp_path / "a.json", tmp_path / "a.md"
    assert "GRU" in printed("benchmarks.run", "--quick", "--json", str(json), "--markdown", str(markdown))
    assert json.stat().st_size > 1000
    assert markdown.stat().st_size > 1000
