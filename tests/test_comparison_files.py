"""Files that are compared as they are: each has its row, equal ones are said to be, and what failed is a status."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import report_results
import screen_results

from edgernn.cli.compare import check_rows
from edgernn.comparison.existing import plan_files
from edgernn.comparison.records import Task
from edgernn.comparison.results import Results
from edgernn.comparison.session import Comparison
from edgernn.comparison.tasks import Samples
from edgernn.errors import CheckFailed, InputError
from edgernn.report.html import html
from edgernn.report.table import columns
from edgernn.report.words import caveats


def test_equal_files_have_a_row_each_and_are_said_to_be_equal(tmp_path: Path) -> None:
    screen_results.converted()
    source = screen_results.folder() / "micro.tflite"
    files = [tmp_path / name for name in ("a.tflite", "b.tflite", "new/a.tflite", "old/a.tflite")]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        shutil.copy(source, file)
    other = tmp_path / "c.tflite"
    other.write_bytes(source.read_bytes() + b"\0")
    base = Comparison(folder=tmp_path / "out", task=Task(""))
    planned = plan_files(base, [*files, other], ("float32",), ("phone",), Samples(None, None))
    assert list(planned.files) == ["a", "b", "new-a", "old-a", "c"]
    assert len({artifact.id for artifact in planned.artifacts}) == 5
    (note,) = planned.notes
    assert "are the same file" in note
    assert all(f"({file})" in note for file in files)
    assert str(other) not in note
    assert plan_files(base, [files[0], other], (), (), Samples(None, None)).notes == ()


def of_files() -> Results:
    """Rows of files, with scores, that nobody trained here."""
    found = report_results.example((16,))
    models = tuple(
        replace(model, cell="", units=0, validation=(), loss=(), epoch_seconds=None) for model in found.models
    )
    rows = tuple(replace(row, score_spread=None, epoch_seconds=None, epochs_to_score=None) for row in found.rows)
    return replace(found, models=models, rows=rows, claims=(), curves=(), pairings=())


def test_where_nothing_was_trained_nothing_is_said_of_training_or_seeds() -> None:
    results = of_files()
    shown = columns(results)
    words = " ".join([*(column.about for column in shown), *(column.title for column in shown), *caveats(results)])
    for word in ("seed", "train", "learning rate"):
        assert word not in words.lower().replace("trained numbers of the keras model", ""), word
    assert "Medians over seeds" not in html(results)
    trained = report_results.example((16,))
    assert "Seeds" in [column.title for column in columns(trained)]
    assert "Medians over seeds" in html(trained)


def test_rows_that_failed_are_exit_status_1_and_nothing_at_all_is_2() -> None:
    with pytest.raises(CheckFailed, match="1 of 18 failed: GRU 9 int16x8 micro") as caught:
        check_rows(report_results.example((16,)))
    assert caught.value.exit_status == 1
    with pytest.raises(InputError) as refused:
        check_rows(report_results.all_failed())
    assert refused.value.exit_status == 2
    well = report_results.example((16,))
    check_rows(replace(well, rows=tuple(row for row in well.rows if not row.failures)))
