"""A deployment as plain data, and in words."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgernn import __version__
from edgernn.deployment.deploy import Deployment, Failure
from edgernn.deployment.job import Job, now
from edgernn.devices.host.machine import describe_machine, package_versions
from edgernn.verification import artifact_scheme

_WORDS = {"identical": "identical", "within-tolerance": "within tolerance", "different": "DIFFERENT"}


def record(source: object, job: Job, found: Deployment | Failure) -> dict[str, Any]:
    """The JSON record of one device, schema ``edgernn.deploy``."""
    document: dict[str, Any] = {
        "schema": "edgernn.deploy",
        "version": 1,
        "time": now(),
        "edgernn": __version__,
        "device": found.device,
        "artifact": str(source),
        "artifact_sha256": job.digest,
        "scheme": artifact_scheme(job.artifact),
        "samples": job.samples,
        "invocations": len(job.invocations),
        "host": {**describe_machine(), "runtime": job.session, "packages": package_versions()},
    }
    if isinstance(found, Failure):
        return {**document, "verdict": None, "error": found.error.message, "hint": found.error.hint}
    verdict = found.verdict
    return {
        **document,
        "verdict": verdict.word,
        "max_difference": verdict.max_difference,
        "tolerance": verdict.tolerance,
        "first_difference": None if verdict.first is None else asdict(verdict.first),
        "facts": asdict(found.facts),
        "runtime": found.runtime,
        "copied_bytes": found.copied_bytes,
        "latency_us": {name: asdict(latency) for name, latency in found.latencies.items()},
        "measures": found.measures,
        "service": None if found.service is None else asdict(found.service),
    }


COLUMNS = ("Device", "Processor", "Verdict", "Runtime", "Copied", "p50", "p90", "p99", "Cold start", "More")


def rows(found: Deployment | Failure) -> list[tuple[object, ...]]:
    """The rows of a table with `COLUMNS`: one for each cluster of cores."""
    if isinstance(found, Failure):
        return [(found.device, "", "failed", "", "", "", "", "", "", "")]
    first = (found.device, found.facts.processor, _WORDS[found.verdict.word], found.runtime, _bytes(found.copied_bytes))
    cold = found.measures.get("cold_start_us")
    last = ("" if cold is None else _microseconds(cold), more(found.measures))
    if not found.latencies:
        return [(*first, "", "", "", *last)]
    lines: list[tuple[object, ...]] = []
    for name, latency in found.latencies.items():
        times = tuple(map(_microseconds, (latency.p50, latency.p90, latency.p99)))
        lines.append((*first, *times, *last) if not lines else (f"  cores {name}", "", "", "", "", *times, "", ""))
    return lines


def more(measures: dict[str, Any]) -> str:
    """The other measures, for people."""
    words = []
    names = {"instructions_per_run": "instructions a run", "instructions_per_step": "a step"}
    names |= {"cycles_per_run": "cycles a run", "cycles_per_step": "a step"}
    words += [f"{measures[key]:,} {name}" for key, name in names.items() if measures.get(key) is not None]
    sizes = {"rss_bytes": "RSS", "flash_engine_bytes": "code", "flash_weights_bytes": "weights", "ram_bytes": "RAM"}
    words += [f"{name} {_bytes(measures[key])}" for key, name in sizes.items() if measures.get(key) is not None]
    if "stack_bytes" in measures:
        words.append(f"stack {_bytes(measures['stack_bytes'])}")
    if "benchmark_us" in measures:
        words.append("{mean:,.1f} us in the mean of {runs:,} runs".format(**measures["benchmark_us"]))
    if "temperature_c" in measures:
        words.append(f"{measures['temperature_c']:.0f} °C")
    if "clock_mhz" in measures:
        words.append(f"{measures['clock_mhz']:.0f} MHz")
    if "throttled" in measures:
        words.append("not throttled" if measures["throttled"] == "0x0" else f"THROTTLED {measures['throttled']}")
    return ", ".join(words)


def _bytes(count: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _microseconds(number: float) -> str:
    return f"{number / 1000:,.1f} ms" if number >= 10_000 else f"{number:,.1f} us"
