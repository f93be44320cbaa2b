"""What numbers a tensor takes, and what its integers hold of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgernn.quantization.explained import Histogram, Tensor
from edgernn.report.canvas import Plot, new_figure, style
from edgernn.report.palette import BLUE, INK, VERMILLION
from edgernn.report.tensors import number, share

_LEAST = 0.5  # where an axis of numbers begins that has no zero
_WIDTH, _HEIGHT = 132, 24  # of a small one, in units of its picture


def histograms(tensors: Sequence[Tensor]) -> list[Plot]:
    """A plot of each.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    with style():
        return [_plot(k, tensor, tensor.histogram) for k, tensor in enumerate(tensors) if tensor.histogram]


def _plot(place: int, tensor: Tensor, bars: Histogram) -> Plot:
    ends, counts = np.linspace(bars.low, bars.high, len(bars.counts) + 1), np.asarray(bars.counts)
    middles = (ends[:-1] + ends[1:]) / 2
    held = (middles >= tensor.least) & (middles <= tensor.most)
    figure, axes = new_figure(170)
    for chosen, color in ((held, BLUE), (~held, VERMILLION)):
        axes.stairs(np.where(chosen, counts, _LEAST), ends, baseline=_LEAST, fill=True, color=color)
    for end in (tensor.least, tensor.most):
        axes.axvline(end, color=INK, lw=1, ls="--")
    axes.set_yscale("log")
    axes.set_ylim(_LEAST, 2 * max(float(counts.max()), 1.0))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_minor_formatter("")
    axes.set_ylabel("numbers")
    return Plot(f"tensor-{place}", tensor.name, _caption(tensor), figure)


def _caption(tensor: Tensor) -> str:
    scales = number(tensor.scale)
    steps = f"steps of {scales}" if tensor.finest == tensor.scale else f"steps of {number(tensor.finest)} to {scales}"
    held = f"{tensor.dtype}, {steps}, holds {number(tensor.least)} to {number(tensor.most)}, the dashed lines"
    seen = f"seen {number(tensor.low)} to {number(tensor.high)}"
    what = "" if tensor.beyond is None else f"; {share(tensor.beyond)} of what was measured with lies beyond"
    cost = "" if tensor.error is None else f" Costs {share(tensor.error)}."
    return f"{held}; {seen}{what}.{cost}"


def outline(tensor: Tensor) -> str:
    """A small histogram as the path of an SVG of 132 by 24, its heights as logarithms; empty without one."""
    bars = tensor.histogram
    if bars is None:
        return ""
    heights = np.log1p(np.asarray(bars.counts))
    heights = _HEIGHT * heights / max(float(heights.max()), 1e-9)
    step = _WIDTH / len(heights)
    tops = " ".join(f"V{_HEIGHT - height:.1f}H{(k + 1) * step:.4g}" for k, height in enumerate(heights))
    return f"M0,{_HEIGHT} {tops} V{_HEIGHT}Z"
