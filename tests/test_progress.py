"""What a bar says, and that nothing but results is on stdout and, after --quiet, nothing at all on stderr."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import screen_results
from hypothesis import given
from hypothesis import strategies as st
from real_terminal import shown
from rich.console import Console
from rich.progress import Progress

from edgernn.cli.main import run
from edgernn.cli.progress import ProgressBar, clock, told

Captured = pytest.CaptureFixture[str]


@given(
    st.one_of(st.none(), st.just(1.0), st.integers(2, 10**6)), st.floats(0, 1), st.floats(0.01, 10_000), st.booleans()
)
def test_a_bar_says_what_is_known_and_after_five_seconds_what_is_left(
    total: float | None, share: float, seconds: float, whole: bool
) -> None:
    now = 0.0
    bars = Progress(console=Console(file=io.StringIO()), get_time=lambda: now)
    task = bars.add_task("x", total=total, **({"whole": True} if whole else {}))
    now = seconds
    done = share * (total or 7)
    bars.tasks[0].completed = done
    text = told(bars.tasks[0])
    assert "?" not in text
    assert clock(seconds) in text
    assert ("left" in text) == (seconds > 5 and bool(total) and 0 < done < (total or 0) and not whole)
    assert ("%" in text) == (total == 1.0)
    assert (" of " in text) == (total is not None and total != 1.0)
    if "left" in text:
        left = text.split("about ")[1].removesuffix(" left").split(":")
        parts = [int(part) for part in left]
        found = sum(part * 60**place for place, part in enumerate(reversed(parts)))
        assert found == pytest.approx(seconds * (1 - share) / share, abs=1, rel=1e-3)
    bars.remove_task(task)


def test_a_stage_has_a_total_and_a_time_of_its_own() -> None:
    now = 0.0
    bars = Progress(console=Console(file=io.StringIO()), get_time=lambda: now)
    outer = bars.add_task("stage", total=2, whole=True)
    bar = ProgressBar(bars, bars.add_task("starting", total=None), outer)
    bar.stage("training", 0, 10)
    now = 20.0
    bar.stage("training", 5, 10)
    first, second = map(told, bars.tasks)
    assert (first, second) == ("1 of 2, 0:20", "5 of 10, 0:20, about 0:20 left")
    bar.stage("timing")
    now = 21.0
    assert [told(task) for task in bars.tasks] == ["2 of 2, 0:21", "0:01"]


def test_a_real_terminal_never_shows_a_question_mark() -> None:
    screen_results.converted()
    words = ["profile", str(screen_results.folder() / "micro.tflite"), "--runs", "3", "--min-seconds", "0.05"]
    text = shown(words, 60, "stderr")
    assert "cold starts" in text
    assert "%, 0:0" in text
    assert "?" not in text


def cheap(place: Path) -> list[list[str]]:
    model, samples = str(screen_results.folder() / "model.h5"), str(screen_results.folder() / "samples.npz")
    artifact = str(place / "quiet.tflite")
    return [
        ["convert", model, "-o", artifact, "--quantize", "int8", "--calibration", samples],
        ["inspect", artifact],
        ["profile", artifact, "--static", "--board", "esp32"],
        ["verify", model, artifact, "--data", samples, "--oracle", "reference"],
        ["devices"],
        ["recipes"],
        ["layers"],
        ["doctor"],
    ]


def test_quiet_leaves_results_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noisy = 0
    for words in cheap(tmp_path):
        shown: dict[str, Any] = {}
        for option in ("", "--quiet"):
            assert run([*words, *([option] if option else [])]) == 0, words
            shown[option] = capfd.readouterr()
        noisy += shown[""].err != ""
        assert shown["--quiet"].err == "", words
        same = [re.sub(r"(time +).*", r"\1", shown[option].out) for option in shown]
        assert same[0] == same[1] != ""
        assert run([*words, "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["schema"]
    assert noisy >= 3  # else this test says nothing
    assert run(["inspect", "nothing.tflite", "--quiet"]) == 2
    assert capfd.readouterr().err.startswith("error: ")


def test_quiet_ends_with_its_command(tmp_path: Path, capsys: Captured) -> None:
    words = cheap(tmp_path)[0]
    assert run([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run(words) == 0
    assert "note: " in capsys.readouterr().err
