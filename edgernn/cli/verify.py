"""``edgernn verify``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from edgernn.cli.options import architecture_option, runtime_option
from edgernn.cli.output import json_option, note, print_json, print_table, say_wrapped
from edgernn.cli.progress import progress
from edgernn.cli.values import PLACE
from edgernn.errors import CheckFailed

if TYPE_CHECKING:
    from edgernn.metrics import Metric
    from edgernn.verified import VerifyResult


@click.command()
@click.argument("model", type=PLACE)
@click.argument("artifact", type=PLACE)
@click.option(
    "--data",
    required=True,
    type=PLACE,
    help="Samples: .npz, .npy, .csv, .wav, or a folder of recordings; targets under 'y'.",
)
@runtime_option
@click.option("--device", help="Run a folder of C on an emulated machine: qemu:cortex-m4, say.")
@click.option(
    "--max-loss",
    type=float,
    help="With targets: what the metric may lose, in points; in % for RMSE and perplexity.  [default: 0.5; 2 %]",
)
@click.option(
    "--tolerance", type=float, help="Largest error over the outputs' spread that passes.  [default: by the scheme]"
)
@click.option(
    "--oracle",
    metavar="keras|reference",
    help="What to compare with: Keras itself, or edgernn's float arithmetic.  [default: Keras if it is installed]",
)
@architecture_option
@json_option
def command(
    model: Path,
    artifact: Path,
    data: Path,
    runtime: str | None,
    device: str | None,
    max_loss: float | None,
    tolerance: float | None,
    oracle: str | None,
    architecture: Path | None,
    as_json: bool,
) -> None:
    """Run ARTIFACT on samples and compare its outputs with those of MODEL, a .keras or .h5 file.

    With targets the task's metric decides: accuracy or, for rare events, AUC may lose half a point, RMSE or perplexity
    grow by 2 %. Without, the error decides: the root mean square error over the standard deviation of MODEL's outputs,
    at most 3 % for int8 and dynamic, 1 % for int16x8 and float16, 0.01 % for float32. Exit status 1 if it is more.
    """
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # before TensorFlow starts: a GPU's sums differ
    from edgernn.verification import verify

    with progress("starting", quiet=as_json) as bar:

        def show(stage: str, done: int, of: int) -> None:
            bar.stage(stage, done, of)

        result = verify(
            model,
            artifact,
            data,
            runtime=runtime,
            tolerance=tolerance,
            max_loss=max_loss,
            oracle=oracle,
            device=device,
            architecture=architecture,
            on_progress=show,
        )
    if as_json:
        print_json({"model": model, "artifact": artifact, **result.to_dict()})
    else:
        print_verification(result)
    for text in result.notes:
        note(f"note: {text}")
    if not result.passed:
        raise CheckFailed(_failure(result), hint=_hint(result))


def _failure(result: VerifyResult) -> str:
    verdict = result.verdict
    rule, found = f"must be at most {_percent(verdict.limit)}", _percent(verdict.found)
    match verdict.criterion:
        case "metric":
            metric = next(each.metric for each in result.outputs if each.name == verdict.output)
            assert metric is not None
            what = f"{metric.name} of '{verdict.output}'"
            change = f"{_score(metric, metric.keras)} became {_score(metric, metric.artifact)}"
            if metric.name in ("accuracy", "auc"):
                limit, lost = 100 * verdict.limit, 100 * verdict.found
                return f"{what}: must lose at most {limit:.3g} points. Found: {lost:.3g}, {change}."
            return f"{what}: must grow by at most {_percent(verdict.limit)}. Found: {found}, {change}."
        case "spread":
            beside = ", even where the metric is as good" if verdict.limit > result.tolerance else ""
            return f"error of '{verdict.output}': {rule} of the outputs' spread{beside}. Found: {found}."
        case "column":
            column = next(each.worst_column for each in result.outputs if each.name == verdict.output)
            return f"error of '{verdict.output}', column {column}: {rule} of that column's spread. Found: {found}."
        case "agreement":
            return f"choices of '{verdict.output}' that are not the model's: {rule}. Found: {found}."
        case "relative":
            return f"relative error of '{verdict.output}': {rule}. Found: {found}."
        case _ as unreachable:
            assert_never(unreachable)


def _hint(result: VerifyResult) -> str:
    lost = [saturation.name for saturation in result.saturation if saturation.fraction > 0.01]
    if lost:
        return f"'{lost[0]}' leaves its calibrated range: calibrate with samples like these."
    if result.scheme in ("int8", "int16x8"):
        return "calibrate with more samples like these, or choose another --quantize."
    return "check that the artifact was made from this model."


_ORACLES = {
    "keras": "Keras",
    "tf_keras": "Keras 2 (tf_keras)",
    "reference": "edgernn's float reference, not Keras",
}


def print_verification(result: VerifyResult) -> None:
    """The errors of each output, the task's metric, and what passed."""
    against = _ORACLES[result.oracle]
    say_wrapped(f"{result.scheme} on {result.runtime_package}, {result.samples} samples, against {against}")
    rows: list[tuple[object, ...]] = [
        (
            errors.name,
            "" if errors.spread_error is None else _percent(errors.spread_error),
            "" if errors.column_error is None else f"{_percent(errors.column_error)} (column {errors.worst_column})",
            "" if errors.agreement is None else f"{100 * errors.agreement:.4g} %",
            errors.max_error,
            errors.mean_error,
        )
        for errors in result.outputs
    ]
    columns = ("Output", "Error / spread", "Worst column", "Same choice", "Max error", "Mean error")
    print_table("", columns, rows, drop=("Mean error", "Max error", "Worst column"))
    for errors in result.outputs:
        if (metric := errors.metric) is not None:
            of = f" of '{errors.name}'" if len(result.outputs) > 1 else ""
            say_wrapped(
                f"{metric.name}{of}: {_score(metric, metric.artifact)}, of Keras {_score(metric, metric.keras)}"
            )
    for saturation in result.saturation:
        share = f"saturation: {100 * saturation.fraction:.2g} %"
        if saturation.of_state:
            say_wrapped(f"{share} of the steps leave the state '{saturation.name}' at an end of its range")
        elif saturation.fraction:
            say_wrapped(f"{share} of '{saturation.name}' is beyond {saturation.low:.4g} ... {saturation.high:.4g}")
    if result.passed:
        say_wrapped(f"passed{_UNPROVED if result.oracle == 'reference' else ''}: {_reason(result)}")


_UNPROVED = ", as far as edgernn reads the model rightly"


def _reason(result: VerifyResult) -> str:
    verdict = result.verdict
    found, limit = _percent(verdict.found), _percent(verdict.limit)
    if verdict.criterion != "metric":
        of = "of the outputs' spread " if verdict.criterion == "spread" else "relative error "
        return f"{found} {of}is within {limit}"
    metric = next(each.metric for each in result.outputs if each.name == verdict.output)
    assert metric is not None
    if metric.name in ("accuracy", "auc"):
        return f"{metric.name} loses {100 * verdict.found:.3g} points, within {100 * verdict.limit:.3g}"
    return f"{metric.name} grows by {found}, within {limit}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _score(metric: Metric, value: float) -> str:
    return f"{100 * value:.4g} %" if metric.name == "accuracy" else f"{value:.4g}"
