import pytest

from edgernn.comparison.budget import best, judge, parse_budget
from edgernn.comparison.results import Budget, Row
from edgernn.errors import InputError


def row(id: str, **figures: object) -> Row:
    return Row(id, id, "recurrent", seeds=3, **{"target": "micro", **figures})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        (
            "flash=256KiB,ram=64KiB,latency=10ms,accuracy=0.9",
            Budget(262_144, 65_536, 10_000.0, 0.9, metric="accuracy"),
        ),
        ("flash = 256KB , RAM=1MiB", Budget(256_000, 1_048_576)),
        ("flash=0.5MB,ram=1000", Budget(500_000, 1000)),
        ("ram=2048B", Budget(ram=2048)),
        ("latency=250us", Budget(latency_us=250.0)),
        ("latency=250µs", Budget(latency_us=250.0)),
        ("latency=1.5s", Budget(latency_us=1.5e6)),
        ("accuracy=90%", Budget(score=0.9, metric="accuracy")),
        ("accuracy=70%", Budget(score=0.7, metric="accuracy")),
        ("rmse=12.5", Budget(score=12.5, metric="rmse")),
        ("score=3", Budget(score=3.0)),
    ],
)
def test_a_budget_is_read(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


def test_limits_in_the_text_replace_those_of_the_board() -> None:
    board = Budget(1_000_000, 256_000, board="nano-33-ble")
    assert parse_budget("ram=64KiB", board) == Budget(1_000_000, 65_536, board="nano-33-ble")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "KEY=VALUE. Found: ''"),
        ("flash", "KEY=VALUE. Found: 'flash'"),
        ("flash=", "KEY=VALUE. Found: 'flash='"),
        ("rom=5KiB", "flash, ram, latency, accuracy, rmse, score. Found: 'rom'"),
        ("flash=5kg", "in B, KiB, KB, MiB or MB. Found: '5kg'"),
        ("flash=-5KiB", "above 0"),
        ("flash=0", "above 0"),
        ("flash=1e999", "above 0"),
        ("flash=nan", "above 0"),
        ("latency=10", "in us, ms or s. Found: '10'"),
        ("latency=10min", "in us, ms or s. Found: '10min'"),
        ("accuracy=90", "at most 1, or in %. Found: '90'"),
        ("accuracy=101%", "at most 1, or in %"),
        ("flash=1KiB,flash=2KiB", "'flash' must be given once"),
        ("accuracy=0.9,rmse=3", "one score. Found: accuracy and rmse"),
    ],
)
def test_a_bad_budget_is_refused(text: str, found: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_budget(text)
    assert found in caught.value.message
    assert caught.value.message.startswith("budget: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_budget("rom=1,latency=x,accuracy=2")
    assert len(caught.value.message.splitlines()) == 3
    assert "flash=256KiB" in caught.value.hint


def test_a_row_is_judged_by_every_limit() -> None:
    budget = Budget(10 * 1024, 8 * 1024, 100.0, 0.9, metric="accuracy")
    good = row("good", bytes=10 * 1024, arena_bytes=8 * 1024, latency_us=100.0, score=0.9)
    bad = row("bad", bytes=12 * 1024, arena_bytes=9 * 1024, latency_us=150.0, score=0.877)
    judged = judge([good, bad], budget, "accuracy")
    assert judged[0].fits is True
    assert judged[0].misses == ()
    assert judged[1].fits is False
    assert judged[1].misses == (
        "flash: 2.0 KiB over 10.0 KiB",
        "ram: 1.0 KiB over 8.0 KiB",
        "latency: 50.0 µs over 100 µs",
        "accuracy: 2.30 points under 90.0 %",
    )


def test_an_error_is_limited_from_above() -> None:
    judged = judge([row("a", score=0.4), row("b", score=0.6)], Budget(score=0.5, metric="rmse"), "rmse")
    assert [each.fits for each in judged] == [True, False]
    assert judged[1].misses == ("RMSE: 0.100 over 0.500",)


def test_what_is_not_known_neither_fits_nor_misses() -> None:
    budget = Budget(flash=1000, ram=1000)
    judged = judge([row("a", bytes=900), row("b", bytes=1100)], budget, "accuracy")
    assert [each.fits for each in judged] == [None, False]
    assert judge([row("c", score=0.5)], Budget(score=0.9, metric="rmse"), "accuracy")[0].fits is None


def test_memory_is_the_arena_on_a_micro_and_file_and_tensors_on_a_phone() -> None:
    both = {"arena_bytes": 500, "bytes": 900, "activation_bytes": 101, "rss_bytes": 9_000_000}
    rows = [row("micro", **both), row("phone", **{**both, "target": "phone"})]
    rows.append(row("any", target="any", bytes=900, activation_bytes=100, rss_bytes=9_000_000))
    assert [each.fits for each in judge(rows, Budget(ram=1000), "")] == [True, False, True]
    assert judge([row("phone", target="phone", rss_bytes=5)], Budget(ram=1000), "")[0].fits is None


def test_baselines_and_failures_are_not_judged() -> None:
    rows = [Row("naive", "naive", "baseline", score=0.5), Row("x", "x", "recurrent", failures=3, reason="nan")]
    assert [each.fits for each in judge(rows, Budget(flash=1), "accuracy")] == [None, None]
    assert judge(rows, None, "accuracy") == tuple(rows)


def test_the_best_score_wins_where_it_is_clearly_best() -> None:
    rows = [row("good", fits=True, score=0.95, bytes=9000), row("small", fits=True, score=0.90, bytes=5000)]
    choice = best(rows, "accuracy", 370)
    assert choice.row is rows[0]
    assert choice.why == "good for micro has the best score, 95.0 % with 8.8 KiB."


def test_the_smaller_file_wins_where_scores_are_within_noise() -> None:
    # One standard error of 370 samples at 94.75 % is 1.16 points.
    rows = [row("good", fits=True, score=0.95, bytes=9000), row("small", fits=True, score=0.945, bytes=5000)]
    choice = best(rows, "accuracy", 370)
    assert choice.row is rows[1]
    assert "0.50 points are within one standard error, 1.16 points" in choice.why
    assert best(rows, "accuracy", None).row is rows[0]  # nothing is known of the noise


def test_the_spread_over_seeds_is_noise_too() -> None:
    rows = [
        row("good", fits=True, score=10.0, score_spread=3.0, bytes=9000),
        row("small", fits=True, score=12.0, score_spread=3.0, bytes=5000),
    ]
    assert best(rows, "rmse").row is rows[1]  # sqrt(9 / 3 + 9 / 3) = 2.4 > 2


def test_only_what_fits_can_be_best() -> None:
    rows = [row("good", fits=False, score=0.99, bytes=1, misses=("flash: 1.0 KiB over 1.0 KiB",)), row("unknown")]
    choice = best(rows, "accuracy", 370)
    assert choice.row is None
    assert choice.why == (
        "Nothing fits. good for micro comes closest: flash: 1.0 KiB over 1.0 KiB. "
        "Of 1 row it cannot be told: a figure that the budget limits is missing."
    )


def test_without_scores_the_shortest_time_wins_then_the_smallest_file() -> None:
    timed = [row("a", fits=True, latency_us=5.0, bytes=9), row("b", fits=True, latency_us=4.0, bytes=99)]
    assert best(timed, "").row is timed[1]
    untimed = [row("a", fits=True, bytes=9), row("b", fits=True, bytes=99)]
    assert best(untimed, "").row is untimed[0]
    assert "nothing is scored or timed" in best(untimed, "").why
