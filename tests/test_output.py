"""Tables, JSON and progress bars."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from edgernn.cli.output import kib, note, print_json, print_table
from edgernn.cli.progress import progress

Captured = pytest.CaptureFixture[str]


def test_json_has_schema_first_keeps_the_order_and_knows_no_nan(capsys: Captured) -> None:
    print_json(
        {
            "zeta": np.float32(0.5),
            "schema": "edgernn.test",
            "alpha": [float("nan"), np.inf, -1.5, np.int8(-7), True, None],
            "version": 1,
            "nested": {"path": Path("a") / "b", "array": np.array([[1.0, np.nan]]), "pair": (1, "größer")},
        }
    )
    text = capsys.readouterr().out
    document = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert list(document) == ["schema", "version", "zeta", "alpha", "nested"]
    assert document["alpha"] == [None, None, -1.5, -7, True, None]
    assert document["nested"] == {"path": "a/b", "array": [[1.0, None]], "pair": [1, "größer"]}
    assert text.isascii()
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    ("document", "error"),
    [({"schema": "x"}, ValueError), ({"version": 1}, ValueError), ({"schema": "x", "version": 1, "a": {1}}, TypeError)],
)
def test_json_without_schema_or_of_foreign_types_is_refused(
    document: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        print_json(document)


def test_a_table_in_a_pipe_is_plain_whole_and_aligned(capsys: Captured) -> None:
    long = "a_very_long_layer_name_" * 12
    print_table(
        "Layers",
        ("Layer", "Bytes", "Error", "Size", "Kept"),
        [("lstm[bold]", np.int64(91203), np.float32(0.0123456), "22.4 KiB", True), (long, 7, None, "-", False)],
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Layers"
    assert "\x1b" not in "".join(lines)
    heading, first, second = (line for line in lines[1:] if "─" not in line)
    assert first.split() == ["lstm[bold]", "91,203", "0.01235", "22.4", "KiB", "yes"]
    assert second.split() == [long, "7", "-", "no"]
    for word, row, cell in [("Bytes", first, "91,203"), ("Bytes", second, " 7 "), ("Error", first, "0.01235")]:
        end = heading.index(word) + len(word)
        assert row[:end].endswith(cell.rstrip())
    assert all(line == line.rstrip() for line in lines)


def test_an_empty_table_shows_its_headings(capsys: Captured) -> None:
    print_table("", ("Package", "Version"), [])
    assert capsys.readouterr().out.splitlines()[0].split() == ["Package", "Version"]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 KiB"), (9120, "8.9 KiB"), (1536, "1.5 KiB"), (5 << 20, "5,120.0 KiB")]
)
def test_kib_is_1024_bytes(size: int, text: str) -> None:
    assert kib(size) == text


def test_notes_and_progress_leave_stdout_alone(capsys: Captured) -> None:
    note("calibrating")
    with progress("training", 3) as bar:
        bar.advance()
        bar.describe("training, second epoch")
        bar.update(3, total=3)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "calibrating\n")


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_shows_on_a_terminal_unless_quiet(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with progress("training [x]", 4, quiet=quiet) as bar:
        bar.advance(2)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert ("training [x]" in shown.err) is not quiet
