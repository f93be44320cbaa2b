"""An explanation as one HTML page, with histograms."""

from __future__ import annotations

from dataclasses import dataclass

from edgernn.explanation import Explanation
from edgernn.quantization.explained import Tensor
from edgernn.report.histograms import histograms, outline
from edgernn.report.page import check_packages, drawn, render
from edgernn.report.tensors import called, explanation_document, lead, number, share, whole

MOST_PLOTS = 12  # large ones; every row of the table has a small one

_KINDS = ("input", "output", "state", "activation", "weights")


@dataclass(frozen=True)
class Column:
    """A column of the page's table.

    Attributes:
        key: of a tensor's JSON.
        heading: what stands above.
        about: what it is, in a sentence.
        numeric: whether it is sorted as numbers.
    """

    key: str
    heading: str
    about: str
    numeric: bool = True


COLUMNS = (
    Column("tensor", "Tensor", "The one that is made first, of those that have its scale.", numeric=False),
    Column("histogram", "Numbers", "How often calibration saw which, on a logarithmic scale.", numeric=False),
    Column("error", "Error", "What its rounding and saturation alone add to the answer, over the outputs' spread."),
    Column("beyond", "Beyond", "The share of numbers, in the samples measured with, that it does not hold."),
    Column("kind", "Kind", "What it is to the model.", numeric=False),
    Column("type", "Type", "Of its integers.", numeric=False),
    Column("low", "Seen from", "The smallest number that calibration saw; of weights, the smallest one."),
    Column("high", "Seen to", "The largest."),
    Column("least", "Holds from", "The smallest number that it holds; what is smaller becomes this."),
    Column("most", "Holds to", "The largest."),
    Column("scale", "Scale", "Of a step; of weights with one for each row, the coarsest."),
)


def page(explanation: Explanation, model: str) -> str:
    """The whole page.

    Args:
        explanation: of an artifact.
        model: its name, for the title.

    Raises:
        EnvironmentProblem: jinja2 or matplotlib is not installed.
    """
    check_packages()
    settings, tensors = explanation.settings, explanation.tensors
    figures = drawn(histograms(tensors[:MOST_PLOTS]))
    kinds = [kind for kind in _KINDS if any(tensor.kind == kind for tensor in tensors)]
    types = sorted({str(tensor.dtype) for tensor in tensors})
    filters = [("kind", "Kind", kinds), ("dtype", "Type", types)]
    chips = [("Scheme", settings.scheme), ("Target", settings.target), ("In and out", settings.io)]
    if settings.clip is not None:
        chips.append(("Clip", settings.clip))
    worst = [
        (tensor, tensor.advice[:1].upper() + tensor.advice[1:], share(tensor.error)) for tensor in explanation.worst
    ]
    contents = [
        ("worst", "The worst", worst),
        ("histograms", "Histograms", figures),
        ("tensors", "All tensors", tensors),
        ("remarks", "What to know", explanation.remarks),
    ]
    return render(
        "explanation.html.j2",
        explanation_document(explanation),
        file="explanation.json",
        contents=[(id, name) for id, name, there in contents if there],
        model=model,
        lead=lead(explanation),
        whole=whole(explanation),
        chips=chips,
        worst=worst,
        figures=figures,
        shown=len(figures),
        columns=COLUMNS,
        filters=[each for each in filters if len(each[2]) > 1],
        rows=[(tensor, called(tensor), _cells(tensor), outline(tensor)) for tensor in tensors],
        remarks=explanation.remarks,
    )


def _cells(tensor: Tensor) -> list[tuple[str, str]]:
    """Raw value and text of each numeric column."""
    shares = [tensor.error, tensor.beyond]
    numbers = [tensor.low, tensor.high, tensor.least, tensor.most, tensor.scale]
    return [
        *(("" if value is None else repr(value), share(value)) for value in shares),
        *((repr(value) if text else "", text) for value, text in ((each, number(each)) for each in numbers)),
    ]
