"""Nothing that a file holds steers the terminal, and a stream that somebody closed is no reason to fail."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_models import EDGERNN, folder

import edgernn.cli
from edgernn.cli.main import COMMANDS, Entry, run
from edgernn.cli.output import note, print_json, print_table, printable, say, say_csv
from edgernn.cli.progress import progress
from edgernn.errors import CheckFailed, InputError, UnsupportedError

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
NASTY = "out\x1b]0;owned\x07\x1b[2J\r\x9b\u202egnp\x7f"
FORGED = f"{NASTY}\nerror: forged\r\nhint: forged\x85error: forged\u2028error: forged"
Captured = pytest.CaptureFixture[str]


@given(st.text(st.characters()))
def test_what_is_printable_holds_no_control_character_and_says_all_that_was_there(text: str) -> None:
    shown = printable(text)
    assert not STEERING.search(shown)
    shown.encode()
    assert shown == text or STEERING.search(text) or "\n" in text
    assert "\n" not in shown
    assert "\t" not in printable(text, keep="")


def test_every_way_to_print_is_safe(capsys: Captured) -> None:
    for text in (NASTY, "one\nline"):
        say(text)
        note(text)
    say_csv('a,b\n1,"two\nlines"\n')
    print_json({"schema": NASTY, "version": 1, NASTY: [NASTY]})
    print_table(NASTY, (NASTY, "b"), [(NASTY, 1), ("two\nlines", 2)])
    out, errors = capsys.readouterr()
    assert not STEERING.search(out + errors)
    assert "two\\x0alines" in out
    assert "one\\x0aline\n" in out
    assert "one\\x0aline\n" in errors
    assert '\na,b\n1,"two\nlines"\n' in out
    assert json.loads(out[out.index("{") : out.rindex("}") + 1])["schema"] == NASTY


def test_progress_is_safe(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress("start") as bar:
        bar.describe(NASTY)
        bar.stage(NASTY, 0, 3)
        bar.advance()
    assert "owned\\x07" in capsys.readouterr().err


def test_errors_are_safe(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    kinds: list[BaseException] = [
        InputError(FORGED, hint=FORGED),
        UnsupportedError([(FORGED, FORGED)]),
        CheckFailed(FORGED),
        click.UsageError(FORGED),
        click.ClickException(FORGED),
        OSError(5, FORGED, FORGED),
        RuntimeError(FORGED),
        MemoryError(FORGED),
        ModuleNotFoundError(FORGED, name=FORGED),
    ]

    def fail() -> None:
        raise kinds[0]

    monkeypatch.setitem(COMMANDS, "fail", Entry(f"{__name__}:COMMAND", ""))
    monkeypatch.setattr(sys.modules[__name__], "COMMAND", click.Command("fail", callback=fail), raising=False)
    while kinds:
        run(["fail"])
        kinds.pop(0)
    errors = capsys.readouterr().err
    assert not STEERING.search(errors)
    assert not [line for line in errors.splitlines() if line.startswith(("error: forged", "hint: forged"))]
    assert all(line.startswith(("error: ", "hint: ")) for line in errors.splitlines())


FORGING = [
    ["inspect", FORGED],
    ["inspect", "--" + FORGED],
    ["convert", FORGED, "-o", "a.tflite"],
    ["convert", "m.keras", "-o", f"file/{FORGED}/a.tflite"],
    ["convert", "m.keras", "-o", "a.tflite", "--quantize", FORGED],
    ["verify", FORGED, FORGED, "--data", FORGED],
    ["profile", FORGED],
    ["profile", FORGED, "--board", FORGED],
    ["deploy", FORGED, "--device", FORGED],
    ["stream", FORGED, "--input", FORGED],
    ["train", FORGED, "--cell", "gru", "--units", "4", "-o", FORGED],
    ["compare", FORGED, "-o", FORGED],
    ["devices", FORGED],
    [FORGED],
]


@pytest.mark.parametrize("words", FORGING, ids=lambda words: " ".join(words).replace(FORGED, "X"))
def test_a_path_or_a_name_forges_no_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert run(words) in (2, 3)
    out, errors = capsys.readouterr()
    lines = (out + errors).splitlines()
    assert lines[0].startswith("error: ")
    assert "forged" in errors
    assert not [line for line in lines if line.startswith(("error: forged", "hint: forged"))]
    assert all(line.startswith(("error: ", "hint: ")) for line in lines)


def test_no_command_prints_otherwise() -> None:
    """`click.echo` and `print` know nothing of what a name may hold; only two files call them."""
    found = []
    for path in Path(edgernn.cli.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "click.echo", "click.secho"):
                found.append(path.name)
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout.write", "sys.stderr.write"):
                found.append(path.name)
    assert set(found) == {"main.py", "output.py"}


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "| head -1"])
@pytest.mark.parametrize("words", [["devices"], ["inspect", "gru.keras", "--json"], ["convert", "gru.keras", "-o"]])
def test_a_closed_stream_is_no_failure(closed: str, words: list[str], tmp_path: Path) -> None:
    """The file that is written is whole too: nothing else may get the number of a closed stream."""
    output = tmp_path / "a.tflite"
    words = [*words, str(output)] if words[-1] == "-o" else words
    command = " ".join(f"'{word}'" for word in (*EDGERNN, *words))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} {closed}"], cwd=folder(), capture_output=True, text=True
    )
    assert done.returncode in ((0, 141) if "head" in closed else (0,))
    assert not re.search("internal error|Traceback|Exception ignored", done.stderr)
    if "convert" in words:
        assert output.read_bytes()[4:8] == b"TFL3"


def _named(config: Any, name: str) -> None:
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "Dense":
            layer["config"]["name"] = name


def test_names_in_a_model_reach_the_terminal_as_text(tmp_path: Path) -> None:
    """A model of somebody else through every verb that shows names."""
    import h5py
    import keras

    model = keras.Sequential([keras.Input((6, 4)), keras.layers.GRU(5), keras.layers.Dense(2, name="out")])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        _named(config, NASTY)
        file.attrs["model_config"] = json.dumps(config)
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 6, 5)))
    for words in (
        ["inspect", "m.h5"],
        ["convert", "m.h5", "-o", "a.tflite"],
        ["convert", "m.h5", "-o", "no/a.tflite"],
        ["convert", "m.h5", "-o", "c", "--format", "c"],
        ["inspect", "a.tflite"],
        ["verify", "m.h5", "a.tflite", "--data", "x.npz"],
    ):
        done = subprocess.run([*EDGERNN, *words], cwd=tmp_path, capture_output=True, text=True)
        assert not STEERING.search(done.stdout + done.stderr), words
