"""What `verify` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgernn.distances import Errors
from edgernn.judgement import Verdict
from edgernn.metrics import Metric
from edgernn.result import Bar, Result
from edgernn.saturation import Saturation


@dataclass(frozen=True, repr=False)
class VerifyResult(Result):
    """How an artifact compares with its Keras model.

    Attributes:
        runtime: that ran the artifact.
        runtime_package: that brings it, with its version.
        oracle: who computed the outputs to compare with: ``keras``; ``tf_keras``, which is Keras 2; or ``reference``,
            edgernn's own reader and float arithmetic.
        scheme: of quantization; guessed from the types in a file that does not say it.
        samples: how many were run.
        passed: whether every output meets every criterion.
        verdict: the criterion that decides: the worst of those that failed, else the one that came closest to it.
        verdicts: every criterion of every output, in the outputs' order.
        tolerance: on an output's error over its spread, where no targets are given.
        metric: of the task, of the first output that has targets; None without targets.
        spread_error: that of the worst output; None where none has a spread.
        max_error: the largest absolute difference in any output.
        mean_error: the mean absolute difference over all numbers of all outputs.
        relative_error: that of the worst output: per sample, the largest difference over Keras's largest number.
        outputs: the errors of each, and its metric.
        saturation: per input and output that is an integer inside the artifact.
        notes: what a user might not expect.
    """

    runtime: str
    runtime_package: str
    oracle: str
    scheme: str
    samples: int
    passed: bool
    verdict: Verdict
    verdicts: tuple[Verdict, ...]
    tolerance: float
    metric: Metric | None
    spread_error: float | None
    max_error: float
    mean_error: float
    relative_error: float
    outputs: tuple[Errors, ...]
    saturation: tuple[Saturation, ...]
    notes: tuple[str, ...]

    def figures(self) -> list[tuple[str, object]]:
        """See `edgernn.result.Result`."""
        metric = self.metric
        return [
            ("passed", "yes" if self.passed else "no"),
            *([] if metric is None else [(metric.name, f"{metric.artifact:.4g}, of Keras {metric.keras:.4g}")]),
            *([] if self.spread_error is None else [("error / spread", self.spread_error)]),
            ("max error", self.max_error),
            ("samples", self.samples),
            ("scheme", self.scheme),
            ("runtime", self.runtime_package),
        ]

    def bars(self) -> list[Bar]:
        """Each criterion as a share of its limit."""
        return [
            Bar(
                f"{each.output}, {each.criterion}",
                min(max(each.found / each.limit, 0.0), 2.0) if each.limit else 2.0 * (each.found > 0),
                f"{each.found:.3g} of {each.limit:.3g}",
                each.found <= each.limit,
            )
            for each in self.verdicts
        ]

    def to_dict(self) -> dict[str, Any]:
        """See `edgernn.result.Result`; the command adds the paths of the model and the artifact."""
        return {
            "schema": "edgernn.verify",
            "version": 1,
            "runtime": self.runtime,
            "runtime_package": self.runtime_package,
            "oracle": self.oracle,
            "scheme": self.scheme,
            "samples": self.samples,
            "passed": self.passed,
            **_verdict(self.verdict),
            "metric": _metric(self.metric),
            "spread_error": self.spread_error,
            "tolerance": self.tolerance,
            "max_error": self.max_error,
            "mean_error": self.mean_error,
            "relative_error": self.relative_error,
            "outputs": [
                {
                    **vars(errors),
                    "metric": _metric(errors.metric),
                    "verdicts": [_verdict(each) for each in self.verdicts if each.output == errors.name],
                }
                for errors in self.outputs
            ],
            "saturation": [vars(saturation) for saturation in self.saturation],
            "notes": self.notes,
        }


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {"criterion": verdict.criterion, "found": verdict.found, "limit": verdict.limit}


def _metric(metric: Metric | None) -> dict[str, object] | None:
    return None if metric is None else {**vars(metric), "loss": metric.loss}
