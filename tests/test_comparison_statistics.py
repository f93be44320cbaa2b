import math
from itertools import permutations
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgernn.comparison.statistics import (
    DRAWN,
    Block,
    Scores,
    over_rounds,
    permutation_test,
    ratio_over_rounds,
    sampling_error,
    seeds_needed,
    smallest_p,
    standard_error,
)

WHOLE = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=3)
BLOCKS = st.lists(st.builds(lambda a, b: Block(tuple(a), tuple(b)), WHOLE, WHOLE), min_size=1, max_size=2)


def p_by_definition(left: tuple[float, ...], right: tuple[float, ...]) -> float:
    """Over all orders of all values, the slow way."""

    def difference(values: tuple[float, ...]) -> float:
        return abs(fmean(values[len(left) :]) - fmean(values[: len(left)]))

    every = [difference(order) for order in permutations((*left, *right))]
    return sum(each >= difference((*left, *right)) - 1e-9 for each in every) / len(every)


def test_three_seeds_far_apart_give_two_of_twenty() -> None:
    tested = permutation_test([Block((1.0, 2.0, 3.0), (11.0, 12.0, 13.0))])
    assert tested is not None
    assert tested.difference == 10
    assert tested.p == tested.smallest_p == 2 / 20
    assert not tested.is_significant
    assert "no result can be significant at 5 % with fewer than 4 seeds" in tested.words


def test_four_seeds_far_apart_are_significant() -> None:
    tested = permutation_test([Block((1.0, 2.0, 3.0, 4.0), (11.0, 12.0, 13.0, 14.0))])
    assert tested is not None
    assert tested.p == 2 / 70
    assert tested.is_significant
    assert "fewer than" not in tested.words


def test_equal_values_have_a_p_of_one() -> None:
    tested = permutation_test([Block((5.0, 5.0), (5.0, 5.0))])
    assert tested is not None
    assert (tested.difference, tested.p) == (0, 1)


def test_two_blocks_by_hand() -> None:
    # Relabellings of each block: differences -1, +1 and -1, +1. Sums: -2, 0, 0, 2; observed 2: two of four.
    tested = permutation_test([Block((0.0,), (1.0,)), Block((0.0,), (1.0,))])
    assert tested is not None
    assert (tested.difference, tested.p, tested.smallest_p) == (1, 0.5, 0.5)


def test_a_difference_between_blocks_is_none_between_groups() -> None:
    tested = permutation_test([Block((0.0, 1.0), (0.0, 1.0)), Block((100.0, 101.0), (100.0, 101.0))])
    assert tested is not None
    assert tested.p == 1


def test_weights_of_opposite_sign_test_an_interaction() -> None:
    small, full = Block((0.0, 1.0), (10.0, 11.0), 1.0), Block((5.0, 6.0), (5.0, 6.0), -1.0)
    tested = permutation_test([small, full])
    assert tested is not None
    assert tested.difference == 5  # (10 - 0) / 2
    same = permutation_test([small, Block((0.0, 1.0), (10.0, 11.0), -1.0)])
    assert same is not None
    assert (same.difference, same.p) == (0, 1)


def test_nothing_to_compare_is_no_test() -> None:
    assert permutation_test([]) is None
    assert permutation_test([Block((), (1.0,)), Block((2.0,), ())]) is None


def test_unequal_groups_can_give_one_of_all() -> None:
    tested = permutation_test([Block((0.0,), (5.0, 6.0, 7.0, 8.0))])
    assert tested is not None
    assert tested.p == tested.smallest_p == 1 / 5


def test_many_relabellings_are_drawn_and_the_draw_repeats() -> None:
    low, high = tuple(map(float, range(12))), tuple(map(float, range(20, 32)))
    tested = permutation_test([Block(low, high)])
    assert tested is not None
    assert tested == permutation_test([Block(low, high)])
    assert tested.p == tested.smallest_p == 1 / (DRAWN + 1)
    assert f"{DRAWN:,} of 2.7e+06 relabellings drawn" in tested.words


def test_drawn_p_is_near_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [Block((1.0, 4.0, 2.0), (3.0, 6.0, 5.0)), Block((2.0, 2.0, 1.0), (2.0, 4.0, 3.0))]
    exact = permutation_test(blocks)
    monkeypatch.setattr("edgernn.comparison.statistics.MOST_EXACT", 1)
    drawn = permutation_test(blocks)
    assert exact is not None
    assert drawn is not None
    assert "drawn" in drawn.words
    assert abs(exact.p - drawn.p) < 4 * math.sqrt(exact.p * (1 - exact.p) / DRAWN)


@given(WHOLE, WHOLE)
@settings(max_examples=60, deadline=None)
def test_one_block_is_the_definition(left: list[float], right: list[float]) -> None:
    tested = permutation_test([Block(tuple(left), tuple(right))])
    assert tested is not None
    assert tested.p == pytest.approx(p_by_definition(tuple(left), tuple(right)))


@given(BLOCKS)
@settings(max_examples=60, deadline=None)
def test_p_is_between_the_smallest_and_one_and_does_not_know_left_from_right(blocks: list[Block]) -> None:
    tested = permutation_test(blocks)
    mirrored = permutation_test([Block(block.right, block.left) for block in blocks])
    shifted = permutation_test([Block(tuple(v + 7 for v in b.left), tuple(v + 7 for v in b.right)) for b in blocks])
    assert tested is not None
    assert mirrored is not None
    assert shifted is not None
    assert smallest_p(blocks) - 1e-12 <= tested.p <= 1
    assert tested.p == pytest.approx(mirrored.p)
    assert tested.p == pytest.approx(shifted.p)
    assert tested.difference == pytest.approx(-mirrored.difference)


def test_under_no_difference_p_is_at_most_its_level_as_often_as_it_says() -> None:
    """Of all ways to deal out six different values, at most a share `a` has p <= a: the definition of a valid test."""
    values = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    found = [permutation_test([Block(order[:3], order[3:])]) for order in permutations(values)]
    ps = [tested.p for tested in found if tested is not None]
    for level in (0.1, 0.2, 0.5):
        assert sum(p <= level + 1e-12 for p in ps) / len(ps) <= level + 1e-12


@pytest.mark.parametrize(("blocks", "seeds"), [(1, 4), (2, 3), (3, 2), (6, 1)])
def test_seeds_needed_by_hand(blocks: int, seeds: int) -> None:
    # 1 block: 2/70 = 0.029; 2: 2/400; 3: 2/216; 6: 2/64 = 0.031.
    assert seeds_needed(blocks) == seeds


def test_a_ratio_is_taken_round_by_round() -> None:
    drift = (1.0, 3.0, 2.0, 5.0)
    ratio = ratio_over_rounds([tuple(10 * d for d in drift)], [tuple(8 * d for d in drift)])
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((0.8, 0.8, 0.8))
    assert not ratio.is_noise


def test_a_ratio_takes_the_median_seed_and_the_rounds_that_all_have() -> None:
    ratio = ratio_over_rounds([(10.0, 10.0), (10.0, 20.0, 99.0), (90.0, 30.0)], [(5.0, 5.0)])
    assert ratio is not None
    assert (ratio.low, ratio.high) == pytest.approx((0.25 + 0.1 * 0.25, 0.5 - 0.1 * 0.25))  # of 5/10 and 5/20
    assert ratio_over_rounds([], [(1.0,)]) is None
    assert ratio_over_rounds([()], [(1.0,)]) is None


def test_noise_is_a_band_around_one_or_a_median_beside_it() -> None:
    assert over_rounds([0.9] * 8 + [1.2] * 3).is_noise
    assert not over_rounds([0.9] * 20 + [1.2]).is_noise
    assert over_rounds([0.995] * 10).is_noise
    assert not over_rounds([0.98] * 10).is_noise


def test_standard_errors_by_hand() -> None:
    assert sampling_error(0.9, 400) == pytest.approx(0.015)
    assert sampling_error(1.0, 370) == 0
    seeds = standard_error(Scores(0.9, 0.03, 9), Scores(0.9, 0.04, 4), None)
    assert seeds == pytest.approx(math.sqrt(0.01**2 + 0.02**2))
    assert standard_error(Scores(0.9, None, 1), Scores(0.9, None, 1), 400) == pytest.approx(0.015)
    assert standard_error(Scores(0.9, None, 1), Scores(0.9, None, 1), None) == 0
