"""``edgernn deploy``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgernn.cli.connection import connection_options
from edgernn.cli.output import json_option, note, print_json, print_table, say
from edgernn.cli.progress import progress
from edgernn.cli.values import PLACE, WHOLE
from edgernn.errors import CheckFailed, EdgernnError, EnvironmentProblem, InputError

if TYPE_CHECKING:
    from edgernn.deployment.deploy import Deployment, Failure
    from edgernn.devices.links.connect import Connection


@click.command()
@click.argument("artifact", type=PLACE)
@click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="DEVICE",
    help="user@host, android[:SERIAL], qemu:cortex-m4 or serial:PORT; again for another.",
)
@click.option(
    "--data", type=PLACE, help="Samples: .npz, .npy, .csv, .wav, or a folder of recordings.  [default: some noise]"
)
@click.option("--runtime", metavar="litert|c", help="litert for a .tflite, c for C.  [default: what ARTIFACT is]")
@click.option("--runs", type=WHOLE, default=100, show_default=True, help="Timed invocations.")
@click.option("--warmup", type=WHOLE, default=10, show_default=True, help="Invocations before these.")
@click.option("--seconds", default=120.0, show_default=True, help="Time that a run may take on a device.")
@connection_options
@click.option(
    "--service",
    is_flag=False,
    flag_value="socket",
    metavar="[SOURCE]",
    help="Install a service that answers frames from socket, stdin or serial:/dev/NAME.  [alone: socket]",
)
@click.option("--name", help="Of the service.  [default: ARTIFACT's]")
@click.option("--remove", is_flag=True, help="Only remove that service; with the last one, all that is on the board.")
@click.option("--serial-firmware", type=PLACE, help="Only write a serial board's firmware here.")
@click.option("--android-project", type=PLACE, help="Only write an Android app around it here.")
@click.option("--force", is_flag=True, help="Write these two among other files; none is deleted or overwritten.")
@click.option("--package", default="com.example.model", show_default=True, help="Of that app.")
@click.option("--quantize", metavar="SCHEME", help="Of a Keras model, which is converted first.  [default: float32]")
@click.option("--calibration", type=PLACE, help="Samples to quantize a Keras model with.")
@json_option
def command(
    artifact: Path,
    devices: tuple[str, ...],
    data: Path | None,
    runtime: str | None,
    runs: int,
    warmup: int,
    seconds: float,
    connection: Connection,
    service: str | None,
    name: str | None,
    remove: bool,
    serial_firmware: Path | None,
    android_project: Path | None,
    force: bool,
    package: str,
    quantize: str | None,
    calibration: Path | None,
    as_json: bool,
) -> None:
    """Take ARTIFACT to a device, run it there, and prove that it answers there as it does here.

    ARTIFACT is a .tflite, a folder of C, or a Keras model, which is converted first. Exit status 1 if a device answers
    differently: integers must be the same bits, float numbers within what their scheme costs at most.
    """
    from edgernn.deployment.deploy import deploy
    from edgernn.deployment.job import Plan
    from edgernn.deployment.record import record
    from edgernn.deployment.source import as_artifact
    from edgernn.devices.links.connect import KINDS
    from edgernn.devices.linux.service import Service

    if serial_firmware is not None:
        _write_firmware(artifact, serial_firmware, force)
        return
    if android_project is not None:
        with as_artifact(artifact, devices, runtime, quantize, calibration, lambda stage: None) as (path, _):
            _write_app(path, android_project, data, package, force)
        return
    if not devices:
        raise InputError(f"device: must be named: {KINDS}. Found: none.", hint="--device pi@raspberrypi.local, say.")
    name = name or re.sub(r"[^A-Za-z0-9_-]+", "-", artifact.stem).strip("-_") or "model"
    if remove:
        _remove(name, devices, connection, as_json=as_json)
        return
    wanted_service = None if service is None else Service(name, service, connection.baud)
    stages: dict[str, str] = {}
    with (
        progress("starting", quiet=as_json) as bar,
        as_artifact(
            artifact,
            devices,
            runtime,
            quantize,
            calibration,
            bar.describe,
            benchmark=connection.benchmark is not None,
        ) as (path, wanted),
    ):

        def show(device: str, stage: str) -> None:
            stages[device] = f"{device}: {stage}" if device else stage
            bar.describe("; ".join(stages.values()))

        plan = Plan(runs, warmup, seconds)
        job, found = deploy(
            path,
            devices,
            data,
            runtime=wanted,
            plan=plan,
            connection=connection,
            service=wanted_service,
            on_progress=show,
        )
    if as_json:
        records = [record(artifact, job, each) for each in found]
        print_json(
            records[0] if len(records) == 1 else {"schema": "edgernn.deployments", "version": 1, "devices": records}
        )
    else:
        print_deployments(found)
    _conclude(found, as_json=as_json)


def print_deployments(found: Sequence[Deployment | Failure]) -> None:
    """A row for each device, and for each cluster of its cores."""
    from edgernn.deployment.record import COLUMNS, rows

    drop = ("Copied", "Runtime", "Cold start", "Processor", "p90", "p99", "More")
    print_table("", COLUMNS, [row for each in found for row in rows(each)], drop=drop, prose=("More",))


def _write_firmware(artifact: Path, folder: Path, force: bool) -> None:
    from edgernn.deployment.firmware import write_firmware

    _tell(*write_firmware(artifact, folder, force=force))
    note("give the board edgernn_serial_read and edgernn_serial_write, and call edgernn_serial_poll in its loop.")


def _tell(paths: Sequence[Path], notes: Sequence[str]) -> None:
    """Say what was written, and what else happened."""
    for path in paths:
        say(str(path))
    for text in notes:
        note(f"note: {text}")


def _write_app(artifact: Path, folder: Path, data: Path | None, package: str, force: bool) -> None:
    from edgernn.deployment.android import write_android_project

    _tell(*write_android_project(artifact, folder, data, package, force=force))
    note(f"open {folder} with Android Studio; its README.md says what was not verified.")


def _remove(name: str, devices: tuple[str, ...], connection: Connection, *, as_json: bool) -> None:
    """Remove a service, and say whether it was there."""
    from edgernn.deployment.deploy import remove_service

    removed = remove_service(name, devices, connection)
    if as_json:
        print_json({"schema": "edgernn.removal", "version": 1, "service": name, "devices": removed})
        return
    for device, was_there in removed.items():
        say(f"{device}: service '{name}' {'removed' if was_there else 'was not there'}")


def _conclude(found: list[Deployment | Failure], *, as_json: bool) -> None:
    """Say what differs or failed, and end with the status that says so."""
    from edgernn.deployment.deploy import Failure

    failures = [each for each in found if isinstance(each, Failure)]
    done = [each for each in found if not isinstance(each, Failure)]
    different = [each for each in done if each.verdict.word == "different"]
    if not as_json:
        for each in done:
            if each.verdict.first is not None:
                note(f"{each.device}: {each.verdict.word}; first {each.verdict.first}")
            if each.service is not None:
                note(f"{each.device}: service '{each.service.service.name}' runs; {each.service.service.reached}")
                if not each.service.stays:
                    note("  it ends when you log out there: 'sudo loginctl enable-linger' on the board keeps it.")
    if len(failures) == 1 and len(found) == 1:
        raise failures[0].error
    if failures:
        worst: type[EdgernnError] = EnvironmentProblem
        if all(isinstance(each.error, InputError) for each in failures):
            worst = InputError
        if done:
            note("the other devices were served.")
        error = worst("\n".join(str(each.error) for each in failures))
        error.broken = [pair for each in failures for pair in each.error.broken]
        raise error
    if different:
        raise CheckFailed(
            f"outputs: must be those of this machine. Found: others on {', '.join(each.device for each in different)}.",
            hint="the first difference is above, or in --json; check the runtime's version on the device.",
        )
