"""What can be said of a difference after a few seeds, and of a ratio after a few rounds of timing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # below this p a difference is called significant
MOST_EXACT = 200_000  # relabellings that are all tried; of more, as many as `DRAWN` are drawn
DRAWN = 20_000
SAME_TIME = 0.01
_SAME = 1e-9  # relative to the largest value: sums in another order differ by less
_DONE = "two-sided permutation test"


@dataclass(frozen=True)
class Block:
    """Values of two groups that may be compared: one size, one share of the data.

    Attributes:
        left: one value per seed; of the LSTM.
        right: of the GRU.
        weight: of the block's difference of means, right - left, in the sum that is tested.
    """

    left: tuple[float, ...]
    right: tuple[float, ...]
    weight: float = 1.0

    @property
    def relabellings(self) -> int:
        """In how many ways its values can be dealt out to groups of these sizes."""
        return math.comb(len(self.left) + len(self.right), len(self.left))


@dataclass(frozen=True)
class Tested:
    """The result of a permutation test.

    Attributes:
        difference: weighted mean over blocks of the difference of means, right - left.
        p: share of the relabellings whose difference is at least as large, in either direction.
        smallest_p: the smallest that so few values can give, however far the groups are apart.
        words: what was done, and how many seeds would be needed if these can never be enough.
    """

    difference: float
    p: float
    smallest_p: float
    words: str

    @property
    def is_significant(self) -> bool:
        """Whether a difference is more than the seeds explain."""
        return self.p <= LEVEL


@dataclass(frozen=True)
class Ratio:
    """A ratio of times over rounds that are common to both."""

    median: float
    low: float  # 10th percentile
    high: float  # 90th percentile

    @property
    def is_noise(self) -> bool:
        """Whether the band from the 10th to the 90th percentile includes 1, or the median is within 1 % of it.

        So small a difference can be the same in every round and still be the machine's: where the code and the weights
        happen to lie in its caches.
        """
        return self.low <= 1 <= self.high or abs(self.median - 1) < SAME_TIME


def permutation_test(blocks: Sequence[Block]) -> Tested | None:
    """Whether two groups differ in their means more than their seeds do; labels change places within a block only.

    All relabellings are tried where they are few. Else 20,000 are drawn with a fixed seed, and the data itself counts
    as one more, so that p is never 0. Blocks in which a group is empty say nothing and are left out.

    Returns:
        None if no block is left.
    """
    filled = [block for block in blocks if block.left and block.right]
    if not filled:
        return None
    total = math.prod(block.relabellings for block in filled)
    scale = math.fsum(abs(block.weight) for block in filled)
    observed = math.fsum(block.weight * (_mean(block.right) - _mean(block.left)) for block in filled)
    exact = total <= MOST_EXACT
    sums = np.zeros(1 if exact else DRAWN)
    random = np.random.default_rng(0)
    for block in filled:
        differences = block.weight * (_every_difference(block) if exact else _drawn_differences(block, random))
        sums = (sums[:, None] + differences).ravel() if exact else sums + differences
    largest = max(abs(block.weight) * max(map(abs, (*block.left, *block.right))) for block in filled)
    reached = int(np.count_nonzero(np.abs(sums) >= abs(observed) - _SAME * largest * len(filled)))
    smallest = smallest_p(filled)
    if exact:
        return Tested(observed / scale, reached / total, smallest, f"{_DONE}, {_which(filled)}{_needed(filled)}")
    smallest = max(smallest, 1 / (DRAWN + 1))
    words = f"{_DONE} with {DRAWN:,} of {total:.2g} relabellings drawn, {_which(filled)}"
    return Tested(observed / scale, (reached + 1) / (DRAWN + 1), smallest, words)


def smallest_p(blocks: Sequence[Block]) -> float:
    """The smallest p that these blocks can give.

    It is 2 of all relabellings if the groups of every block are equally large, since swapping them gives the opposite
    difference, else 1 of all.
    """
    total = math.prod(block.relabellings for block in blocks)
    mirrored = all(len(block.left) == len(block.right) for block in blocks)
    return min(1.0, (2 if mirrored else 1) / total)


def seeds_needed(blocks: int) -> int:
    """How many seeds each group of so many blocks needs for a p below 5 % to be possible at all."""
    seeds = 1
    while 2 / math.comb(2 * seeds, seeds) ** blocks > LEVEL:
        seeds += 1
    return seeds


def _every_difference(block: Block) -> NDArray[np.float64]:
    """Right - left of every relabelling; `[relabellings]`."""
    values = np.array((*block.left, *block.right))
    chosen = np.array(list(combinations(range(len(values)), len(block.left))), dtype=np.intp)
    left = values[chosen].sum(axis=1)
    return np.asarray((values.sum() - left) / len(block.right) - left / len(block.left))


def _drawn_differences(block: Block, random: np.random.Generator) -> NDArray[np.float64]:
    """Right - left of relabellings at random; `[DRAWN]`."""
    values = np.tile((*block.left, *block.right), (DRAWN, 1))
    shuffled = random.permuted(values, axis=1)
    count = len(block.left)
    return np.asarray(shuffled[:, count:].mean(axis=1) - shuffled[:, :count].mean(axis=1))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _which(blocks: Sequence[Block]) -> str:
    seeds = sorted({size for block in blocks for size in (len(block.left), len(block.right))})
    counts = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    what = "1 group of runs" if len(blocks) == 1 else f"{len(blocks)} groups of runs"
    return f"{what}, {counts} {'seed' if counts == '1' else 'seeds'} of each cell"


def _needed(blocks: Sequence[Block]) -> str:
    if smallest_p(blocks) <= LEVEL:
        return ""
    return f"; no result can be significant at 5 % with fewer than {seeds_needed(len(blocks))} seeds"


def ratio_over_rounds(left: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> Ratio | None:
    """Right / left in every round that all have, each the median over its seeds; rounds share the machine's drift.

    Args:
        left: for every seed its time in each round.
        right: likewise.
    """
    ratios = round_ratios(left, right)
    return over_rounds(ratios) if ratios else None


def round_ratios(left: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Right / left, round by round; empty if there is no round that all have."""
    rounds = min((len(times) for times in (*left, *right)), default=0)
    if not left or not right or rounds == 0:
        return ()
    above = np.median([times[:rounds] for times in right], axis=0)
    below = np.median([times[:rounds] for times in left], axis=0)
    return tuple(map(float, above / below))


def over_rounds(ratios: Sequence[float]) -> Ratio:
    """Median and the 10th and 90th percentile."""
    low, middle, high = np.percentile(ratios, (10, 50, 90))
    return Ratio(float(middle), float(low), float(high))


def sampling_error(accuracy: float, samples: int) -> float:
    """One standard error of an accuracy that was counted on so many test samples (binomial)."""
    return math.sqrt(max(0.0, accuracy * (1 - accuracy)) / samples)


@dataclass(frozen=True)
class Scores:
    """Scores of one network over its seeds: mean, sample standard deviation, and how many."""

    mean: float
    spread: float | None
    seeds: int


def standard_error(first: Scores, second: Scores, samples: int | None) -> float:
    """One standard error of the difference of two scores; differences up to it are noise.

    The larger of two: that of the means over seeds, and that of an accuracy counted on so many test samples. Both
    scores come from the same test samples, so the second is an upper bound for networks that err on the same ones.

    Args:
        first: of one network.
        second: of the other.
        samples: in the test split, for an accuracy; None for other metrics.
    """
    seeds = math.hypot(*((one.spread or 0.0) / math.sqrt(max(1, one.seeds)) for one in (first, second)))
    test = sampling_error((first.mean + second.mean) / 2, samples) if samples else 0.0
    return max(seeds, test)
