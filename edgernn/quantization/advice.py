"""What to do about a tensor that harms the answer, by the cause that its figures show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgernn.graph import Value
from edgernn.quantization.explained import WORST, Subject, Tensor
from edgernn.quantization.precision import STAGES
from edgernn.ranges import ClipMethod

_HARMLESS = 0.3  # of the limit
_TO_BLAME = 0.5  # of the squared error
_FEW_STEPS = 32  # of a feature, of the 255 that an 8-bit input has
_OUTLIER = 16.0  # of the largest weight to the root mean square of those that share its scale: 8 of 127 steps are left
_UNLIKE = 16.0  # of 127 steps, for the largest weight of a row
_FAR = 3.0  # of the range to what holds all but a thousandth of the numbers


@dataclass(frozen=True)
class Settings:
    """Of the conversion, as far as advice depends on them.

    Attributes:
        scheme: of quantization.
        target: phone, micro or c.
        io: type of inputs and outputs.
        clip: how much of the ranges was kept; None where nothing has a range.
        limit: on the error, over the outputs' spread.
        widens: whether what errs beyond the limit gets 16 bits.
        aside: whether the samples that were measured with are other ones than those of calibration.
    """

    scheme: str
    target: str
    io: str
    clip: ClipMethod | None
    limit: float
    widens: bool
    aside: bool

    @property
    def finer(self) -> str:
        """The option that stores weights finer."""
        return "--quantize float16" if self.target == "phone" else "--quantize float32"


def advised(tensors: Sequence[Tensor], subject: Subject, settings: Settings) -> list[Tensor]:
    """The tensors, of which the worst have advice.

    Args:
        tensors: the worst first.
        subject: that they are of.
        settings: of the conversion.
    """
    worst = [replace(each, advice=_advice(each, subject, settings)) for each in tensors[:WORST]]
    return [*worst, *tensors[WORST:]]


def _advice(tensor: Tensor, subject: Subject, settings: Settings) -> str:
    if tensor.error is None:
        return ""
    if tensor.error < _HARMLESS * settings.limit:
        return "harmless: nothing to do."
    if tensor.kind == "weights":
        return _of_weights(tensor, subject, settings)
    if tensor.saturation is not None and tensor.saturation > _TO_BLAME:
        return _of_ends(tensor, settings)
    return _of_features(tensor, subject, settings) or _of_rare(tensor, subject, settings) or _of_bits(tensor, settings)


def _of_ends(tensor: Tensor, settings: Settings) -> str:
    """Numbers lie beyond what it holds."""
    share = f"{100 * (tensor.beyond or 0):.2g} % of its numbers lie beyond {tensor.least:.3g} to {tensor.most:.3g}"
    if settings.clip not in (None, "minmax") and tensor.dtype == "int8":
        return f"{share}, and clipping is to blame: --clip minmax keeps all that calibration saw."
    if not settings.aside:
        return f"{share}: scale the input like that of training, and give more samples."
    if tensor.kind == "input":
        return f"{share}, which the other samples do not reach: calibrate with samples that hold such extremes."
    return f"{share} in samples kept aside: calibrate with more samples, and with such as make it large."


def _of_features(tensor: Tensor, subject: Subject, settings: Settings) -> str:
    """An input's features are of unequal ranges."""
    extremes = next((subject.channels[name] for name in tensor.made if name in subject.channels), None)
    if tensor.kind != "input" or extremes is None or tensor.dtype != "int8":
        return ""
    span = extremes[1] - extremes[0]
    moving = np.flatnonzero(span > 0)
    if moving.size < 2:
        return ""
    worst = int(moving[np.argmin(span[moving])])
    steps = float(span[worst]) / tensor.scale
    if steps >= _FEW_STEPS:
        return ""
    first = "put a Normalization layer first" if settings.io == "float32" else "take --io float32"
    return (
        f"feature {worst} has {steps:.3g} of 255 steps, since others range farther: {first}, or scale the features "
        "alike before the model."
    )


def _of_rare(tensor: Tensor, subject: Subject, settings: Settings) -> str:
    """A few numbers far out take the range."""
    ranges = [subject.ranges[name] for name in tensor.made if name in subject.ranges]
    if not ranges or tensor.dtype != "int8":
        return ""
    whole = ranges[0]
    for range_ in ranges[1:]:
        whole = whole.union(range_)
    usual = max(-whole.quantile(0.0005), whole.quantile(0.9995))
    if usual <= 0 or whole.largest < _FAR * usual:
        return ""
    where = (
        "look for samples that are errors of measurement"
        if tensor.kind == "input"
        else "look for the samples that drive it there"
    )
    clip = ", or try --clip percentile" if settings.clip == "minmax" else ""
    return (
        f"99.9 % of its numbers lie within +-{usual:.3g}, a few reach {whole.largest:.3g} and make the steps coarse: "
        f"{where}{clip}."
    )


def _of_bits(tensor: Tensor, settings: Settings) -> str:
    """Its steps are too coarse, and nothing but bits makes them finer."""
    step = f"its steps of {tensor.scale:.3g} are too coarse for what it holds"
    if tensor.dtype == "int16":
        if settings.target == "phone":
            return f"{step} even in 16 bits: --quantize dynamic computes in float."
        return f"{step} even in 16 bits: --quantize float32 is what errs less."
    if tensor.kind in ("input", "output") and settings.io == "int8":
        return f"{step}: --io int16 gives inputs{'' if settings.target == 'c' else ' and outputs'} 16 bits."
    if not settings.widens:
        return f"{step}: leave --strict out, and it gets 16 bits, or take --quantize int16x8."
    return f"{step}: --max-error {_at_any_price(tensor):g} lets it have 16 bits, --quantize int16x8 gives them to all."


def _at_any_price(tensor: Tensor) -> float:
    """The limit on the error with which this tensor is made finer, whatever that costs; one digit, rounded down."""
    limit = 0.95 * (tensor.error or 0.0) / STAGES[0][0]
    digit = 10.0 ** math.floor(math.log10(max(limit, 1e-9)))
    return float(f"{math.floor(limit / digit) * digit:.1g}")


def _of_weights(tensor: Tensor, subject: Subject, settings: Settings) -> str:
    value = next(
        value
        for node in subject.integers.walk()
        for value in node.inputs
        if value.name == tensor.name and value.data is not None
    )
    real = subject.constants()[tensor.name].astype("f8")
    rows = _rows(value, real)
    apart = rows if len(_scales(value)) > 1 else rows.reshape(1, -1)
    means = np.sqrt(np.mean(apart**2, axis=1))
    ratio = float(np.max(np.abs(apart).max(axis=1) / np.maximum(means, 1e-30)))
    if ratio > _OUTLIER:
        return (
            f"its largest weight is {ratio:.3g} times the root mean square of those with its scale, which are left few "
            f"steps: clip such weights, train with a kernel_constraint, or take {settings.finer}."
        )
    sizes = np.abs(rows).max(axis=1)
    least = float(sizes[sizes > 0].min()) / tensor.scale
    if len(_scales(value)) == 1 and len(rows) > 1 and least < _UNLIKE:
        fine = (
            f"--max-error {_at_any_price(tensor):g} lets rows have a scale each"
            if settings.widens
            else f"take {settings.finer}"
        )
        return f"one scale serves all rows, of which the smallest has {least:.3g} of 127 steps: {fine}."
    return (
        f"8 bits are few for these weights: fine-tune with some noise on them or weight decay, or take "
        f"{settings.finer}."
    )


def _scales(value: Value) -> tuple[float, ...]:
    return value.quantization.scales if value.quantization is not None else ()


def _rows(value: Value, real: np.ndarray) -> np.ndarray:
    """The weights of each output: `[outputs, weights]`."""
    axis = value.quantization.axis if value.quantization is not None else 0
    return np.moveaxis(real, axis, 0).reshape(real.shape[axis], -1)
