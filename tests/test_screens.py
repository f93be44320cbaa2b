"""What every command that prints a table looks like at 60, 80 and 120 columns and in a pipe, as `screens/` has it.

`.venv/bin/pytest tests/test_screens.py --write-screens` writes these files anew; look at what has changed.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_terminal import shown
from rich.cells import cell_len
from screen_results import NAME, SCREENS

from edgernn.cli.tables import table_lines

HERE = Path(__file__).parent / "screens"
WIDTHS = (60, 80, 120, None)
RULE = re.compile("─+")
_SAID = r"Not shown for want of room: (.*?)\. \d+ columns show all; so does a pipe\."
FOOTNOTE = re.compile(_SAID.replace(" ", r"\s+"), re.DOTALL)
# A number and its unit are one word: neither may stand without the other.
WORD = re.compile(r"[-+<]?\d[\d,.]*(?:e[-+]?\d+)? \S+|\S+")

Captured = pytest.CaptureFixture[str]


def screen(name: str, width: int | None, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NO_COLOR", "1")
    capsys.readouterr()
    with monkeypatch.context() as patch:
        if width is not None:
            patch.setenv("COLUMNS", str(width))
            patch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        SCREENS[name]()
    return capsys.readouterr().out


def heading(width: int | None) -> str:
    return f"===== {'in a pipe' if width is None else f'{width} columns'} =====\n"


@pytest.mark.parametrize("name", list(SCREENS))
def test_a_screen_is_as_it_was_seen(
    name: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    found = "\n".join(heading(width) + screen(name, width, capsys, monkeypatch) for width in WIDTHS)
    path = HERE / f"{name}.txt"
    if request.config.getoption("--write-screens"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), "look at it, then run with --write-screens"


def test_no_screen_is_left_over_and_no_command_that_prints_a_table_is_without_one() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == set(SCREENS)
    commands = Path(__file__).parent.parent / "edgernn" / "cli"
    for path in commands.glob("*.py"):
        calls = {node.func.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        if "print_table" in calls and path.stem not in ("output", "explained", "fits", "growth"):
            assert any(name.partition("-")[0] == path.stem for name in SCREENS), path.stem


@pytest.mark.parametrize("width", [width for width in WIDTHS if width])
@pytest.mark.parametrize("name", list(SCREENS))
def test_no_word_and_no_number_is_broken(
    name: str, width: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = screen(name, None, capsys, monkeypatch)
    narrow = screen(name, width, capsys, monkeypatch)
    known = {word.lower() for word in whole.replace("\n", " ").split()}
    shown = FOOTNOTE.sub("", RULE.sub("", narrow))
    assert {word.lower() for word in shown.split()} <= known
    lines = set(whole.splitlines())
    assert all(len(line) <= width or str(NAME) in line or line in lines for line in narrow.splitlines())
    for said in FOOTNOTE.findall(narrow):
        assert all(column.split()[-1] in whole for column in " ".join(said.split()).split(", ") if column)


def test_a_pipe_gets_neither_rules_nor_colours(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREENS:
        text = screen(name, None, capsys, monkeypatch)
        assert "─" not in text
        assert "\x1b" not in text
        assert "Not shown" not in text


texts = st.text(st.sampled_from("abcdefgh-_/+:.0123456789语"), min_size=1, max_size=30)
sentences = st.lists(texts, min_size=1, max_size=12).map(" ".join)


@given(st.data(), st.integers(1, 4), st.integers(2, 5), st.integers(12, 150))
def test_a_cell_stays_whole_and_what_is_dropped_is_said(
    data: st.DataObject, columns: int, rows: int, width: int
) -> None:
    headings = [f"Column{number}" for number in range(columns)]
    prose = headings[:1] if data.draw(st.booleans()) else []
    drop = data.draw(st.permutations(headings))[: data.draw(st.integers(0, columns - 1))]
    cells = [
        [data.draw(sentences if heading in prose else texts) for heading in headings] for _ in range(rows)
    ]  # fmt: skip
    lines = table_lines(headings, cells, width, drop=drop, prose=prose)
    text = "\n".join(lines)
    said = FOOTNOTE.search(text)
    dropped = " ".join(said[1].split()).split(", ") if said else []
    assert set(dropped) <= set(drop)
    assert dropped == [] or drop.index(max(dropped, key=drop.index)) == len(dropped) - 1  # in the author's order
    for row in cells:
        for heading, cell in zip(headings, row, strict=True):
            if heading not in dropped:
                parts = cell.split() if heading in prose else [cell]
                assert all(any(part in line for line in lines) for part in parts)
    body = lines[: lines.index("")] if dropped else lines
    if any(set(line) == {"─"} for line in lines):
        assert max(map(cell_len, body)) <= width
    else:  # a block for each row, where nothing is missing
        assert not dropped


def test_the_width_is_that_of_the_terminal_itself() -> None:
    """A real terminal, of no size that a variable tells."""
    lines = shown(["devices", "--kind", "linux"], 70, "stdout").splitlines()
    assert max(map(len, lines)) <= 70
    assert any(line.startswith("raspberry-pi-zero-2-w ") for line in lines)
    assert any("Not shown for want of room: Board" in line for line in lines)
