"""How explanations look: in a terminal of 80 columns, as JSON, and as a page in a real browser."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_browser import CONTRAST, DESKTOP, PHONE, Page, opened
from selenium.webdriver.common.by import By
from test_precision import signal

import edgernn
from edgernn.cli.main import run
from edgernn.report.explanation import MOST_PLOTS, page
from edgernn.report.tensors import explanation_document

Captured = pytest.CaptureFixture[str]


@cache
def named_by_the_user() -> Any:
    import keras

    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((10, 3), name="x"),
            keras.layers.Bidirectional(keras.layers.LSTM(17, return_sequences=True), name="both_ways_<b>&"),
            keras.layers.GRU(9, name="remember"),
            keras.layers.Dense(2, name="answer"),
        ]
    )


@cache
def text() -> str:
    return page(
        edgernn.explain(named_by_the_user(), signal(60, 10, 3, 1), clip="percentile", strict=True), "my <model>.keras"
    )


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(tmp_path_factory.mktemp("page")) as found:
        yield found


@pytest.mark.parametrize(("width", "mode"), [(PHONE, "dark"), (DESKTOP, "light")])
def test_the_page_fits_its_window_and_shows_every_tensor(browser: Page, width: int, mode: str) -> None:
    browser.show(text(), width=width, mode=mode)
    assert browser.complaints() == []
    assert {url.split(":")[0] for url in browser.requests()} <= {"file", "data"}
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.run(CONTRAST) == []
    document = json.loads(browser.run("return document.getElementById('results-json').textContent"))
    assert document["schema"] == "edgernn.explain"
    assert len(browser.column("tensor")) == len(document["tensors"]) > 30
    for key in ("error", "beyond", "scale"):
        assert [float(value) for value in browser.column(key)] == [tensor[key] for tensor in document["tensors"]]
    assert [float(value) for value in browser.column("low")] == [tensor["seen"][0] for tensor in document["tensors"]]
    assert [float(value) for value in browser.column("most")] == [tensor["holds"][1] for tensor in document["tensors"]]
    figures = browser.driver.find_elements(By.CSS_SELECTOR, "figure svg")
    assert len(figures) == MOST_PLOTS
    assert all(figure.is_displayed() for figure in figures)
    assert "mathdefault" not in browser.run("return document.body.innerText")
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#worst li")) == 3
    browser.picture(f"explanation-{width}.png", width)


def test_rows_are_sorted_by_numbers_and_narrowed_down(browser: Page) -> None:
    browser.show(text())
    browser.heading("scale").find_element(By.CSS_SELECTOR, "button").click()
    scales = [float(value) for value in browser.column("scale")]
    assert scales == sorted(scales)
    browser.run(
        "const choice = document.querySelector('[data-field=kind]'); choice.value = 'weights';"
        "choice.dispatchEvent(new Event('change'))"
    )
    assert set(browser.column("kind")) == {"weights"}


def command(folder: Path, *words: str) -> list[str]:
    named_by_the_user().save(folder / "m.keras")
    np.savez(folder / "x.npz", x=signal(60, 10, 3, 1))
    given = ["convert", str(folder / "m.keras"), "-o", str(folder / "m.tflite"), "--quantize", "int8"]
    return [*given, "--calibration", str(folder / "x.npz"), *words]


def test_a_terminal_of_80_columns_breaks_neither_numbers_nor_names(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(command(tmp_path, "--strict", "--explain", "--report", str(tmp_path / "r.html"))) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(len(line) for line in lines if "m.tflite" not in line) <= 80  # a path is never broken
    document = re.search(r'id="results-json">(.*?)</script>', (tmp_path / "r.html").read_text())
    assert document is not None
    told = json.loads(document[1])
    words = set(out.replace("\n", " ").split())
    for tensor in told["tensors"]:
        assert f"{tensor['scale']:.3g}" in words
        assert tensor["tensor"] in words
    assert {"artifact", "bytes", "parameters", "scheme", "target", "float32", "phone"} <= words
    assert out.count("advice:") == 3


def test_json_is_what_python_gets_and_names_the_layers(tmp_path: Path, capsys: Captured) -> None:
    assert run(command(tmp_path, "--explain", "--json", "--format", "c", "--strict")) == 2
    capsys.readouterr()
    words = [word if word != str(tmp_path / "m.tflite") else str(tmp_path / "c") for word in command(tmp_path)]
    assert run([*words, "--explain", "--json", "--format", "c"]) == 0
    told = json.loads(capsys.readouterr().out)["explanation"]
    found = edgernn.explain(tmp_path / "m.keras", tmp_path / "x.npz", format="c", report=tmp_path / "c.html")
    assert told == json.loads(json.dumps(explanation_document(found)))
    assert {"remember", "answer", "both_ways_<b>&"} <= {tensor["layer"] for tensor in told["tensors"]}
    assert (told["target"], told["scheme"], told["kept_aside"]) == ("c", "int8", True)
    assert "m.keras" in (tmp_path / "c.html").read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--no-measure"], "explain: tells what each tensor costs"),
        (["--quantize", "float32"], "explain: is of schemes with integers"),
        (["--steps", "-3"], "steps"),
        (["--report", "m.keras"], "must be another file than the model"),
        (["--report", "m.tflite"], "must be another file than the artifact"),
        (["--report", "m.keras/r.html"], "m.keras/r.html"),
        (["--report", "r.html", "--calibration", "m.keras"], "m.keras"),
    ],
)
def test_nothing_is_written_where_something_is_wrong(
    words: list[str], why: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named_by_the_user().save("m.keras")
    np.savez("x.npz", x=signal(60, 10, 3, 1))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = ["convert", "m.keras", "-o", "m.tflite", "--quantize", "int8", "--calibration", "x.npz", "--explain"]
    assert run([*given, *words]) == 2
    assert why in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
