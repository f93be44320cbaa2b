from dataclasses import replace

import pytest
from comparison_records import FAILED, REASON, file_records, records

from edgernn.comparison.records import Artifact, Latency, Model, Score, Task
from edgernn.comparison.results import Row
from edgernn.comparison.rows import curves, epoch_threshold, rows

TASK = Task("task", metric="accuracy", baselines=(Score("naive", 0.2), Score("nearest", 0.6)))


def model(seed: int, score: float, validation: tuple[float, ...] = (), **other: object) -> Model:
    figures = {"parameters": 100, "score": score, "validation": validation, "epoch_seconds": 1.0 + seed, **other}
    return Model(f"gru-8-s{seed}", "gru", 8, seed, **figures)  # type: ignore[arg-type]


def artifact(seed: int, score: float, size: int = 1000, **other: object) -> Artifact:
    figures = {
        "bytes": size,
        "categories": {"weights": size - 300, "structure": 300},
        "latency": Latency(10.0 * (1 + seed), 0, 0),
        "score": score,
        **other,
    }
    id = f"gru-8-s{seed}-int8-micro"
    return Artifact(id, f"gru-8-s{seed}", "int8", "micro", **figures)  # type: ignore[arg-type]


def one(task: Task, models: list[Model], artifacts: list[Artifact], threshold: float | None = None) -> Row:
    return rows(task, models, artifacts, threshold)[0]


def test_scores_are_means_and_costs_are_medians() -> None:
    models = [model(0, 0.90), model(1, 0.92), model(2, 0.97)]
    files = [artifact(0, 0.89, 1000), artifact(1, 0.92, 1004), artifact(2, 0.95, 1100)]
    row = one(TASK, models, files)
    assert (row.id, row.name, row.kind, row.cell, row.units) == ("gru-8-int8-micro", "GRU 8", "recurrent", "gru", 8)
    assert (row.seeds, row.failures, row.reason) == (3, 0, "")
    assert row.score == pytest.approx(0.92)
    assert row.score_spread == pytest.approx(0.03)
    assert row.float_score == pytest.approx(0.93)
    assert row.score_lost == pytest.approx((0.01 + 0 + 0.02) / 3)
    assert (row.bytes, row.latency_us, row.epoch_seconds, row.parameters) == (1004, 20, 2, 100)
    assert sum(row.categories.values()) == row.bytes


def test_categories_are_those_of_the_file_whose_size_is_shown() -> None:
    row = one(TASK, [model(0, 0.9), model(1, 0.9)], [artifact(0, 0.9, 1100), artifact(1, 0.9, 1000)])
    assert row.bytes == 1000
    assert sum(row.categories.values()) == 1000


def test_loss_of_a_score_of_which_less_is_better_is_what_it_grows() -> None:
    row = one(replace(TASK, metric="rmse"), [model(0, 5.0)], [artifact(0, 5.5)])
    assert row.score_lost == pytest.approx(0.5)


def test_one_seed_has_no_spread() -> None:
    assert one(TASK, [model(0, 0.9)], [artifact(0, 0.9)]).score_spread is None


def test_a_failed_run_is_counted_and_the_others_make_the_row() -> None:
    row = one(
        TASK,
        [model(0, 0.9), model(1, 0.5)],
        [artifact(0, 0.9), Artifact("x", "gru-8-s1", "int8", "micro", failed="no")],
    )
    assert (row.seeds, row.failures, row.reason, row.score, row.float_score) == (1, 1, "no", 0.9, 0.9)


def test_what_failed_altogether_is_a_row_with_its_reason() -> None:
    failed = [Artifact(f"x{seed}", f"gru-8-s{seed}", "int8", "micro", failed=f"why {seed}") for seed in range(2)]
    row = one(TASK, [model(0, 0.9), model(1, 0.9)], failed)
    assert (row.seeds, row.failures, row.reason) == (0, 2, "why 0")
    assert row.bytes is row.score is row.parameters is None


def test_a_model_that_failed_before_it_had_files_is_a_row() -> None:
    row = one(TASK, [Model("lstm-8-s0", "lstm", 8, failed="out of memory")], [])
    assert (row.id, row.name, row.seeds, row.failures, row.reason) == ("lstm-8", "LSTM 8", 0, 1, "out of memory")


def test_scores_that_are_not_finite_are_left_out() -> None:
    row = one(TASK, [model(0, 0.9), model(1, float("nan"))], [artifact(0, 0.8), artifact(1, float("nan"))])
    assert (row.score, row.float_score) == (0.8, 0.9)
    assert row.score_lost == pytest.approx(0.1)


def test_baselines_are_the_last_rows() -> None:
    found = rows(TASK, [model(0, 0.9)], [artifact(0, 0.9)], None)
    assert [(row.id, row.kind, row.score) for row in found[1:]] == [
        ("naive", "baseline", 0.2),
        ("nearest", "baseline", 0.6),
    ]


def test_a_comparison_has_a_row_for_every_combination_on_all_of_the_data() -> None:
    task, models, artifacts = records()
    found = rows(task, models, artifacts, None)
    # lstm, gru, simplernn, cnn of 3 sizes and 3 matched GRUs; 3 schemes for a phone, 2 for a micro; 2 baselines.
    assert len(found) == (4 * 3 + 3) * 5 + 2
    assert len({row.id for row in found}) == len(found)
    assert {row.units: row.matched for row in found if row.matched} == {19: "lstm-16", 37: "lstm-32", 74: "lstm-64"}
    failed = next(row for row in found if row.failures)
    assert failed.id == FAILED.replace("-s1", "")
    assert (failed.seeds, failed.reason) == (2, REASON)


def test_files_of_others_are_rows_under_their_own_names() -> None:
    found = rows(*file_records(), None)
    assert [(row.id, row.name, row.kind, row.units, row.bytes) for row in found] == [
        ("theirs", "theirs", "file", None, 18_432),
        ("ours", "ours", "file", None, 9_216),
    ]


def test_the_threshold_is_most_of_the_way_from_naive_to_the_best() -> None:
    curve = [model(0, 0.9, (0.3, 0.8)), model(1, 0.9, (0.4, 1.0)), model(2, 1, (1.0,), fraction=0.5)]
    assert epoch_threshold(TASK, curve) == pytest.approx(0.2 + 0.95 * (0.9 - 0.2))
    cnn = Model("cnn", "cnn", 8, validation=(1.0,))
    assert epoch_threshold(TASK, [*curve, cnn]) == pytest.approx(0.865)
    assert epoch_threshold(TASK, [cnn]) == pytest.approx(0.96)


def test_the_threshold_of_an_error_lies_above_the_best() -> None:
    task = replace(TASK, metric="rmse", baselines=(Score("mean", 10.0),))
    curve = [model(0, 2, (5.0, 2.0))]
    assert epoch_threshold(task, curve) == pytest.approx(2.4)
    assert epoch_threshold(replace(task, baselines=()), curve) == pytest.approx(2.1)


def test_without_training_there_is_no_threshold() -> None:
    assert epoch_threshold(TASK, [model(0, 0.9)]) is None


@pytest.mark.parametrize(
    ("curves_of_seeds", "epochs"),
    [
        ([(0.1, 0.8, 0.9)], 2),
        ([(0.9,), (0.1, 0.9), (0.1, 0.2, 0.1, 0.8)], 2),
        ([(0.9,), (0.1, 0.1), (0.1, 0.2, 0.8)], 3),  # one of three never: the median is the later of the others
        ([(0.9,), (0.1, 0.1)], 1),  # half of them: the last that does
        ([(0.9,), (0.1, 0.1), (0.2, 0.3)], None),
        ([(0.1, 0.1)], None),
    ],
)
def test_epochs_are_counted_to_the_first_that_reaches_the_threshold(
    curves_of_seeds: list[tuple[float, ...]], epochs: float | None
) -> None:
    models = [model(seed, 0.9, curve) for seed, curve in enumerate(curves_of_seeds)]
    files = [artifact(seed, 0.9) for seed in range(len(models))]
    assert one(TASK, models, files, 0.8).epochs_to_score == epochs


def test_epochs_to_an_error_count_downwards() -> None:
    row = one(replace(TASK, metric="rmse"), [model(0, 1, (5.0, 3.0, 1.0))], [artifact(0, 1)], 3.0)
    assert row.epochs_to_score == 2


def test_learning_curves_have_a_point_for_every_share() -> None:
    _, models, _ = records(seeds=2)
    found = curves(models)
    assert {(point.cell, point.units) for point in found} == {("lstm", 32), ("gru", 32), ("simplernn", 32)}
    gru = [point for point in found if point.cell == "gru"]
    assert [(point.fraction, point.samples, len(point.scores)) for point in gru] == [
        (0.25, 61, 2),
        (0.5, 122, 2),
        (1.0, 243, 2),
    ]
