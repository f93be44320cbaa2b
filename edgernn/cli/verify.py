"""``edgernn verify``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.output import json_option, note, print_json, print_table, progress, say
from edgernn.errors import CheckFailed

if TYPE_CHECKING:
    from edgernn.verification import VerifyResult


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Samples (.npz or .npy), [samples, steps, features]; targets under 'y'.",
)
@click.option(
    "--runtime", metavar="litert|micro|c", help="What runs the artifact.  [default: litert; c for a folder of C]"
)
@click.option("--device", help="Run a folder of C on an emulated machine: qemu:cortex-m4, say.")
@click.option("--tolerance", type=float, help="Largest relative error that passes.  [default: by the scheme]")
@click.option(
    "--oracle",
    metavar="keras|reference",
    help="What to compare with: Keras itself, or edgernn's float arithmetic.  [default: Keras if it is installed]",
)
@click.option(
    "--architecture",
    type=click.Path(path_type=Path),
    help="Of a MODEL that holds only weights, the JSON of Keras's model.to_json().",
)
@json_option
def command(
    model: Path,
    artifact: Path,
    data: Path,
    runtime: str | None,
    device: str | None,
    tolerance: float | None,
    oracle: str | None,
    architecture: Path | None,
    as_json: bool,
) -> None:
    """Run ARTIFACT on samples and compare its outputs with those of MODEL, a .keras or .h5 file.

    The relative error is the mean over samples of (largest absolute error / largest absolute Keras output). Exit status
    1 if it is beyond the tolerance: 1e-4 for float32, 5e-3 for float16, 3e-2 for dynamic and int16x8, 5e-2 for int8.
    """
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # before TensorFlow starts: a GPU's sums differ
    from edgernn.verification import verify

    with progress("starting", quiet=as_json) as bar:

        def show(stage: str, done: int, of: int) -> None:
            bar.describe(stage)
            bar.update(done, of or None)

        result = verify(
            model,
            artifact,
            data,
            runtime=runtime,
            tolerance=tolerance,
            oracle=oracle,
            device=device,
            architecture=architecture,
            on_progress=show,
        )
    if as_json:
        print_json(_document(model, artifact, result))
    else:
        _print(result)
    for text in result.notes:
        note(f"note: {text}")
    if not result.passed:
        raise CheckFailed(
            f"relative error: must be at most {result.tolerance:.3g}. Found: {result.relative_error:.3g}.",
            hint=_hint(result),
        )


def _hint(result: VerifyResult) -> str:
    lost = [saturation.name for saturation in result.saturation if saturation.fraction > 0.01]
    if lost:
        return f"'{lost[0]}' leaves its calibrated range: calibrate with samples like these."
    if result.scheme in ("int8", "int16x8"):
        return "calibrate with more samples like these, or choose another --quantize."
    return "check that the artifact was made from this model."


def _document(model: Path, artifact: Path, result: VerifyResult) -> dict[str, object]:
    metric = result.metric
    return {
        "schema": "edgernn.verify",
        "version": 1,
        "model": model,
        "artifact": artifact,
        "runtime": result.runtime,
        "runtime_package": result.runtime_package,
        "oracle": result.oracle,
        "scheme": result.scheme,
        "samples": result.samples,
        "max_error": result.max_error,
        "mean_error": result.mean_error,
        "relative_error": result.relative_error,
        "tolerance": result.tolerance,
        "metric": None if metric is None else vars(metric),
        "passed": result.passed,
        "outputs": [vars(errors) for errors in result.outputs],
        "saturation": [vars(saturation) for saturation in result.saturation],
        "notes": result.notes,
    }


def _print(result: VerifyResult) -> None:
    against = "Keras" if result.oracle == "keras" else "edgernn's float reference"
    say(f"{result.scheme} on {result.runtime_package}, {result.samples} samples, against {against}")
    rows: list[tuple[object, ...]] = [
        (errors.name, errors.max_error, errors.mean_error, f"{100 * errors.relative_error:.3g} %")
        for errors in result.outputs
    ]
    print_table("", ("Output", "Max error", "Mean error", "Relative error"), rows)
    if result.metric is not None:
        metric = result.metric
        say(f"{metric.name}: {metric.artifact:.4g}, of Keras {metric.keras:.4g}")
    for saturation in result.saturation:
        if saturation.fraction:
            say(
                f"saturation: {100 * saturation.fraction:.2g} % of '{saturation.name}' is beyond "
                f"{saturation.low:.4g} ... {saturation.high:.4g}"
            )
    if result.passed:
        say(f"passed: {100 * result.relative_error:.3g} % is within {100 * result.tolerance:.3g} %")
