"""A profile that is measured on a device: the road of a deployment, with as many runs as a profile takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgernn.converters.tflite.file import TfliteFile
from edgernn.deployment import job as jobs
from edgernn.deployment.deploy import Deployment, deploy_to
from edgernn.deployment.record import more
from edgernn.devices.links.connect import Connection, connect
from edgernn.errors import InputError
from edgernn.profiling.c_project import CProfile, c_document
from edgernn.profiling.document import profile_document
from edgernn.profiling.latency import Plan
from edgernn.profiling.profiler import profile
from edgernn.running import Artifact, read_artifact

MOST_RUNS = 1_000_000


def profile_on(
    artifact: Path,
    device: str,
    plan: Plan,
    *,
    connection: Connection | None = None,
    period_ms: float | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> tuple[Deployment, dict[str, Any]]:
    """Measure an artifact on a device.

    Args:
        artifact: a .tflite or a folder of C.
        device: as `edgernn.deployment.deploy.deploy` takes it.
        plan: how often and how long at least; where the runs were too short, it is run again with more.
        connection: how to reach it.
        period_ms: time between two invocations, for the real-time factor.
        on_stage: is told what is being done.

    Returns:
        The deployment, and the profile's document, schema ``edgernn.profile``, in which what the device cannot tell is
        null, and which has the ``verdict`` besides.

    Raises:
        InputError: bad artifact, device or plan.
        EnvironmentProblem: the device or its link fails.
    """
    plan.check()
    if period_ms is not None and not 0 < period_ms < math.inf:
        raise InputError(f"period: must be a positive number of milliseconds. Found: {period_ms}.")
    read = read_artifact(artifact)
    seconds = 120 + 3 * plan.min_seconds
    wanted = jobs.Plan(plan.runs, plan.warmup, seconds)
    on_stage("running it here")
    job = jobs.prepare(artifact, None, wanted)
    found = deploy_to(connect(device, connection or Connection()), job, on_stage)
    latency = found.latencies.get("all")
    if latency is not None and latency.mean * latency.runs < 1e6 * plan.min_seconds:
        runs = min(MOST_RUNS, math.ceil(1.05e6 * plan.min_seconds / max(latency.mean, 1e-3)))
        warmup = max(plan.warmup, runs // 5)
        job = replace(job, plan=jobs.Plan(max(plan.runs, runs), warmup, seconds))
        found = deploy_to(connect(device, connection or Connection()), job, on_stage)
    return found, _document(read, artifact, found, period_ms)


def _document(read: Artifact, artifact: Path, found: Deployment, period_ms: float | None) -> dict[str, Any]:
    """The document of the file alone, and what the device has told."""
    if isinstance(read.content, TfliteFile):
        document = profile_document(profile(artifact, static=True))
        document["artifact"] = str(artifact)
    else:
        document = c_document(CProfile(read.content, time=""))
    facts, measures, latency = found.facts, dict(found.measures), found.latencies.get("all")
    return {
        **document,
        "time": jobs.now(),
        "runtime": "litert" if isinstance(read.content, TfliteFile) else "c",
        "runtime_package": found.runtime,
        "device": {
            "name": found.device,
            "kind": facts.kind,
            "architecture": facts.architecture,
            "system": facts.system,
            "processor": facts.processor,
            **facts.more,
        },
        "latency_us": asdict(latency) | {"noisy": latency.noisy} if latency else None,
        "clusters": {name: asdict(each) for name, each in found.latencies.items() if name != "all"},
        "cold_start_us": measures.pop("cold_start_us", None),
        "rss_bytes": measures.pop("rss_bytes", None),
        "period_ms": period_ms,
        "real_time_factor": latency.p50 / 1000 / period_ms if latency and period_ms else None,
        "verdict": found.verdict.word,
        **measures,
        "complete": True,
        "notes": ["the machine's speed changed while it was measured."] if latency and latency.noisy else [],
    }


def profile_rows(found: Deployment, document: dict[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    rows = [
        ("artifact", f"{document['artifact']}, {document['scheme']}, {document['model_bytes']:,} bytes"),
        ("device", f"{found.device}: {found.facts.processor}, {found.facts.system}"),
        ("answers", found.verdict.word),
        ("runtime", found.runtime),
    ]
    for name, latency in found.latencies.items():
        where = "latency" if name == "all" else f"  on cores of {name}"
        rows.append((where, f"{latency.p50:,.1f} us median of {latency.runs:,} runs"))
        rows.append(("  min, mean, std", f"{latency.min:,.1f}, {latency.mean:,.1f}, {latency.std:,.1f} us"))
        rows.append(("  p90, p95, p99", f"{latency.p90:,.1f}, {latency.p95:,.1f}, {latency.p99:,.1f} us"))
    if not found.latencies:
        rows.append(("latency", "this device tells none"))
    if document["cold_start_us"] is not None:
        rows.append(("cold start", f"{document['cold_start_us'] / 1000:,.2f} ms"))
    if document["real_time_factor"] is not None:
        rows.append(("real-time factor", f"{document['real_time_factor']:.4g} of {document['period_ms']:g} ms"))
    if words := more(found.measures):
        rows.append(("besides", words))
    return rows
