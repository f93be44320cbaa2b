"""A profile as JSON and as CSV; the schema is `edgernn.profile`, version 1."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from edgernn.inspection import Layer
from edgernn.profiling.fit import fits_document
from edgernn.profiling.profiler import Profile

SCHEMA, VERSION = "edgernn.profile", 1
_NOT_IN_CSV = ("boards", "layers", "operator_times", "kernels", "notes", "metadata")  # tables of their own


def profile_document(found: Profile) -> dict[str, Any]:
    """What `--json` prints; keys are always there, and null where nothing was measured."""
    contents, micro, cold = found.contents, found.micro, found.cold
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "artifact": None if found.file is None else str(found.file),
        "sha256": found.sha256,
        "kind": contents.kind,
        "time": found.time,
        "edgernn": _version(),
        "runtime": found.runtime,
        "runtime_package": found.runtime_package,
        "device": dict(found.device),
        "threads": found.threads,
        "scheme": contents.scheme,
        "parameters": contents.parameters,
        "macs": contents.macs,
        "macs_per_step": contents.macs_per_step,
        "counted": contents.counted,
        "model_bytes": contents.size,
        "bytes": dict(found.categories),
        "weight_bytes": dict(found.weight_bytes),
        "activation_bytes": found.activation_bytes,
        "arena_bytes": micro.smallest if micro else None,
        "arena": asdict(micro.arena) if micro and micro.arena else None,
        "micro": None
        if micro is None
        else {
            "loads": micro.loads,
            "runs": micro.runs,
            "reason": micro.reason,
            "resolver": list(micro.resolver.lines),
            "unsupported": list(micro.resolver.unsupported),
        },
        "latency_us": asdict(found.latency) | {"noisy": found.latency.noisy} if found.latency else None,
        "cold_start_us": cold.cold_start_us if cold else None,
        "cold_start": None
        if cold is None
        else {"load_us": cold.load_us, "allocate_us": cold.allocate_us, "first_invoke_us": cold.first_invoke_us},
        "rss_bytes": cold.rss_bytes if cold else None,
        "period_ms": found.period_ms,
        "real_time_factor": found.real_time_factor,
        "layers": [_layer(layer) for layer in contents.layers] or [asdict(layer) for layer in found.file_layers],
        "operators": dict(contents.operators),
        "kernels": contents.kernels_document(),
        "operator_times": asdict(found.operator_times) if found.operator_times else None,
        **fits_document(found.fits),
        "metadata": dict(contents.metadata),
        "complete": found.complete,
        "notes": list(found.notes),
    }


def _version() -> str:
    from edgernn import __version__

    return str(__version__)


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "class": layer.class_name,
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameters,
        "macs": layer.macs,
        "macs_per_step": layer.macs_per_step,
    }


def csv_text(document: Mapping[str, Any]) -> str:
    """A line of names and one of numbers; what is nested has a dot in its name: ``latency_us.p50``."""
    pairs = list(_flat({key: value for key, value in document.items() if key not in _NOT_IN_CSV}, ""))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(name for name, _ in pairs)
    writer.writerow("" if value is None else value for _, value in pairs)
    return text.getvalue()


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat({k: v for k, v in value.items() if not isinstance(v, list)}, f"{prefix}{key}.")
        else:
            yield prefix + key, value
