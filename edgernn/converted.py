"""What every conversion gives back, and what none accepts; a .tflite and C alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgernn.choice import Choice, choice_document
from edgernn.errors import InputError
from edgernn.explanation import Explanation
from edgernn.measuring import Measured
from edgernn.quantization.precision import Precision
from edgernn.ranges import ClipMethod
from edgernn.result import Bar, Result
from edgernn.samples import Source

# A mean squared error is that of all units together: the few large ones, which a layer may live by, would be clipped.
DEFAULT_CLIP: ClipMethod = "minmax"

OnProgress = Callable[[str], None]


@dataclass(frozen=True, repr=False)
class ConvertResult(Result):
    """What came out of a conversion.

    Attributes:
        artifact: the file, or the folder of C, that was written, or None.
        content: the artifact's bytes; of C, none.
        files: of a folder of C, the texts by path in it; empty for a .tflite.
        size: of the file in bytes; of C, of its constants, which take flash besides the code.
        parameters: of the Keras model.
        macs: multiply-accumulates of the Keras model per inference.
        macs_per_step: of that, per time step.
        scheme: of quantization.
        target: the kind of device.
        form: how loops are written.
        io: type of the inputs and outputs, but for those that `io_reason` names.
        clip: how much of the calibrated ranges was kept; None where nothing was calibrated.
        seconds: what the conversion took.
        notes: what a user might not expect of this model.
        io_reason: why some or all inputs and outputs have another type than the usual one; empty where they have that.
        measured: how far it is from the float model, on samples; None where nothing was measured.
        precision: which tensors have 16 bits because 8 would harm; None where that was not looked for.
        choice: how its scheme was chosen; None where the user chose it.
        explanation: of every tensor, if that was asked for.
    """

    artifact: Path | None
    content: bytes
    size: int
    parameters: int
    macs: int
    macs_per_step: int
    scheme: str
    target: str
    form: str
    io: str
    clip: str | None
    seconds: float
    notes: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    io_reason: str = ""
    measured: Measured | None = None
    precision: Precision | None = None
    choice: Choice | None = None
    explanation: Explanation | None = None

    def figures(self) -> list[tuple[str, object]]:
        """See `edgernn.result.Result`."""
        measured = self.measured
        return [
            ("artifact", self.artifact if self.artifact is not None else "not written"),
            ("bytes", self.size),
            ("scheme", self.scheme),
            ("target", self.target),
            ("inputs, outputs", self.io),
            ("parameters", self.parameters),
            *([] if measured is None else [("error / spread", measured.error)]),
            ("seconds", self.seconds),
        ]

    def bars(self) -> list[Bar]:
        """The size beside that of the weights as floats."""
        floats = 4 * self.parameters
        return [
            Bar("weights in float32", floats, f"{floats:,} bytes"),
            Bar(self.scheme, self.size, f"{self.size:,} bytes"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """See `edgernn.result.Result`."""
        from edgernn.report.tensors import explanation_document

        choice, explanation = self.choice, self.explanation
        return {
            "schema": "edgernn.convert",
            "version": 1,
            "artifact": self.artifact,
            "bytes": self.size,
            "parameters": self.parameters,
            "macs": self.macs,
            "macs_per_step": self.macs_per_step,
            "scheme": self.scheme,
            "target": self.target,
            "form": self.form,
            "io": self.io,
            "io_reason": self.io_reason,
            "clip": self.clip,
            "seconds": self.seconds,
            "notes": self.notes,
            "measured": None if self.measured is None else _measured(self.measured),
            "widened": [] if self.precision is None else _widened(self.precision),
            "choice": None if choice is None else choice_document(choice),
            **({} if explanation is None else {"explanation": explanation_document(explanation)}),
        }


def _measured(found: Measured) -> dict[str, Any]:
    outputs = [{name: value for name, value in asdict(each).items() if name != "metric"} for each in found.outputs]
    return {
        "samples": found.samples,
        "kept_aside": found.aside,
        "by": found.by,
        "error": found.error,
        "outputs": outputs,
    }


def _widened(precision: Precision) -> list[dict[str, Any]]:
    outputs = [
        {"tensor": each.name, "layer": "", "error_in_8_bits": each.error, "zeros_in_8_bits": each.zeros}
        for each in precision.outputs
    ]
    parts = precision.reasons
    return [*outputs, *({"tensor": part.name, "layer": part.layer, "error_in_8_bits": part.error} for part in parts)]


def no_samples(scheme: str, instead: str) -> InputError:
    """The error for a scheme that needs samples."""
    return InputError(
        f"scheme '{scheme}': needs calibration samples, from which it takes the ranges of all tensors. Found: none.",
        hint="give some with --calibration FILE.npz (in Python: calibration=...), a hundred typical inputs "
        f"[samples, steps, features]; '{instead}' needs none.",
    )


def check_overwrites(
    output: str | os.PathLike[str],
    model: Any,
    calibration: Source | None,
    data: Source | None = None,
    option: str = "output",
) -> None:
    """Refuse an output that is one of the inputs."""
    given = {"model": model, "architecture": getattr(model, "architecture", None)}
    given |= {"calibration file": calibration, "data file": data}
    for what, source in given.items():
        if not isinstance(source, (str, os.PathLike)) or not os.path.exists(output) or not os.path.exists(source):
            continue
        if os.path.samefile(output, source):
            message = f"{option} '{output!s}': must be another file than the {what}. Found: the same."
            raise InputError(message, hint=f"choose another path with --{option}.")
