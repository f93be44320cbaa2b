"""A scheme that was chosen by what it loses: every one that was tried, what was found, and why it was kept or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from edgernn.distances import Errors
from edgernn.errors import CheckFailed
from edgernn.judgement import Verdict, deciding
from edgernn.metrics import Metric
from edgernn.profiling.fit import Fit, fit_document, shortfalls


@dataclass(frozen=True)
class Tried:
    """One way to convert.

    Attributes:
        scheme: of quantization.
        max_error: beyond which its tensors were widened, where that is not the usual limit.
        size: bytes of the file, or of the constants of C; None where it could not be converted.
        arena: bytes of the smallest arena on TFLite-Micro; None for a phone and for C, and where that is not installed.
        fit: whether the board can hold it; None without a board.
        outputs: the errors of each output, with the metric where there are targets; empty where none was measured.
        verdicts: every criterion of every output; likewise.
        refused: why it was not converted.
    """

    scheme: str
    max_error: float | None = None
    size: int | None = None
    arena: int | None = None
    fit: Fit | None = None
    outputs: tuple[Errors, ...] = ()
    verdicts: tuple[Verdict, ...] = field(default=())
    refused: str = ""

    @property
    def name(self) -> str:
        """As on the command line, behind --quantize."""
        return self.scheme if self.max_error is None else f"{self.scheme} --max-error {self.max_error:g}"

    @property
    def fits(self) -> bool:
        """Whether nothing is known to be short on the board."""
        return self.fit is None or self.fit.fits is not False

    @property
    def holds(self) -> bool:
        """Whether it was measured, and every criterion is within its limit."""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    @property
    def verdict(self) -> Verdict | None:
        """The one that decides; None where nothing was measured."""
        return deciding(self.verdicts) if self.verdicts else None

    @property
    def metric(self) -> Metric | None:
        """Of the output that decides, if it has one."""
        verdict = self.verdict
        return next((found.metric for found in self.outputs if verdict and found.name == verdict.output), None)

    @property
    def error(self) -> float | None:
        """That of the worst output, over its spread; relative where it has none."""
        return max(
            (found.spread_error if found.spread_error is not None else found.relative_error for found in self.outputs),
            default=None,
        )

    @property
    def agreement(self) -> float | None:
        """Share of the answers that are the model's choice; of the worst output."""
        return min((found.agreement for found in self.outputs if found.agreement is not None), default=None)


@dataclass(frozen=True)
class Choice:
    """How a scheme was chosen.

    Attributes:
        tried: from the smallest to the largest, those that were not converted last.
        kept: one of them; None where none holds the limit.
        samples: that were measured on.
        aside: whether they are samples of the calibration, kept aside.
        notes: what a user should know of the samples.
    """

    tried: tuple[Tried, ...]
    kept: Tried | None
    samples: int
    aside: bool
    notes: tuple[str, ...] = ()

    @property
    def measured_on(self) -> str:
        """A sentence: what decided."""
        if not self.aside:
            return f"measured on the {self.samples} samples of the data."
        return f"measured on {self.samples} samples of the calibration: --data FILE.npz gives others, with targets 'y'."

    def result(self, tried: Tried) -> str:
        """What became of a scheme, and why."""
        if tried.refused:
            return tried.refused
        if tried is self.kept:
            return f"kept: {lost(tried)}"
        if tried.fit is not None and not tried.fits:
            return f"does not fit: {'; '.join(shortfalls(tried.fit))}"
        if tried.verdict is None:
            return "not measured: a smaller one is kept"
        return lost(tried)


class NothingHolds(CheckFailed):
    """No scheme is within the limit.

    Attributes:
        choice: what was tried.
    """

    def __init__(self, message: str, choice: Choice, *, hint: str) -> None:
        """Keep the table beside the message."""
        super().__init__(message, hint=hint)
        self.choice = choice


def lost(tried: Tried) -> str:
    """What a scheme that was measured loses, and what it may."""
    verdict, metric = tried.verdict, tried.metric
    assert verdict is not None, "it was measured"
    found, limit = f"{100 * verdict.found:.3g}", f"{100 * verdict.limit:.3g}"
    match verdict.criterion:
        case "metric" if metric is not None and metric.name in ("accuracy", "auc"):
            return f"loses {found} points of {metric.name}, of at most {limit}"
        case "metric":
            name = metric.name if metric is not None else "metric"
            return f"{name} grows by {found} %, of at most {limit} %"
        case "agreement":
            return f"{found} % of its answers are not the model's, of at most {limit} %"
        case "column":
            return f"a column errs by {found} % of its spread, of at most {limit} %"
        case "spread":
            return f"errs by {found} % of the outputs' spread, of at most {limit} %"
        case "relative":
            return f"relative error {found} %, of at most {limit} %"


def nothing_holds(choice: Choice, limit: float | None, board: str | None, *, calibrated: bool) -> NothingHolds:
    """The error where no scheme will do: what is closest, and what to do next.

    Args:
        choice: what was tried.
        limit: the user's, in points or per cent; None for the usual ones.
        board: that it must fit, if any.
        calibrated: whether there were samples for the integer schemes.
    """
    measured = [tried for tried in choice.tried if tried.verdict is not None]
    on = f" and fit on '{board}'" if board else ""
    within = "the usual limits" if limit is None else f"a loss of {limit:g}"
    rule = f"quantize 'auto': a scheme must be within {within}{on}. Found: none"
    steps = [] if calibrated else ["give --calibration FILE.npz, so that the integer schemes can be tried"]
    if any(tried.refused.startswith(("io:", "form ")) for tried in choice.tried):
        steps.append("leave out --io and --form, for which others are refused")
    if measured:
        best = min(measured, key=_overshoot)
        steps.append("allow more with --max-loss")
        steps.append("calibrate with more samples like those that it is measured on")
        message = f"{rule}; closest is '{best.name}', which {_which(best)}."
    else:
        message = f"{rule} that could be measured."
    if any(not tried.fits for tried in choice.tried):
        steps.append("take a board with more memory, or fewer units")
    if not steps:
        steps.append("leave out the options that the table names")
    return NothingHolds(message, choice, hint=f"{'; or '.join(steps)}. Nothing was written.")


def _which(tried: Tried) -> str:
    said = lost(tried)
    return said if said.startswith(("loses", "errs")) else f"has: {said}"


def _overshoot(tried: Tried) -> float:
    verdict = tried.verdict
    assert verdict is not None, "it was measured"
    return verdict.found / verdict.limit if verdict.limit else float("inf")


def choice_rows(choice: Choice) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Headings and rows of the table of what was tried; columns of which nothing is known are left out."""
    columns: list[tuple[str, list[object]]] = [
        ("Scheme", [tried.name for tried in choice.tried]),
        ("Bytes", [tried.size for tried in choice.tried]),
        ("Arena", [tried.arena for tried in choice.tried]),
        ("Fits", [_fits(tried) for tried in choice.tried]),
        (_metric_name(choice.tried), [_score(tried.metric) for tried in choice.tried]),
        ("Loss", [_loss(tried) for tried in choice.tried]),
        ("Error / spread", [_percent(tried.error) for tried in choice.tried]),
        ("Same choice", [_percent(tried.agreement, 4) for tried in choice.tried]),
        ("Result", [choice.result(tried) for tried in choice.tried]),
    ]
    shown = [(name, cells) for name, cells in columns if any(cell is not None for cell in cells)]
    return tuple(name for name, _ in shown), list(zip(*(cells for _, cells in shown), strict=True))


def _metric_name(tried: Sequence[Tried]) -> str:
    metric = next((each.metric for each in tried if each.metric is not None), None)
    return "" if metric is None else f"{metric.name[0].upper()}{metric.name[1:]}"


def _fits(tried: Tried) -> str | None:
    if tried.fit is None:
        return None
    return {True: "yes", False: "no", None: "unknown"}[tried.fit.fits]


def _score(metric: Metric | None) -> str | None:
    if metric is None:
        return None
    return f"{100 * metric.artifact:.4g} %" if metric.name == "accuracy" else f"{metric.artifact:.4g}"


def _loss(tried: Tried) -> str | None:
    """In points of accuracy or AUC, in per cent of others."""
    if tried.metric is None:
        return None
    unit = "points" if tried.metric.name in ("accuracy", "auc") else "%"
    return f"{100 * tried.metric.loss:.3g} {unit}"


def _percent(share: float | None, digits: int = 3) -> str | None:
    return None if share is None else f"{100 * share:.{digits}g} %"


def choice_document(choice: Choice) -> dict[str, Any]:
    """All of it as JSON."""
    return {
        "kept": None if choice.kept is None else choice.kept.scheme,
        "samples": choice.samples,
        "kept_aside": choice.aside,
        "tried": [
            {
                "scheme": tried.scheme,
                "max_error": tried.max_error,
                "bytes": tried.size,
                "arena": tried.arena,
                "fit": None if tried.fit is None else fit_document(tried.fit),
                "metric": None if tried.metric is None else {**vars(tried.metric), "loss": tried.metric.loss},
                "error": tried.error,
                "agreement": tried.agreement,
                "verdicts": [{**asdict(verdict), "passed": verdict.passed} for verdict in tried.verdicts],
                "kept": tried is choice.kept,
                "result": choice.result(tried),
            }
            for tried in choice.tried
        ],
    }
