"""An explanation's tensors in words and figures, written once for the terminal, JSON and HTML."""

from __future__ import annotations

import math
from typing import Any

from edgernn.explanation import Explanation
from edgernn.quantization.explained import Tensor

SCHEMA = "edgernn.explain"
VERSION = 1
HEADINGS = ("Tensor", "Type", "From", "To", "Scale", "Beyond", "Error")


def number(value: float) -> str:
    """Three significant digits: ``-0.00123``; empty for what is not known."""
    return f"{value:.3g}" if math.isfinite(value) else ""


def share(value: float | None) -> str:
    """A fraction in per cent: ``0.12 %``; empty for what is not known."""
    return "" if value is None else f"{100 * value:.2g} %" if value < 1 else f"{100 * value:.0f} %"


def called(tensor: Tensor) -> str:
    """The name, and how many others have its scale: ``gru/h (+2)``."""
    others = len(tensor.made) - 1
    return f"{tensor.name} (+{others})" if others > 0 else tensor.name


def cells(tensor: Tensor) -> tuple[str, ...]:
    """A row under `HEADINGS`."""
    held = number(tensor.least), number(tensor.most)
    return (called(tensor), tensor.dtype, *held, number(tensor.scale), share(tensor.beyond), share(tensor.error))


def lead(explanation: Explanation) -> str:
    """What is found, in a sentence without its end."""
    worst = explanation.tensors[0] if explanation.tensors else None
    if worst is None:
        return "Nothing is an integer"
    if worst.error is None:
        return f"{len(explanation.tensors)} tensors; what each costs was not measured"
    return f"'{worst.name}' costs most, {share(worst.error)} of the outputs' spread"


def whole(explanation: Explanation) -> str:
    """The error of all tensors together, in a sentence; empty where it was not measured."""
    measured = explanation.measured
    if measured is None:
        return ""
    kept = "kept aside" if measured.aside else "of the calibration"
    return (
        f"All {len(explanation.tensors)} tensors together err by {share(measured.error)} of the outputs' spread, on "
        f"{measured.samples} samples {kept}, by {measured.by}."
    )


def advice(tensor: Tensor) -> str:
    """The advice for a tensor, with its name: ``'gru/h' of layer 'gru', 0.9 %: ...``."""
    where = f" of layer '{tensor.layer}'" if tensor.layer else ""
    return f"'{tensor.name}'{where}, {share(tensor.error)}: {tensor.advice}"


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """The explanation as JSON's own types, under the schema `edgernn.explain`."""
    settings, measured = explanation.settings, explanation.measured
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "scheme": settings.scheme,
        "target": settings.target,
        "io": settings.io,
        "clip": settings.clip,
        "error": measured.error if measured is not None else None,
        "samples": measured.samples if measured is not None else 0,
        "kept_aside": measured is not None and measured.aside,
        "remarks": list(explanation.remarks),
        "tensors": [_tensor(tensor) for tensor in explanation.tensors],
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    """One tensor; what is not known becomes None."""
    known = math.isfinite(tensor.low)
    bars = tensor.histogram
    return {
        "tensor": tensor.name,
        "layer": tensor.layer,
        "kind": tensor.kind,
        "type": tensor.dtype,
        "seen": [tensor.low, tensor.high] if known else None,
        "holds": [tensor.least, tensor.most],
        "scale": tensor.scale,
        "finest_scale": tensor.finest,
        "zero_point": tensor.zero_point,
        "beyond": tensor.beyond,
        "error": tensor.error,
        "saturation": tensor.saturation,
        "advice": tensor.advice,
        "made": list(tensor.made),
        "histogram": {"low": bars.low, "high": bars.high, "counts": [round(count, 3) for count in bars.counts]}
        if bars is not None
        else None,
    }
