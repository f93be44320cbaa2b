"""The verb `explain`: what every tensor of a quantized model costs, without writing the model."""

from __future__ import annotations

import os
from typing import Any

from edgernn.conversion import convert
from edgernn.converted import check_overwrites
from edgernn.errors import InputError
from edgernn.explanation import Explanation
from edgernn.files import atomic_write, check_writable, make_parents
from edgernn.samples import Source


def explain(
    model: Any,
    calibration: Source | None = None,
    *,
    quantize: str = "int8",
    report: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Explanation:
    """Tell of every tensor its range, its scale, and what it costs the answer; the worst come with advice.

    Args:
        model: a `.keras` or `.h5` file, or a Keras model.
        calibration: samples, as `edgernn.convert` takes them; `dynamic` does without, but then nothing is measured.
        quantize: the scheme: int8, int16x8, or dynamic, of which only weights are integers; or auto.
        report: an HTML page to write, with histograms.
        options: others of `edgernn.convert`: target, format, io, clip, max_error, strict and the like.

    Raises:
        InputError: as `edgernn.convert`, or the scheme has no integers.
        EnvironmentProblem: likewise; or a package for the report is missing.
    """
    if report is not None:
        check_report(report, options.get("output"), model, calibration, options.get("data"))
    made = convert(model, quantize=quantize, calibration=calibration, explain=True, **options)
    found = made.explanation
    if found is None:  # others are refused before
        raise InputError(
            f"explain: is of schemes with integers. Found: '{made.scheme}', which '{quantize}' keeps.",
            hint="choose --quantize int8, or allow it more loss.",
        )
    if report is not None:
        write_report(found, report, model_name(model))
    return found


def check_report(
    report: str | os.PathLike[str],
    output: str | os.PathLike[str] | None,
    model: Any,
    calibration: Source | None,
    data: Source | None = None,
) -> None:
    """Refuse early a report that could not be written, or would lie where something else does.

    Raises:
        InputError: it cannot be written there, or is one of the other files.
        EnvironmentProblem: a package for it is missing.
    """
    from edgernn.report.page import check_packages

    check_packages()
    check_writable(report, parents=True)
    check_overwrites(report, model, calibration, data, "report")
    if output is not None and os.path.realpath(report) == os.path.realpath(output):
        raise InputError(
            f"report '{report!s}': must be another file than the artifact. Found: the same.",
            hint="choose another path with --report.",
        )


def model_name(model: Any) -> str:
    """What a model is called in a report."""
    if isinstance(model, (str, os.PathLike)):
        return os.path.basename(model)
    return str(getattr(model, "name", "model"))


def write_report(found: Explanation, path: str | os.PathLike[str], name: str) -> None:
    """Write the HTML page; whole or not at all.

    Args:
        found: to show.
        path: of the page.
        name: of the model.

    Raises:
        InputError: it cannot be written there.
        EnvironmentProblem: a package for it is missing, or the disk is full.
    """
    from edgernn.report.explanation import page

    make_parents(path)
    atomic_write(path, page(found, name).encode())
