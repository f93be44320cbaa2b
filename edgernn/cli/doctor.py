"""``edgernn doctor``."""

from __future__ import annotations

import click

from edgernn.cli.output import json_option, print_json, print_table, say
from edgernn.diagnosis import Diagnosis, doctor
from edgernn.errors import EnvironmentProblem


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Say what is installed, in which version, and what is missing for what.

    Exit status 0 if the base install is whole; extras may be missing.
    """
    diagnosis = doctor()
    if as_json:
        print_json(_document(diagnosis))
    else:
        print_diagnosis(diagnosis)
    if not diagnosis.base_works:
        raise EnvironmentProblem(
            "base install: must be whole. Found: a package that is missing or too old.",
            hint="pip install --upgrade --force-reinstall edgernn",
        )


def _document(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "schema": "edgernn.doctor",
        "version": 1,
        "edgernn": diagnosis.edgernn,
        "python": diagnosis.python,
        "executable": diagnosis.executable,
        "platform": diagnosis.platform,
        "ok": diagnosis.base_works,
        "runtime": {"package": diagnosis.runtime, "version": diagnosis.runtime_version} if diagnosis.runtime else None,
        "packages": [
            {
                "package": finding.requirement.package,
                "extra": finding.requirement.extra or None,
                "minimum": finding.requirement.minimum or None,
                "installed": finding.version or None,
                "state": finding.state,
                "needed_for": finding.requirement.needed_for,
                "install": finding.install or None,
            }
            for finding in diagnosis.findings
        ],
    }


def print_diagnosis(diagnosis: Diagnosis) -> None:
    """What is there, as a table, and the commands that bring what is not."""
    say(f"edgernn {diagnosis.edgernn}, Python {diagnosis.python} ({diagnosis.executable})")
    say(diagnosis.platform)
    if diagnosis.runtime:
        say(f".tflite files run on {diagnosis.runtime} {diagnosis.runtime_version}")
    else:
        say(".tflite files cannot run here: no runtime is installed")
    rows = [
        (
            finding.requirement.package,
            finding.requirement.extra or "base",
            finding.version or "-",
            finding.state,
            finding.requirement.needed_for,
        )
        for finding in diagnosis.findings
    ]
    say()
    print_table(
        "",
        ("Package", "Extra", "Version", "State", "Needed for"),
        rows,
        drop=("Extra", "Version"),
        prose=("Needed for",),
    )
    commands = dict.fromkeys(finding.install for finding in diagnosis.findings if finding.install)
    if commands:
        say()
        say("To install what is missing:")
        for line in commands:
            say(f"  {line}")
