import pytest
from comparison_records import parameters_of, records

from edgernn.comparison.pairings import pairings
from edgernn.comparison.records import Artifact, Latency, Model, Task
from edgernn.comparison.results import Difference, Pairing
from edgernn.comparison.rows import rows, runs_by_row

TASK = Task("task", metric="accuracy")


def made(cell: str, units: int, parameters: int, times: tuple[float, ...], **model: object) -> tuple[Model, Artifact]:
    id = f"{cell}-{units}-s0"
    network = Model(id, cell, units, parameters=parameters, **model)  # type: ignore[arg-type]
    latency = Latency(sorted(times)[len(times) // 2], max(times), min(times), times)
    return network, Artifact(f"{id}-int8-micro", id, "int8", "micro", bytes=10 * parameters, latency=latency)


def pairs_of(*networks: tuple[Model, Artifact]) -> tuple[Pairing, ...]:
    models, files = [model for model, _ in networks], [file for _, file in networks]
    return pairings(rows(TASK, models, files, None), runs_by_row(models, files), "accuracy", None)


def figure(pair: Pairing, name: str) -> Difference:
    return next(each for each in pair.differences if each.figure == name)


def test_an_lstm_meets_the_gru_of_as_many_units_and_the_one_of_as_many_parameters() -> None:
    found = pairs_of(
        made("lstm", 8, 1000, (10.0,)), made("gru", 8, 780, (8.0,)), made("gru", 10, 1010, (9.0,), matched="lstm-8")
    )
    assert [(pair.equal, pair.lstm, pair.gru) for pair in found] == [
        ("units", "lstm-8-int8-micro", "gru-8-int8-micro"),
        ("parameters", "lstm-8-int8-micro", "gru-10-int8-micro"),
    ]
    assert figure(found[0], "bytes").ratio == pytest.approx(0.78)
    assert figure(found[1], "parameters") == Difference("parameters", "Parameters", 1000, 1010, 1.01)


def test_without_a_match_the_closest_number_of_parameters_counts_within_three_per_cent() -> None:
    lstm = made("lstm", 8, 1000, (10.0,))
    close = pairs_of(lstm, made("gru", 9, 1030, (9.0,)), made("gru", 7, 985, (9.0,)))
    assert [pair.gru for pair in close] == ["gru-7-int8-micro"]
    assert pairs_of(lstm, made("gru", 9, 1031, (9.0,))) == ()


def test_times_are_compared_round_by_round() -> None:
    drift = (1.0, 2.0, 4.0)
    found = pairs_of(
        made("lstm", 8, 1000, tuple(10 * d for d in drift)), made("gru", 8, 780, tuple(8 * d for d in drift))
    )
    time = figure(found[0], "latency_us")
    assert (time.lstm, time.gru) == (20, 16)
    assert (time.ratio, time.low, time.high) == pytest.approx((0.8, 0.8, 0.8))


def test_what_failed_has_no_pair() -> None:
    lstm = made("lstm", 8, 1000, (1.0,))
    gru = (
        Model("gru-8-s0", "gru", 8, failed="no"),
        Artifact("gru-8-s0-int8-micro", "gru-8-s0", "int8", "micro", failed="no"),
    )
    assert pairs_of(lstm, gru) == ()


def test_every_scheme_target_and_size_has_its_pair() -> None:
    task, models, artifacts = records()
    found = pairings(rows(task, models, artifacts, 0.9), runs_by_row(models, artifacts), "accuracy", 0.9)
    kinds = {(pair.scheme, pair.target) for pair in found}
    assert len(kinds) == 5
    assert [pair.equal for pair in found] == ["units"] * 15 + ["parameters"] * 15
    pair = next(pair for pair in found if pair.lstm == "lstm-32-int8-micro" and pair.equal == "units")
    assert [each.figure for each in pair.differences] == [
        "parameters",
        "macs",
        "bytes",
        "arena_bytes",
        "latency_us",
        "cold_start_us",
        "epoch_seconds",
        "epochs_to_score",
        "score",
        "score_lost",
    ]
    assert figure(pair, "parameters").ratio == parameters_of("gru", 32) / parameters_of("lstm", 32)
    score = figure(pair, "score")
    assert score.label == "Accuracy"
    assert score.ratio is None
    # Right answers of the LSTMs 353, 355, 350 (of 354, 357, 351), of the GRUs two more each.
    assert (370 * score.lstm, 370 * score.gru) == pytest.approx(((353 + 355 + 350) / 3, (355 + 357 + 352) / 3))
    assert score.p == 0.5  # 10 of the 20 relabellings reach a difference of 2
    assert figure(pair, "epochs_to_score").p == 0.1


def test_the_range_is_that_over_equal_seeds() -> None:
    task, models, artifacts = records()
    found = pairings(rows(task, models, artifacts, None), runs_by_row(models, artifacts), "accuracy", None)
    epoch = figure(
        found[0], "epoch_seconds"
    )  # every seed is slower by the same share: the ratio is the same, within rounding
    assert epoch.ratio is not None
    assert epoch.low == pytest.approx(epoch.ratio)
    assert figure(found[0], "bytes").low is None
