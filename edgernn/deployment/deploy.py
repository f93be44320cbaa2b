"""Take an artifact to devices, run it there, and say whether they answer as this machine does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from edgernn.deployment.job import Job, Plan, prepare
from edgernn.deployment.verdict import Verdict, judge
from edgernn.devices.links.connect import Connection, connect
from edgernn.devices.links.device import Device, Facts
from edgernn.devices.linux.board import LinuxDevice
from edgernn.devices.linux.feed import feed_of
from edgernn.devices.linux.service import Installed, Service
from edgernn.errors import EdgernnError, InputError
from edgernn.profiling.latency import Latency, summarize
from edgernn.samples import Source

OnProgress = Callable[[str, str], None]  # device, stage


@dataclass(frozen=True)
class Deployment:
    """What came of one device.

    Attributes:
        device: as the user named it.
        facts: what it is.
        runtime: that ran the artifact there.
        copied_bytes: that had to be copied; 0 where everything was there already.
        latencies: of one invocation, by cluster of cores; empty where time means nothing.
        measures: anything else that it measured, by name.
        verdict: whether it answers as this machine does.
        service: that was installed; None where none was wanted, or the answers are different.
    """

    device: str
    facts: Facts
    runtime: str
    copied_bytes: int
    latencies: dict[str, Latency]
    measures: dict[str, Any]
    verdict: Verdict
    service: Installed | None = None


@dataclass(frozen=True)
class Failure:
    """A device that could not be deployed to, and why."""

    device: str
    error: EdgernnError


def deploy(
    artifact: Any,
    devices: Sequence[str],
    data: Source | None = None,
    *,
    runtime: str | None = None,
    plan: Plan | None = None,
    connection: Connection | None = None,
    service: Service | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Job, list[Deployment | Failure]]:
    """Deploy to all devices at once.

    Args:
        artifact: a .tflite or a folder of C.
        devices: ``user@host``, ``android[:SERIAL]``, ``qemu:MACHINE``, ``serial:PORT``.
        data: samples, as `verify` takes them; without, some noise.
        runtime: that the artifact is compared with here; by default its usual one.
        plan: how often to run.
        connection: how to reach them.
        service: to make of the artifact, where it answers as it does here.
        on_progress: is told the device and what is being done; from several threads.

    Returns:
        The job, and one entry per device, in their order.

    Raises:
        InputError: bad artifact, samples or names of devices.
        EnvironmentProblem: the runtime is not installed here.
    """
    report = on_progress or (lambda device, stage: None)
    links = [connect(name, connection or Connection()) for name in devices]
    if service is not None:
        service.check()
        for link in links:
            board_with_services(link)
    report("", "running it here")
    job = prepare(artifact, data, plan or Plan(), runtime=runtime)
    if service is not None:
        feed_of(job.artifact)  # refuses what cannot be one, before anything is copied

    def one(name: str, link: Device) -> Deployment | Failure:
        try:
            return deploy_to(link, job, lambda stage: report(name, stage), service)
        except EdgernnError as error:
            return Failure(name, error)

    pool = ThreadPoolExecutor(len(links))
    try:
        return job, list(pool.map(one, devices, links))
    except BaseException:  # Ctrl-C: hang up, so that nothing runs on there
        for link in links:
            link.close()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def deploy_to(device: Device, job: Job, on_stage: Callable[[str], None], service: Service | None = None) -> Deployment:
    """Deploy to one device, and hang up.

    Raises:
        InputError: the artifact is not for this device.
        EnvironmentProblem: the device or its link fails.
    """
    try:
        on_stage("asking what it is")
        facts = device.describe()
        on_stage("copying")
        copied = device.put(job)
        on_stage("running")
        device.run(job)
        on_stage("reading")
        outcome = device.read(job)
        verdict = judge(job, job.answers(outcome.outputs), outcome.runtime)
        installed = None
        if service is not None and verdict.word != "different":
            on_stage("installing the service")
            installed = board_with_services(device).install(job, service)
    finally:
        device.close()
    latencies = {
        name: replace(summarize(seconds), warmup=job.plan.warmup) for name, seconds in outcome.latencies.items()
    }
    measures = dict(outcome.measures)
    return Deployment(device.name, facts, outcome.runtime, copied, latencies, measures, verdict, installed)


def remove_service(name: str, devices: Sequence[str], connection: Connection | None = None) -> dict[str, bool]:
    """Remove a service from boards, and all that is ours with the last one; by device, whether it was there.

    Raises:
        InputError: bad names.
        EnvironmentProblem: a device or its link fails.
    """
    Service(name).check()
    found = {}
    for device in devices:
        link = board_with_services(connect(device, connection or Connection()))
        try:
            found[device] = link.remove(name)
        finally:
            link.close()
    return found


def board_with_services(device: Device) -> LinuxDevice:
    """The device, if it can run services.

    Raises:
        InputError: it cannot.
    """
    if isinstance(device, LinuxDevice) and device.kind == "linux":
        return device
    raise InputError(
        f"device '{device.name}': must be a Linux board, user@host, for a service. Found: another kind.",
        hint="leave --service and --remove out.",
    )
