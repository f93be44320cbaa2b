"""Colours, markers and fills of the plots: a cell has its colour and its marker, a scheme its fill.

The colours are those of Okabe and Ito, which people with any colour vision can tell apart. On paper (the PNG files)
they are used as they are. In the HTML page each becomes a CSS variable, which a dark page sets to a lighter one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Fill = Literal["full", "none", "left", "right", "top", "bottom"]

INK = "#1f2430"  # text and axes; the page's own text colour in HTML
RULE = "#d4d8de"  # grid lines
PAPER = "#fefefe"  # what separates the parts of a bar: the page's background

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, GREY, OCHRE = "#e69f00", "#56b4e9", "#7b8494", "#a08c00"

CELLS = {"lstm": (BLUE, "o"), "gru": (VERMILLION, "s"), "simplernn": (GREEN, "^"), "cnn": (PURPLE, "D")}
OTHER = (GREY, "P")  # a file that somebody else made
CELL_NAMES = {"lstm": "LSTM", "gru": "GRU", "simplernn": "SimpleRNN", "cnn": "CNN", "": "file"}

FILLS: dict[str, Fill] = {
    "float32": "none",
    "float16": "bottom",
    "dynamic": "left",
    "int8": "full",
    "int16x8": "top",
}
PARTS = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, GREY, OCHRE)  # of a file, in order of size
DASHES = ("-", "--", ":", "-.")  # of sizes, where several share a plot

# In HTML: the variable's name for each colour. `style.css.j2` gives the variables their values.
VARIABLES = {
    RULE: "var(--rule)",
    PAPER: "var(--card)",
    BLUE: "var(--blue)",
    VERMILLION: "var(--vermillion)",
    GREEN: "var(--green)",
    PURPLE: "var(--purple)",
    ORANGE: "var(--orange)",
    SKY: "var(--sky)",
    GREY: "var(--grey)",
    OCHRE: "var(--ochre)",
    INK: "currentColor",
}


def cell_style(cell: str) -> tuple[str, str]:
    """Colour and marker of a cell."""
    return CELLS.get(cell, OTHER)


def cell_name(cell: str) -> str:
    """What people call a cell."""
    return CELL_NAMES.get(cell, cell)


def fill(scheme: str) -> Fill:
    """How the marker of a scheme is filled."""
    return FILLS.get(scheme, "right")


def in_order(cells: Sequence[str]) -> list[str]:
    """Cells without repetition, in the palette's order, unknown ones last."""
    known = list(CELLS)
    return sorted(set(cells), key=lambda cell: (known.index(cell) if cell in known else len(known), cell))


def schemes_in_order(schemes: Sequence[str]) -> list[str]:
    """Schemes without repetition, widest numbers first, unknown ones last."""
    known = list(FILLS)
    return sorted(set(schemes), key=lambda scheme: (known.index(scheme) if scheme in known else len(known), scheme))
