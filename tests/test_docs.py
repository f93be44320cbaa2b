"""The documentation against the project: commands exist, links lead somewhere, generated pages are in step."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

from edgernn.cli.main import COMMANDS, cli
from edgernn.training import find_recipe

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page_id(page: Path) -> str:
    return page.name


def command_lines(text: str) -> list[list[str]]:
    """The edgernn commands in a page's blocks, without comments and continuation marks."""
    fenced = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}(.+\n)", text, re.MULTILINE)
    block = "".join([*fenced, *indented]).replace("\\\n", " ")
    found = re.findall(r"^(?:[A-Z_]+=\S+ )*(edgernn .+)$", block, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in found]


def check_command(words: list[str]) -> None:
    """Fail if the command line has an unknown command, option or recipe, or lacks what it needs."""
    command = cli.get_command(click.Context(cli), words[1])
    assert command is not None, words[1]
    if "..." in words:
        return
    context = command.make_context(words[1], words[2:])  # raises click.UsageError
    if words[1] == "train":
        find_recipe(context.params["recipe"])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_on_the_page_are_valid(page: Path) -> None:
    for words in command_lines(page.read_text(encoding="utf-8")):
        check_command(words)


@pytest.mark.parametrize(
    "line", ["edgernn covnert m.keras", "edgernn convert m.keras -o y --quantise int8", "edgernn convert -o y"]
)
def test_the_check_of_commands_can_fail(line: str) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        check_command(command_lines(f"```sh\n{line}\n```\n")[0])


def test_readme_names_every_command_and_make_target() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"| `edgernn {name}` |" in text
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert {"quickstart", "test", "benchmark"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_generated_pages_are_in_step() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = pytest.importorskip("keras")
    pytest.importorskip("tflite_micro")
    keras.utils.set_random_seed(1)
    layers = [keras.Input((7, 3)), keras.layers.GRU(5, bias_initializer="uniform"), keras.layers.Dense(2)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    np.savez(tmp_path / "samples.npz", np.random.default_rng(2).standard_normal((40, 7, 3)).astype("float32"))
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    assert (tmp_path / "model.tflite").stat().st_size == names["converted"].size  # type: ignore[attr-defined]
    assert names["checked"].passed  # type: ignore[attr-defined]
