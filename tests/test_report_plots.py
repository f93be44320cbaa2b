"""The report's plots, as PNG and as SVG."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
import report_results

from edgernn.comparison.results import Results
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.report.canvas import DOTS_PER_INCH, WIDTH
from edgernn.report.html import html
from edgernn.report.plots import plots, save_plots
from edgernn.report.svg import svg

ALL = ["pareto-bytes", "pareto-arena", "pareto-latency", "schemes", "breakdown"]
TRAINING = ["training-16", "training-32", "training-64", "learning"]


@pytest.fixture(scope="module")
def example() -> Results:
    return report_results.example()


@pytest.fixture(scope="module")
def pictures(example: Results) -> dict[str, str]:
    return {plot.name: svg(plot) for plot in plots(example)}


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (report_results.example, [*ALL, *TRAINING]),
        (report_results.regression, [*ALL, *TRAINING]),
        (report_results.untrained, ["breakdown"]),
        (report_results.all_failed, []),
        (report_results.one, ["breakdown"]),
    ],
)
def test_a_plot_with_nothing_to_show_is_left_out(make: Callable[[], Results], names: list[str]) -> None:
    assert [plot.name for plot in plots(make())] == names


def test_png_files_have_the_common_width(example: Results, tmp_path: Path) -> None:
    written = save_plots(example, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(written)
    for path in written:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        (width,) = struct.unpack(">I", content[16:20])
        assert width == WIDTH * DOTS_PER_INCH // 72
        assert b"Matplotlib" not in content


def test_a_folder_that_is_not_there_is_an_input_error(example: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a writable path"):
        save_plots(example, tmp_path / "none")


@pytest.mark.parametrize(("package", "write"), [("matplotlib", plots), ("jinja2", html)])
def test_a_missing_package_is_named_with_its_extra(
    example: Results, package: str, write: Callable[[Results], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EnvironmentProblem, match=f"needs the package '{package}'") as problem:
        write(example)
    assert problem.value.hint == "pip install 'edgernn[report]'"


def test_settings_of_matplotlib_are_as_before(example: Results, tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 31.0, "text.parse_math": True}):
        before = dict(matplotlib.rcParams)
        save_plots(replace(example, models=(), curves=()), tmp_path)
        assert dict(matplotlib.rcParams) == before


def test_the_users_own_settings_change_nothing(pictures: dict[str, str], example: Results) -> None:
    with matplotlib.rc_context({"font.size": 31.0, "axes.grid": False, "lines.linewidth": 9}):
        assert svg(plots(example)[0]) == pictures["pareto-bytes"]


def test_the_same_results_give_the_same_files(pictures: dict[str, str], example: Results, tmp_path: Path) -> None:
    assert {plot.name: svg(plot) for plot in plots(example)} == pictures
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    few = replace(example, models=(), curves=())
    pairs = zip(save_plots(few, tmp_path / "a"), save_plots(few, tmp_path / "b"), strict=True)
    assert all(first.read_bytes() == second.read_bytes() for first, second in pairs)


def test_ids_are_unique_over_all_pictures_and_every_reference_leads_somewhere(pictures: dict[str, str]) -> None:
    whole = "".join(pictures.values())
    ids = re.findall(r'\sid="([^"]*)"', whole)
    assert len(ids) == len(set(ids))
    references = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', whole)
    assert references
    assert {first or second for first, second in references} <= set(ids)


def test_pictures_take_colours_and_font_from_the_page(pictures: dict[str, str]) -> None:
    style = (Path(__file__).parent.parent / "edgernn" / "report" / "style.css.j2").read_text(encoding="utf-8")
    for name, picture in pictures.items():
        assert "currentColor" in picture, name
        assert re.findall(r"(?:fill|stroke): #", picture) == [], name
        assert "font-family" not in picture, name
        assert "<style" not in picture, name
        for variable in set(re.findall(r"var\((--\w+)\)", picture)):
            assert style.count(f"{variable}:") == 3, f"{variable} must be set for light, dark and print"


def test_text_stays_text_and_readable_on_a_phone(pictures: dict[str, str]) -> None:
    inner = 375 - 2 * 16 - 2 * 6.4 - 2  # of a page 375 wide: its margins, the figure's, its borders
    for name, picture in pictures.items():
        sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", picture)]
        assert sizes, name
        assert min(sizes) * inner / WIDTH >= 11, name


def test_every_point_tells_its_row(pictures: dict[str, str], example: Results) -> None:
    picture = ElementTree.fromstring(pictures["pareto-arena"])
    titles = [title.text or "" for title in picture.iter("title")]
    rows = [row for row in example.rows if row.arena_bytes is not None and row.score is not None]
    assert len(titles) == len(rows)
    assert (
        titles[0]
        == f"LSTM 16, int8, micro: {100 * (rows[0].score or 0):.1f} %, {(rows[0].arena_bytes or 0) / 1024:.1f} KiB"
    )


def test_a_name_is_no_markup_and_no_formula(example: Results) -> None:
    rows = tuple(replace(row, name="</svg><script>alert(1)</script> $x^2$") for row in example.rows[:3])
    pictures = {plot.name: svg(plot) for plot in plots(replace(example, rows=rows, fronts={}))}
    for picture in pictures.values():
        assert "<script" not in picture
        assert picture.count("</svg>") == 1
        assert ElementTree.fromstring(picture).tag == "svg"
    assert "$x^2$" in pictures["pareto-bytes"]


def test_the_front_is_drawn_as_it_was_given(example: Results) -> None:
    plot = next(plot for plot in plots(example) if plot.name == "pareto-bytes")
    lines = [line for line in plot.figure.axes[0].lines if line.get_drawstyle() == "steps-post"]
    assert len(lines) == 1
    by_id = {row.id: row for row in example.rows}
    sizes = sorted((by_id[id].bytes or 0) / 1024 for id in example.fronts["bytes"])
    assert list(lines[0].get_xdata()) == pytest.approx(sizes)  # type: ignore[arg-type]


def test_bars_of_a_file_sum_to_its_bytes(example: Results) -> None:
    plot = next(plot for plot in plots(example) if plot.name == "breakdown")
    ends: dict[float, float] = {}
    for bar in plot.figure.axes[0].patches:
        ends[round(bar.get_y(), 3)] = max(ends.get(round(bar.get_y(), 3), 0.0), bar.get_x() + bar.get_width())  # type: ignore[attr-defined]
    largest = [row for row in example.rows if row.units == 64]
    assert sorted(ends.values()) == pytest.approx(sorted((row.bytes or 0) / 1024 for row in largest))
