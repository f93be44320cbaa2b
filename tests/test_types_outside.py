"""A program of somebody else's, checked strictly, sees the types of edgernn's functions and results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RIGHT = """
import numpy as np

import edgernn

made = edgernn.convert("model.keras", quantize="int8", calibration=np.zeros((50, 7, 3), np.float32))
checked = edgernn.verify("model.keras", made, {"x": np.zeros((20, 7, 3), np.float32)})
size: int = made.size
passed: bool = checked.passed
answers = edgernn.load(made).predict("samples.npz")
obstacles: tuple[tuple[str, str], ...] = edgernn.check("model.keras").obstacles
try:
    edgernn.profile(made, board="esp32")
except edgernn.InputError as error:
    hint: str = error.hint
"""
WRONG = {
    'edgernn.convrt("m.keras")': 'has no attribute "convrt"',
    "edgernn.convert('m.keras', quantise='int8')": 'Unexpected keyword argument "quantise"',
    "x: str = edgernn.convert('m.keras').size": "Incompatible types in assignment",
    "edgernn.verify('m.keras', 3, 'x.npz')": 'Argument 2 to "verify" has incompatible type',
}


@pytest.mark.slow  # a checker reads all of edgernn
def test_a_strict_checker_knows_what_is_given_and_returned(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text("import edgernn\n\n" + "\n".join(WRONG) + "\n")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={tmp_path}/cache",
        "--no-color",
    ]
    done = subprocess.run(
        [*command, "right.py", "wrong.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("right.py", "wrong.py"))]
    assert not [line for line in lines if line.startswith("right.py")], done.stdout
    for number, expected in enumerate(WRONG.values(), 3):
        assert any(line.startswith(f"wrong.py:{number}:") and expected in line for line in lines), done.stdout
