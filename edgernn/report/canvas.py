"""A plot: a matplotlib figure with its title, caption and the words for those who cannot see it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgernn.errors import missing_extra
from edgernn.report.palette import INK, PAPER, RULE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 372  # pixels: a phone shows it nearly at full size, so that its text stays readable there
TEXT = 12.8  # pixels: 11 where the page is 375 wide
DOTS_PER_INCH = 192  # of the PNG files: WIDTH is in units of 1/72 inch

SETTINGS: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.unicode_minus": True,
    "figure.dpi": 72,
    "font.family": "DejaVu Sans",  # comes with matplotlib; the HTML page puts its own in its place
    "font.size": TEXT,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.fontsize": TEXT,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "path.sketch": None,
    "savefig.facecolor": "auto",
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud, and scaled
    "svg.hashsalt": "edgernn",  # the same file every time
    "text.color": INK,
    "text.parse_math": False,  # a name with two dollar signs is a name
    "xtick.color": INK,
    "xtick.labelsize": TEXT,
    "ytick.color": INK,
    "ytick.labelsize": TEXT,
}


@dataclass(frozen=True)
class Plot:
    """A finished plot.

    Attributes:
        name: unique, and a legal file name without its ending.
        title: what it shows, in a few words.
        caption: what to see in it, with its numbers.
        figure: drawn, on a transparent ground.
        hints: by the id given to an artist (`name_part`), what a pointer over it tells.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    hints: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def style() -> Iterator[None]:
    """Draw and write with our settings, whatever the user's own are; they are back afterwards.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise missing_extra("matplotlib", "report", "drawing plots") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        with matplotlib.rc_context(SETTINGS):
            yield


def new_figure(height: float) -> tuple[Figure, Axes]:
    """An empty figure of the common width with one pair of axes; it belongs to nobody but the caller."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=2 / 72, h_pad=2 / 72)
    figure = Figure(figsize=(WIDTH / 72, height / 72), layout=layout)
    axes = figure.subplots()
    axes.tick_params(length=3, width=0.8)
    return figure, axes


def legend(figure: Figure, handles: Sequence[Artist], break_after: int = 0) -> None:
    """A legend under the axes, row by row, in as many columns as there is room for.

    Args:
        figure: to draw it in.
        handles: its entries.
        break_after: how many entries the first row should have, if not all fit into one row.
    """
    labels = [str(handle.get_label()) for handle in handles]

    def fits(count: int) -> bool:
        return sum(32 + 7.7 * max(map(len, labels[column::count])) for column in range(count)) <= WIDTH

    counts = [len(handles), *([break_after] if break_after > 2 else []), *range(len(handles) - 1, 1, -1)]
    count = next((count for count in counts if fits(count)), 1)
    by_column = [handle for column in range(count) for handle in handles[column::count]]  # as matplotlib fills it
    figure.legend(handles=by_column, loc="outside lower left", ncols=count, borderaxespad=0.2)


def name_part(artist: Artist, name: str) -> str:
    """Give a part of a plot an id that `Plot.hints` can refer to."""
    artist.set_gid(name)
    return name


def png(plot: Plot) -> bytes:
    """The plot as a PNG file on white, twice as fine as a screen of the common size needs."""
    stream = io.BytesIO()
    with style():
        plot.figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, facecolor=PAPER, metadata={"Software": None})
    return stream.getvalue()
