"""Times of GRUs against those of LSTMs: round by round, so that the machine's drift falls out of every ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean

from edgernn.comparison.evidence import Evidence
from edgernn.comparison.pairings import rounds_of
from edgernn.comparison.results import Pairing
from edgernn.comparison.statistics import Ratio, over_rounds, round_ratios
from edgernn.comparison.words import counted


@dataclass(frozen=True)
class Speed:
    """Times of all pairs that were timed.

    Attributes:
        pairs: of rows.
        ratios: GRU / LSTM of each pair.
        mean: their geometric mean, taken round by round.
    """

    pairs: tuple[Pairing, ...]
    ratios: tuple[Ratio, ...]
    mean: Ratio

    @property
    def faster(self) -> int:
        """In how many pairs the GRU is faster by more than noise."""
        return sum(ratio.median < 1 and not ratio.is_noise for ratio in self.ratios)

    @property
    def slower(self) -> int:
        """In how many it is slower by more than noise."""
        return sum(ratio.median > 1 and not ratio.is_noise for ratio in self.ratios)

    @property
    def depends(self) -> bool:
        """Whether it is faster in some pairs and slower in others, so that a mean would say nothing."""
        return bool(self.faster and self.slower)

    @property
    def tally(self) -> str:
        """``faster in 7, slower in 0, within noise in 2 of 9 pairs``."""
        noise = len(self.ratios) - self.faster - self.slower
        return f"faster in {self.faster}, slower in {self.slower}, within noise in {noise} of {self.count}"

    @property
    def count(self) -> str:
        """``9 pairs``."""
        return counted(len(self.pairs), "pair")

    @property
    def band(self) -> str:
        """The mean ratio, and how it varies over rounds."""
        return f"{self.mean.median:.2f}, 10th to 90th percentile {self.mean.low:.2f} to {self.mean.high:.2f}"


def speed(evidence: Evidence, equal: str) -> Speed | None:
    """Times of the pairs that are equal in units or parameters; None if there are none.

    Files for TFLite-Micro are left out if there are others, for it is LiteRT that is timed.
    """
    timed = []
    for pair in evidence.pairs(equal, ["phone", "any"]):
        ratios = round_ratios(rounds_of(evidence.runs[pair.lstm]), rounds_of(evidence.runs[pair.gru]))
        if ratios:
            timed.append((pair, ratios))
    if not timed:
        return None
    rounds = min(len(ratios) for _, ratios in timed)
    means = [math.exp(fmean(math.log(ratios[number]) for _, ratios in timed)) for number in range(rounds)]
    return Speed(tuple(pair for pair, _ in timed), tuple(over_rounds(each) for _, each in timed), over_rounds(means))
