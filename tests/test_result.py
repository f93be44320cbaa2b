"""Results are short in a shell, safe in a notebook, and to a program what the command prints."""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.documents import json_text
from edgernn.result import Bar, Result

KINDS = ("convert", "verify", "inspect", "inspect keras", "profile", "explain", "check")


@cache
def results() -> dict[str, Result]:
    model, data = folder() / "gru.keras", folder() / "calibration.npz"
    made = edgernn.convert(model, quantize="int8", calibration=data)
    return {
        "convert": made,
        "verify": edgernn.verify(model, made, folder() / "test.npz", oracle="reference"),
        "inspect": edgernn.inspect(made),
        "inspect keras": edgernn.inspect(model),
        "profile": edgernn.profile(made, runs=3, min_seconds=0.01, board="esp32"),
        "explain": edgernn.explain(model, quantize="int8", calibration=data),
        "check": edgernn.check(model),
    }


class Balanced(HTMLParser):
    """Counts what is opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("div", "strong", "table", "tr", "th", "td"), tag
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shell_shows_a_line_and_a_notebook_a_table(kind: str) -> None:
    found = results()[kind]
    assert repr(found).startswith(f"<{type(found).__name__} ")
    assert "\n" not in repr(found)
    assert len(repr(found)) < 600
    page = Balanced()
    page.feed(found._repr_html_())
    assert page.open == []
    for name, _ in found.figures():
        assert name in page.cells
    for bar in found.bars():
        assert bar.label in page.cells


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_result_is_its_document(kind: str, tmp_path: Path) -> None:
    found = results()[kind]
    path = found.save(tmp_path / "result.json")
    document = json.loads(path.read_text())
    assert list(document) == list(found.to_dict())
    assert list(document)[:2] == ["schema", "version"]


@pytest.mark.parametrize(("kind", "command"), [("inspect keras", "inspect"), ("check", "check")])
def test_a_command_prints_the_same(kind: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, str(folder() / "gru.keras"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    ours = json.loads(json_text(results()[kind].to_dict()))
    assert {name: value for name, value in printed.items() if name != "model"} == ours


class Hostile(Result):
    """Of a model whose layers have names of somebody else's."""

    def to_dict(self) -> dict[str, object]:
        return {}

    def figures(self) -> list[tuple[str, object]]:
        return [("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")]

    def bars(self) -> list[Bar]:
        return [Bar("<b>", 0.0, "<i>"), Bar("&amp;", 3.0, "3", good=False)]


def test_names_are_text_in_a_notebook() -> None:
    page = Balanced()
    page.feed(Hostile()._repr_html_())
    assert page.open == []
    assert "<img src=x onerror=alert(1)>" in page.cells
