"""The quickstart's commands can be pasted, and its page shows what it measured; the whole of it takes a minute."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import screen_results
from test_docs import check_command

from edgernn.judgement import Verdict
from edgernn.metrics import Metric
from edgernn.verified import VerifyResult

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def quickstart() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quickstart", ROOT / "examples" / "quickstart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["quickstart"] = module  # which its dataclass looks for
    spec.loader.exec_module(module)
    return module


def test_its_commands_can_be_pasted(quickstart: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    lines = quickstart.step_by_step(32, Path("runs/my quick start/gru")).replace("\\\n", " ").splitlines()[1:]
    for line in lines:
        program, *words = shlex.split(line)
        assert os.access(program, os.X_OK), program
        assert program.endswith("/edgernn")
        check_command(["edgernn", *words])
    assert [shlex.split(line)[1] for line in lines] == ["train", "convert", "verify", "inspect"]


def test_its_page_has_both_cells_with_pictures(quickstart: ModuleType, tmp_path: Path) -> None:
    metric, verdict = Metric("accuracy", 0.978, 0.975, 370), Verdict("class", "metric", 0.003, 0.005)
    result = VerifyResult("micro", "tflite-micro", "keras", "int8", 370, True, verdict, (verdict,), 0.03, metric, 0.008,
                          0.004, 0.001, 0.0123, (), (), ())  # fmt: skip
    rows, folders = [], {}
    for cell in quickstart.CELLS:
        folders[cell] = tmp_path / cell
        folders[cell].mkdir()
        (folders[cell] / "run.json").write_text(json.dumps({
            "recipe": "japanese-vowels", "cell": cell, "units": 32, "metric": "accuracy", "score": 0.98,
            "samples": {"train": 243, "validation": 27, "test": 370}, "steps": 29, "features": 12, "classes": ["a"],
            "baselines": [{"name": "most frequent class", "score": 0.084}], "parameters": 4713,
            "recurrent_parameters": 4416, "seconds_per_epoch": 0.2, "data": {"origin": "Kudo", "licence": "BSD"},
            "history": {"loss": [1.0, 0.5], "validation_score": [0.5, 0.9]},
        }))  # fmt: skip
        for target in quickstart.TARGETS:
            converted = replace(screen_results.converted(), target=target)
            rows.append(quickstart.Row(cell, converted, 9_000, 120.0, result, None))
    quickstart.write_report(tmp_path / "report.html", folders, rows, 0.0)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("LSTM 32", "GRU 32", "japanese-vowels", "97.5"):
        assert words in page
    assert page.count("<svg") >= 3
