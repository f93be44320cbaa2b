"""What a conversion knows of every tensor: its range, its scale, and what it costs the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgernn.errors import InputError
from edgernn.measuring import Measured
from edgernn.quantization.advice import Settings, advised
from edgernn.quantization.explained import Subject, Tensor, with_harm
from edgernn.result import Bar, Result

_BARS = 10
SCHEMES = ("int8", "int16x8", "dynamic")


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """Of one artifact.

    Attributes:
        settings: of the conversion.
        tensors: the one that costs most first; where nothing was measured, as they are made.
        measured: the error of all of them together; None where nothing was measured.
        remarks: what to know of the figures, in sentences.
    """

    settings: Settings
    tensors: tuple[Tensor, ...]
    measured: Measured | None
    remarks: tuple[str, ...]

    def figures(self) -> list[tuple[str, object]]:
        """See `edgernn.result.Result`."""
        settings = self.settings
        return [
            ("scheme", settings.scheme),
            ("target", settings.target),
            *([] if self.measured is None else [("error / spread", self.measured.error)]),
            *(("advice", f"{each.name}: {each.advice}") for each in self.worst),
        ]

    def bars(self) -> list[Bar]:
        """What the worst tensors cost."""
        worst = [each for each in self.tensors if each.error is not None][:_BARS]
        return [Bar(each.name, each.error or 0.0, f"{100 * (each.error or 0.0):.3g} %") for each in worst]

    def to_dict(self) -> dict[str, Any]:
        """See `edgernn.result.Result`."""
        from edgernn.report.tensors import explanation_document

        return explanation_document(self)

    @property
    def worst(self) -> tuple[Tensor, ...]:
        """Those that come with advice."""
        return tuple(tensor for tensor in self.tensors if tensor.advice)


def check_explainable(scheme: str, form: str, *, measure: bool) -> None:
    """Refuse to explain what has nothing to explain.

    Raises:
        InputError: it has no integers, or nothing shall be measured.
    """
    if scheme not in SCHEMES:
        raise InputError(
            f"explain: is of schemes with integers, {', '.join(SCHEMES)}. Found: '{scheme}'.",
            hint="choose --quantize int8, or leave --explain out.",
        )
    if form == "fused":
        raise InputError("explain: knows no tensors of a fused LSTM. Found: form 'fused'.", hint="leave --form out.")
    if not measure:
        raise InputError(
            "explain: tells what each tensor costs, which is measured. Found: no-measure too.",
            hint="leave --no-measure out, or --explain.",
        )


def explanation(
    subject: Subject, harmed: Sequence[Tensor], settings: Settings, measured: Measured | None
) -> Explanation:
    """The explanation.

    Args:
        subject: the integers of the artifact.
        harmed: the tensors of its rehearsal, with what they cost; none where nothing was measured.
        settings: of the conversion.
        measured: the error of all together.
    """
    tensors = advised(with_harm(subject.tensors(), harmed), subject, settings)
    return Explanation(settings, tuple(tensors), measured, tuple(_remarks(settings, harmed, measured)))


def _remarks(settings: Settings, harmed: Sequence[Tensor], measured: Measured | None) -> list[str]:
    remarks = []
    if settings.scheme == "dynamic":
        remarks.append(
            "Only weights are integers here. The runtime rounds the input of each product to 8 bits as it comes, by "
            "its own range; what that costs is in the whole error, not in a tensor's."
        )
    if not harmed:
        return [*remarks, "Nothing was measured: give samples with --calibration to see what each tensor costs."]
    remarks.append(
        "Each error is that of one tensor alone, all others in floats; together they add up about as squares do."
    )
    if measured is not None and not measured.aside:
        remarks.append(
            f"The {measured.samples} samples that were measured with are those of the calibration, of which too few "
            "are there to spare some: new ones may lie beyond more ranges."
        )
    return remarks
