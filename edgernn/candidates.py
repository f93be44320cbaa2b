"""The schemes that a model is tried in: converted, held against a board, and measured on samples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgernn.choice import Choice, Tried
from edgernn.conversion import convert
from edgernn.converted import ConvertResult, OnProgress
from edgernn.converters.keras.reader import ReadModel
from edgernn.devices.boards import Board
from edgernn.distances import Errors
from edgernn.errors import InputError, InternalError
from edgernn.explanation import Explanation
from edgernn.judgement import Limits, Verdict, judge_all, judge_choices
from edgernn.profiling.needs import artifact_fit, c_fit, on_micro
from edgernn.samples import Samples, Source
from edgernn.targets import INTEGER_SCHEMES, SCHEMES
from edgernn.verification import verify

LOSS = 0.5  # points of agreement, where the user gives no limit; of metrics as `verify` has it
_CALIBRATED = (*INTEGER_SCHEMES, "dynamic")  # on samples that were calibrated with, their error would flatter them
_TIGHTER = 0.003  # of the outputs' spread: int8 with more of 16 bits, where the usual limit on errors loses too much
_OF_INTEGERS = ("max_error", "strict")  # options that other schemes refuse


@dataclass(frozen=True)
class Candidate:
    """A scheme, converted.

    Attributes:
        result: of the conversion.
        artifact: the bytes of a .tflite, or a folder of C.
        max_error: beyond which tensors were widened, where that is not the user's or the usual limit.
    """

    result: ConvertResult
    artifact: bytes | Path
    max_error: float | None = None


@dataclass(frozen=True)
class Measuring:
    """What candidates are measured with.

    Attributes:
        model: as it was given.
        read: the same, read.
        samples: to measure on.
        source: the same, as `verify` takes them.
        aside: whether they are of the calibration.
        max_loss: the user's limit, in points or per cent; None for the usual ones.
    """

    model: Any
    read: ReadModel
    samples: Samples
    source: Source
    aside: bool
    max_loss: float | None

    def judged(self, candidate: Candidate, report: OnProgress) -> tuple[tuple[Errors, ...], tuple[Verdict, ...]]:
        """A candidate's errors, and every criterion as `verify` has them; without targets, choices count too."""
        made = candidate.result
        if self.aside and made.measured is not None and made.scheme in _CALIBRATED:
            outputs = made.measured.outputs
            limits = Limits.of(made.scheme, self.read.precision)
            largest = [0.0] * len(outputs)  # what floats round is nothing beside what integers do
            found = judge_all(self.read.graph, outputs, limits, largest, self.read.precision)
        else:
            result = verify(
                self.model,
                os.fspath(candidate.artifact) if isinstance(candidate.artifact, Path) else candidate.artifact,
                self.source,
                max_loss=self.max_loss if self.samples.has_targets else None,
                oracle="reference",
                on_progress=lambda stage, done, of: report(f"{made.scheme}: {stage}"),
            )
            outputs, found = result.outputs, list(result.verdicts)
        limit = 0.01 * (LOSS if self.max_loss is None else self.max_loss)
        return outputs, (*judge_choices(self.read.graph, outputs, self.samples.count, limit), *found)


@dataclass(frozen=True)
class Trial:
    """Conversions of one model.

    Attributes:
        model: as given.
        options: of the conversion.
        calibration: samples of the integer schemes.
        folder: whose name C shall have, in a folder of ours; None for a .tflite.
        measuring: what is measured with.
        report: is told what is being done.
    """

    model: Any
    options: Mapping[str, Any]
    calibration: Source | None
    folder: Path | None
    measuring: Measuring
    report: OnProgress

    def all_schemes(self) -> tuple[list[Candidate], list[Tried]]:
        """Every scheme that can be converted, and why the others cannot.

        Raises:
            InputError: all are refused for the same reason, which is that of the model or of the options.
        """
        made: list[Candidate] = []
        refused: list[tuple[str, InputError | InternalError]] = []
        for scheme in SCHEMES:
            try:
                made.append(self.converted(scheme))
            except (InputError, InternalError) as error:
                refused.append((scheme, error))
        if not made and len({str(error) for _, error in refused}) == 1:
            raise refused[0][1]
        return made, [Tried(scheme, refused=" ".join(error.message.split())) for scheme, error in refused]

    def converted(self, scheme: str, max_error: float | None = None) -> Candidate:
        """The model in one scheme.

        Args:
            scheme: of quantization.
            max_error: beyond which tensors are widened; None for what the options say.
        """
        place = None if self.folder is None else self.folder.parent / scheme / self.folder.name
        given = dict(self.options)
        if max_error is not None:
            given["max_error"] = max_error
        if place is not None:
            place.parent.mkdir()
        elif scheme not in INTEGER_SCHEMES:
            given = {name: value for name, value in given.items() if name not in _OF_INTEGERS}
            given["measure"] = self.measuring.aside and scheme in _CALIBRATED
        result = convert(
            self.model,
            place,
            quantize=scheme,
            calibration=self.calibration,
            on_progress=lambda stage: self.report(f"{scheme}: {stage}"),
            **given,
        )
        return Candidate(result, result.content if place is None else place, max_error)

    def explained(self, kept: Tried) -> tuple[Explanation | None, tuple[str, ...]]:
        """What every tensor of the scheme that is kept costs, as if it alone were asked for; else a note why not."""
        given = dict(self.options)
        if kept.scheme not in INTEGER_SCHEMES:
            given = {name: value for name, value in given.items() if name not in _OF_INTEGERS}
        if kept.max_error is not None:
            given["max_error"] = kept.max_error
        try:
            found = convert(
                self.model,
                quantize=kept.scheme,
                calibration=self.calibration,
                explain=True,
                on_progress=lambda stage: self.report(f"{kept.scheme}: {stage}, to explain it"),
                **given,
            )
        except InputError as error:
            return None, (f"{error.message} It is what was kept.",)
        return found.explanation, ()

    def smallest(
        self, made: list[Candidate], refused: list[Tried], board: Board | None
    ) -> tuple[Choice, ConvertResult | None]:
        """Measure from the smallest on, until one fits and holds the limit."""
        waiting, tried, kept = sorted(made, key=_size), list[Tried](), None
        while waiting and kept is None:
            candidate = waiting.pop(0)
            scheme = candidate.result.scheme
            self.report(f"{scheme}: measuring its memory")
            found = _with_memory(_row(candidate), candidate, board)
            if found.fits:
                self.report(f"{scheme}: measuring what it loses")
                outputs, verdicts = self.measuring.judged(candidate, self.report)
                found = replace(found, outputs=outputs, verdicts=verdicts)
                if found.holds:
                    kept = candidate.result
                elif (finer := self._finer(candidate)) is not None:
                    waiting = sorted([*waiting, finer], key=_size)
            tried.append(found)
        rows = (*tried, *map(_row, waiting), *refused)
        aside = self.measuring.aside
        return Choice(rows, tried[-1] if kept is not None else None, self.measuring.samples.count, aside), kept

    def _finer(self, candidate: Candidate) -> Candidate | None:
        """The same scheme with more tensors of 16 bits; None where the user has said how many, or there are no more."""
        options = self.options
        limited = candidate.max_error is not None or options["max_error"] is not None or options["strict"]
        if candidate.result.scheme != "int8" or limited or not options["measure"] or self.folder is not None:
            return None
        finer = self.converted("int8", _TIGHTER)
        return finer if finer.artifact != candidate.artifact else None


def _size(candidate: Candidate) -> int:
    return candidate.result.size


def _row(candidate: Candidate) -> Tried:
    return Tried(candidate.result.scheme, candidate.max_error, candidate.result.size)


def _with_memory(tried: Tried, candidate: Candidate, board: Board | None) -> Tried:
    """Its arena on a micro, and whether the board can hold it."""
    if isinstance(candidate.artifact, Path):
        return replace(tried, fit=c_fit(board, candidate.artifact) if board is not None else None)
    micro = on_micro(candidate.artifact) if candidate.result.target == "micro" else None
    fit = artifact_fit(board, candidate.artifact, micro) if board is not None else None
    return replace(tried, arena=micro.smallest if micro is not None else None, fit=fit)
