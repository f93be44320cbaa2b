"""Whether a device answers as this machine does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgernn.deployment.job import Job
from edgernn.devices.host.session import Array
from edgernn.judgement import RELATIVE_TOLERANCES
from edgernn.verification import artifact_scheme

Word = Literal["identical", "within-tolerance", "different"]


@dataclass(frozen=True)
class Difference:
    """Where a device first differs.

    Attributes:
        invocation: its number, from 0.
        output: name of the output.
        index: of the number in it.
        here: what this machine says, as it lies in memory: a real number or an integer.
        there: what the device says.
    """

    invocation: int
    output: str
    index: tuple[int, ...]
    here: float
    there: float

    def __str__(self) -> str:
        """For people."""
        where = f"invocation {self.invocation}, '{self.output}'{list(self.index)}"
        return f"{where}: {self.there:.9g} there, {self.here:.9g} here"


@dataclass(frozen=True)
class Verdict:
    """How a device's outputs compare with this machine's.

    Attributes:
        word: identical, every bit; within-tolerance, where float numbers take part; or different.
        invocations: that were compared.
        max_difference: the largest, in real numbers.
        tolerance: on `max_difference`, relative to the largest output; 0 where integers must be the same.
        first: where they first differ beyond the tolerance, or, within it, at all; None if they do not.
    """

    word: Word
    invocations: int
    max_difference: float
    tolerance: float
    first: Difference | None


def judge(job: Job, answers: tuple[tuple[Array, ...], ...], runtime: str) -> Verdict:
    """Compare a device's raw outputs with those that this machine gave.

    Args:
        job: with this machine's outputs.
        answers: the device's.
        runtime: that gave them.

    Integers must be the same bits: every kernel of LiteRT that our schemes use, and all of our C, is exact. Float
    numbers may differ, since the order of sums and fused multiply-adds are a processor's own; they must agree within
    what the scheme may cost anyway, 1e-4 in float32. So must integers of tflite-runtime, the last runtime for 32-bit
    Arm: its kernels, years older than this machine's, round some numbers to the next unit, on every processor.
    """
    infos = job.artifact.outputs
    scheme = artifact_scheme(job.artifact)
    exact = scheme in ("int8", "int16x8") and not runtime.startswith("tflite-runtime")
    largest = 1.0
    if not exact:
        tops = [np.abs(each).max() for row in job.expected for each in row if each.dtype.kind == "f" and each.size]
        largest = float(max(tops, default=1.0)) or 1.0
    limit = 0.0 if exact else RELATIVE_TOLERANCES[scheme]
    first_beyond: Difference | None = None
    first_any: Difference | None = None
    worst = 0.0
    for number, (here, there) in enumerate(zip(job.expected, answers, strict=True)):
        for info, ours, theirs in zip(infos, here, there, strict=True):
            if ours.tobytes() == theirs.tobytes():
                continue
            apart = np.abs(info.dequantize(ours).astype("f8") - info.dequantize(theirs))
            apart = np.where(np.isnan(apart) & (np.isnan(ours) != np.isnan(theirs)), np.inf, np.nan_to_num(apart))
            worst = max(worst, float(apart.max()))
            beyond = apart > limit * largest
            first_any = first_any or _difference(number, info.name, ours, theirs, apart > 0)
            if beyond.any() and first_beyond is None:
                first_beyond = _difference(number, info.name, ours, theirs, beyond)
    word: Word = "different" if first_beyond else "within-tolerance" if first_any else "identical"
    return Verdict(word, len(answers), worst, limit, first_beyond or first_any)


def _difference(number: int, name: str, ours: Array, theirs: Array, where: Array) -> Difference | None:
    places = np.argwhere(where)
    if not len(places):
        return None
    index = tuple(int(part) for part in places[0])
    return Difference(number, name, index[1:], float(ours[index]), float(theirs[index]))
