"""The report's table, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import report_results
from rich.markdown import Markdown

from edgernn.comparison.results import Results, Row
from edgernn.report.markdown import escape, markdown
from edgernn.report.table import Column, columns, csv_text, results_document, short, terminal_table
from edgernn.report.words import command_line, duration, pair_tables

NASTY = "a|b\n<script>alert(1)</script> *x* `y` $z$ \"q\", 'r'"
EVERY_KIND = (
    report_results.example,
    report_results.untrained,
    report_results.all_failed,
    report_results.regression,
    report_results.one,
)


@pytest.fixture(scope="module")
def example() -> Results:
    return report_results.example()


def parsed_csv(results: Results) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(results))))


# --- table ---


def test_every_column_is_a_field_of_a_row(example: Results) -> None:
    assert {column.key for column in columns(example)} <= {field.name for field in fields(Row)}


def test_a_column_that_no_row_fills_is_left_out(example: Results) -> None:
    keys = {column.key for column in columns(report_results.untrained())}
    assert keys.isdisjoint({"score", "score_spread", "score_lost", "fits", "epochs_to_score", "fronts"})
    assert {"name", "bytes", "arena_bytes", "latency_us", "failures"} <= keys
    whole = replace(example, rows=tuple(row for row in example.rows if not row.failures))
    assert {"failures", "reason"}.isdisjoint(column.key for column in columns(whole))


def test_accuracy_is_shown_in_per_cent_and_other_scores_as_they_are(example: Results) -> None:
    row = replace(example.rows[0], score=0.97312, score_spread=0.0045, score_lost=-0.004)
    texts = {column.key: column.text(row) for column in columns(example)}
    assert (texts["score"], texts["score_spread"], texts["score_lost"]) == ("97.3", "0.45", "-0.40")
    texts = {column.key: column.text(row) for column in columns(report_results.regression())}
    assert (texts["score"], texts["score_spread"], texts["score_lost"]) == ("0.973", "0.00450", "-0.00400")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3.21, "3.21"), (32.14, "32.1"), (321.4, "321"), (32140, "32,140"), (0.0321, "0.0321")],
)
def test_short_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize("make", EVERY_KIND)
def test_the_terminal_table_has_a_line_for_each_row(make: Callable[[], Results]) -> None:
    results = make()
    headings, lines = terminal_table(results)
    assert len(lines) == len(results.rows)
    assert {len(line) for line in lines} == {len(headings)}
    assert [line[0] for line in lines] == [row.name for row in results.rows]


def test_what_is_not_finite_is_shown_and_written_as_nothing(example: Results) -> None:
    broken = replace(example, rows=(replace(example.rows[0], score=float("nan"), latency_us=float("inf")),))
    assert parsed_csv(broken)[0]["score"] == ""
    assert json.dumps(results_document(broken), allow_nan=False)
    assert Column("score", "Score").text(broken.rows[0]) == ""


# --- CSV and JSON ---


def test_the_csv_has_every_field_raw(example: Results) -> None:
    lines = parsed_csv(example)
    assert len(lines) == len(example.rows)
    for line, row in zip(lines, example.rows, strict=True):
        for field in fields(Row):
            if field.type in ("int | None", "float | None"):
                value = getattr(row, field.name)
                assert (None if line[field.name] == "" else float(line[field.name])) == value, field.name
        assert line["fits"] == {True: "true", False: "false", None: ""}[row.fits]
        sizes = [int(line[f"categories.{name}"]) for name in row.categories]
        assert sum(sizes) == (row.bytes or 0)


def test_a_name_with_commas_quotes_and_line_ends_survives_the_csv(example: Results) -> None:
    named = replace(example, rows=(replace(example.rows[0], name=NASTY),))
    assert parsed_csv(named)[0]["name"] == NASTY


def test_the_document_is_the_dataclasses_as_they_are(example: Results) -> None:
    document = json.loads(json.dumps(results_document(example), allow_nan=False))
    assert (document["schema"], document["version"]) == ("edgernn.compare", 1)
    assert list(document)[2:] == [field.name for field in fields(Results)]
    assert set(document["rows"][0]) == {field.name for field in fields(Row)}
    assert document["rows"][0]["score"] == example.rows[0].score
    assert document["artifacts"][0]["latency"]["rounds"] == list(example.artifacts[0].latency.rounds)  # type: ignore[union-attr]


# --- Markdown ---


def test_markdown_says_everything_in_order(example: Results) -> None:
    text = markdown(example)
    assert example.answer is not None
    parts = [
        f"# {example.answer.headline}",
        *example.answer.sentences,
        "- **within noise**: A GRU needs less data.",
        "## All rows",
        "## GRU against LSTM: at equal units",
        "## GRU against LSTM: at equal parameters",
        "## Budget",
        "## What these figures do not tell",
        "## Notes",
        example.notes[0],
        "AMD EPYC",
        "tensorflow 2.21.0",
        "--output 'runs/my comparison'",
    ]
    found = [text.find(part) for part in parts]
    assert -1 not in found, parts[found.index(-1)]
    assert found == sorted(found)


def test_markdown_has_the_table_of_the_columns(example: Results) -> None:
    lines = [line for line in markdown(example).split("## All rows")[1].split("##")[0].splitlines() if line]
    shown = columns(example)
    assert len(lines) == 2 + len(example.rows)
    for line, row in zip(lines[2:], example.rows, strict=True):
        assert line == f"| {' | '.join(escape(column.text(row)) for column in shown)} |"


@pytest.mark.parametrize("make", EVERY_KIND)
def test_every_kind_of_result_can_be_written_as_markdown(make: Callable[[], Results]) -> None:
    results = make()
    text = markdown(results)
    assert ("Interrupted" in text) is not results.complete
    assert ("## Budget" in text) is (results.budget is not None)
    assert Markdown(text).parsed


def test_a_name_cannot_break_a_markdown_table_or_bring_html(example: Results) -> None:
    rows = (replace(example.rows[0], name=NASTY), *example.rows[1:])
    text = markdown(replace(example, rows=rows))
    plain = [line for line in markdown(example).splitlines() if line.startswith("| LSTM 16 | float32")]
    line = next(line for line in text.splitlines() if line.startswith("| a"))
    assert line.replace("\\|", "").count("|") == plain[0].count("|")
    assert "<script>" not in text.replace("\\<", "")


def test_a_pair_shows_ratio_both_figures_and_certainty(example: Results) -> None:
    table = pair_tables(example)[0]
    pair, where, cells = table.lines[0]
    by_heading = dict(zip(table.headings, cells, strict=True))
    assert (pair, where) == ("LSTM 16 → GRU 16", "float32, phone")
    assert by_heading["arena bytes"] is None
    size, score = by_heading["file bytes"], by_heading["score"]
    assert size is not None
    assert score is not None
    assert size.main.endswith(" ×")  # noqa: RUF001
    assert size.both.endswith(" KiB")
    assert score.main.endswith(" points")
    assert score.sure == "p = 0.25"


def test_durations_are_in_words() -> None:
    assert [duration(seconds) for seconds in (0.4, 59.6, 812.4, 7325)] == [
        "0 s",
        "1 min 0 s",
        "13 min 32 s",
        "2 h 2 min",
    ]


def test_a_long_command_has_a_line_for_each_option(example: Results) -> None:
    assert command_line(example).splitlines()[:2] == ["edgernn compare \\", "  --recipe japanese-vowels \\"]
    assert (
        command_line(replace(example, command=("edgernn", "compare", "a b.tflite"))) == "edgernn compare 'a b.tflite'"
    )
