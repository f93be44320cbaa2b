import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from comparison_records import file_records, records, results

from edgernn.comparison.answer import assemble
from edgernn.comparison.budget import parse_budget
from edgernn.comparison.records import Artifact, Model, Score, Task
from edgernn.comparison.results import Budget, Results
from edgernn.comparison.words import better_or_worse, listed, points, relative
from edgernn.report.table import results_document


def assembled(
    task: Task, models: Sequence[Model], artifacts: Sequence[Artifact], budget: Budget | None = None
) -> Results:
    return assemble(
        started="",
        seconds=0,
        machine={},
        command=(),
        complete=True,
        task=task,
        models=models,
        artifacts=artifacts,
        budget=budget,
    )


def said(found: Results) -> str:
    assert found.answer is not None
    return "\n".join((found.answer.headline, *found.answer.sentences))


def test_the_headline_says_what_a_gru_saves_and_what_its_score_is() -> None:
    found = results(units=(32,))
    assert found.answer is not None
    # Medians over the pairs: dynamic file 7,713 / 9,057; both arenas 7,200 / 7,840; scores 0.54 points apart.
    assert found.answer.headline == (
        "On japanese-vowels, a GRU in an LSTM's place: its file is 15 % smaller, its arena is 8 % smaller, "
        "it takes 16 % less time and its accuracy is 0.54 points better, within noise."
    )


def test_equal_units_and_equal_parameters_each_have_sizes_and_scores() -> None:
    text = said(results(units=(32,)))
    assert (
        "At equal units (32), a GRU has 22 % fewer parameters and 23 % fewer multiply-accumulates than an LSTM. "
        "Its file is 13 to 20 % smaller, its arena on TFLite-Micro is 8 % smaller and an inference takes 16 % less time"
    ) in text
    assert "At equal parameters (GRU 37 for LSTM 32), a GRU has 0.9 % fewer parameters" in text
    assert (
        "At equal units the GRU's accuracy is 0.54 points better, within noise (mean over 1 pair, 3 seeds of each "
        "network, p = 0.5)."
    ) in text


def test_a_difference_beyond_noise_is_said_to_be_more_than_the_seeds_explain() -> None:
    task, models, artifacts = records()
    worse = [replace(each, score=(each.score or 0) - 0.2) if each.cell == "gru" else each for each in models]
    text = said(assembled(task, worse, artifacts))
    assert "At equal units the GRU's accuracy is 19.46 points worse, more than the seeds explain" in text
    assert "its accuracy is 19.46 points worse." in text


def test_a_network_that_is_not_needed_is_said_not_to_be_in_the_headline() -> None:
    task, models, artifacts = records(units=(32,))
    known = replace(task, baselines=(Score("naive", 0.1), Score("nearest mean", 0.99)))
    found = assembled(known, models, artifacts)
    assert found.answer is not None
    assert found.answer.headline == (
        "Neither LSTM nor GRU is needed: 'nearest mean' reaches 99.0 % without a network, the best of both, GRU 32, "
        "96.2 %."
    )
    assert "Without a network, 'nearest mean' reaches accuracy 99.0 %" in said(found)


def test_a_cnn_that_does_better_makes_both_needless() -> None:
    task, models, artifacts = records(units=(32,))
    good = [replace(each, score=0.98) if each.cell == "cnn" else each for each in models]
    found = assembled(task, good, artifacts)
    assert found.answer is not None
    assert found.answer.headline.startswith("Neither LSTM nor GRU is needed: CNN 32 reaches 98.0 %, the best of both")


def test_a_cnn_that_does_worse_is_told_with_its_costs() -> None:
    text = said(results(units=(32,)))
    assert (
        "CNN 32 reaches accuracy 95.1 % against 96.2 % of the best of both, GRU 32: 1.08 points worse. "
        "In int8 for phone: file 8.8 KiB against 8.8 KiB, arena 10.8 KiB against 7.0 KiB and time"
    ) in text


def test_too_few_seeds_are_told_with_the_claims_that_they_cannot_settle() -> None:
    text = said(results(units=(32,), seeds=1))
    assert "With 1 seed, no difference can be significant at 5 % for: “A GRU's epoch is shorter”, " in text
    assert "The seeds test" not in text
    many = said(results())
    assert "no difference can be significant" not in many
    assert "The seeds test 6 claims, each at 5 %" in many
    assert "has a standard error of 0.92 points from the choice of the samples alone" in many


def test_what_failed_is_told_with_the_first_reason() -> None:
    assert "Failed: 1 run in 1 row, the first because: TFLite-Micro: must run" in said(results(units=(16,)))


def test_under_a_budget_the_best_is_named_with_its_reason() -> None:
    found = results(budget=parse_budget("flash=10KiB,ram=8KiB,latency=10ms,accuracy=90%"))
    assert found.answer is not None
    assert found.best == "gru-16-dynamic-phone"
    assert found.answer.headline.endswith("Within the budget, GRU 16 in dynamic for phone is the best.")
    assert sum(row.fits is True for row in found.rows) == 22
    for row in (row for row in found.rows if row.fits):  # a file for a phone takes file and tensors of RAM
        assert row.bytes is not None
        ram = row.arena_bytes if row.target == "micro" else row.bytes + (row.activation_bytes or 0)
        assert row.bytes <= 10 << 10
        assert ram is not None
        assert ram <= 8 << 10
    assert "(flash 10.0 KiB, RAM 8.0 KiB, latency 10.0 ms and accuracy 90.0 %), 22 of 75 rows fit." in said(found)
    assert next(row for row in found.rows if row.id == found.best).fits is True


def test_without_a_budget_nothing_is_best() -> None:
    found = results(units=(32,))
    assert found.best == ""
    assert all(row.fits is None for row in found.rows)


def test_a_limit_in_another_metric_is_told() -> None:
    text = said(results(units=(32,), budget=parse_budget("rmse=3")))
    assert "The budget limits the RMSE, but scores here are accuracy." in text
    assert "nothing is scored here" in said(results(units=(32,), metric="", budget=parse_budget("accuracy=0.9")))


def test_untrained_networks_are_compared_in_size_and_speed_alone() -> None:
    found = results(metric="")
    assert found.threshold is None
    assert found.fronts == {}
    assert "accuracy" not in said(found)
    assert "its file is 15 % smaller" in said(found)


def test_an_error_is_better_where_it_is_smaller() -> None:
    text = said(results(units=(32,), metric="rmse"))
    assert "At equal units the GRU's RMSE is 0.0108 better" in text
    assert "points" not in text


def test_lstms_alone_are_told_by_their_best() -> None:
    found = results(cells=("lstm",))
    assert found.pairings == ()
    assert said(found).startswith(
        "The best accuracy is 96.2 %, of LSTM 64 in float32 for phone; 2 others have the same.\n"
    )
    assert "The smallest file is LSTM 16 in dynamic for phone, 4.9 KiB." in said(found)
    assert "GRU" not in said(found)


def test_files_alone_are_told_by_size_and_time() -> None:
    text = said(assembled(*file_records(), budget=parse_budget("flash=1KiB")))
    assert "The smallest file is 'ours' in float32, 9.0 KiB." in text
    assert "The shortest time on this machine is that of 'ours' in float32" in text
    assert "0 of 2 rows fit. Nothing fits. 'ours' in float32 comes closest: flash: 8.0 KiB over 1.0 KiB." in text


def test_everything_failed_is_an_answer_too() -> None:
    task, models, artifacts = records(units=(32,))
    found = assembled(task, models, [replace(each, failed="the disk burnt") for each in artifacts], Budget(flash=1))
    assert found.answer is not None
    assert found.answer.headline == "Nothing worked: 25 combinations failed."
    assert found.answer.sentences == ("The first, LSTM 32 in float32 for phone, because: the disk burnt",)
    assert found.best == ""


def test_nothing_yet_is_an_answer_too() -> None:
    task, models, _ = records(units=(32,))
    assert said(assembled(task, models, ())) == "Nothing has been measured yet."
    assert said(assembled(Task(""), (), ())) == "Nothing has been measured yet."


def test_half_of_a_comparison_is_answered_after_an_interruption() -> None:
    task, models, artifacts = records()
    for count in (1, 7, 40, 100):
        kept = artifacts[:count]
        untimed = [replace(each, latency=None, cold_start_us=None, rss_bytes=None) for each in kept]
        assert said(assembled(task, models[:count], kept, Budget(ram=9000)))
        assert said(assembled(task, models, untimed, Budget(latency_us=9.0)))


def test_a_threshold_that_is_given_is_kept() -> None:
    task, models, artifacts = records(units=(32,))
    found = assemble(
        started="",
        seconds=0,
        machine={},
        command=(),
        complete=True,
        task=task,
        models=models,
        artifacts=artifacts,
        threshold=0.5,
    )
    assert found.threshold == 0.5
    assert next(row for row in found.rows if row.id == "gru-32-int8-micro").epochs_to_score == 4


def test_results_refer_only_to_rows_that_exist() -> None:
    found = results(budget=Budget(flash=10_000))
    ids = {row.id for row in found.rows}
    assert {id for pair in found.pairings for id in (pair.lstm, pair.gru)} <= ids
    assert {id for front in found.fronts.values() for id in front} <= ids
    assert found.best in ids
    for row in found.rows:
        assert row.fronts == tuple(cost for cost, front in found.fronts.items() if row.id in front)
    assert results_document(found)["answer"]["headline"]


def test_every_sentence_has_its_numbers_and_none_is_missing() -> None:
    for found in (results(), results(metric="rmse"), results(units=(32,), seeds=1), results(metric="")):
        assert found.answer is not None
        for sentence in found.answer.sentences:
            assert re.search(r"\d", sentence)
            assert not re.search(r"nan|None|inf\b", sentence)
            assert sentence[0].isupper()
            assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ([0.8], "20 % smaller"),
        ([0.8, 0.89], "11 to 20 % smaller"),
        ([1.05, 1.2], "5 to 20 % larger"),
        ([0.9, 1.2], "from 10 % smaller to 20 % larger"),
        ([0.995], "0.5 % smaller"),
        ([0.999999], "as large"),
        ([1.0, 1.0], "as large"),
        ([1.0, 0.8], "0 to 20 % smaller"),
        ([1.0, 1.3], "0 to 30 % larger"),
        ([2.0], "100 % larger"),
    ],
)
def test_ratios_in_words(ratios: list[float], words: str) -> None:
    assert relative(ratios, "smaller", "larger", "as large") == words


def test_scores_in_words() -> None:
    assert points("accuracy", -0.0054) == "0.54 points"
    assert better_or_worse("accuracy", -0.0054) == "0.54 points worse"
    assert better_or_worse("accuracy", 1e-9) == "the same"
    assert better_or_worse("rmse", 12.34) == "12.3 better"
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"])) == ("", "a", "a, b and c")
