"""Tables, and blocks of keys and values, as lines for a terminal of some width or for a pipe, which has none.

What one copies or compares stays whole: a cell is never broken, unless its column holds sentences, and a sentence
breaks between words. A table that is too wide loses columns in the order that its author gave, and says which; if that
is not enough, each row is a block.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len

GAP = 2  # columns between two cells
_LEAST, _TIGHT = 20, 10  # columns that a sentence gets, if it has so many; where all that may has been dropped
_WORD = re.compile(r"[-+<]?\d[\d,.]*(?:e[-+]?\d+)? \S+|\S+", re.IGNORECASE)  # a number stays with its unit
_NUMBER = re.compile(r"[-+<]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?( ?[%x]| [A-Za-z]{1,3})?", re.IGNORECASE)
_BLANK = frozenset({"", "-", "nan", "inf", "-inf"})

Cells = Sequence[str]


def table_lines(
    headings: Cells,
    rows: Sequence[Cells],
    width: int | None,
    *,
    drop: Sequence[str] = (),
    prose: Collection[str] = (),
) -> list[str]:
    """A table as lines; one row is a block, and so is each of several where even the columns that must stay do not fit.

    Args:
        headings: of the columns.
        rows: their cells, each one line of text.
        width: of the terminal; None for a pipe, which gets every column and every cell on one line.
        drop: headings of columns that may go, the first first.
        prose: headings of columns of sentences.
    """
    if len(rows) == 1:
        return block_lines(_pairs(headings, rows[0]), width)
    if width is None:
        return _grid(headings, rows, None, prose)
    shown = [index for index in range(len(headings)) if not rows or any(row[index] for row in rows)]
    whole = sum(max(cell_len(cells[index]) for cells in (headings, *rows)) for index in shown) + GAP * (len(shown) - 1)
    dropped: list[str] = []
    going = [heading for heading in drop if heading in headings and headings.index(heading) in shown]
    for heading, least in ((None, _LEAST), *((heading, _LEAST) for heading in going), (None, _TIGHT)):
        if heading is not None:
            shown.remove(headings.index(heading))
            dropped.append(heading)
        names, kept = [headings[index] for index in shown], [[row[index] for index in shown] for row in rows]
        if (widths := _fitted(names, kept, width, prose, least)) is not None:
            lines = _grid(names, kept, widths, prose)
            if dropped:
                said = ", ".join(heading.partition(", ")[0] for heading in headings if heading in dropped)  # no units
                footnote = f"Not shown for want of room: {said}. {whole} columns show all; so does a pipe."
                lines += ["", *wrapped(footnote, width)]
            return lines
    blocks = [block_lines(_pairs(headings, row), width) for row in rows]
    return [line for block in blocks for line in (*block, "")]


def block_lines(pairs: Iterable[tuple[str, str]], width: int | None, whole: Collection[str] = ()) -> list[str]:
    """Keys and values, one pair a line; what is empty is left out, and long values go on under their beginning.

    Args:
        pairs: of key and value; a key that begins with spaces belongs to the one before.
        width: of the terminal, None for none.
        whole: keys of values that are never broken, such as paths.
    """
    filled = [(key, value) for key, value in pairs if value]
    keys = max((cell_len(key) for key, _ in filled), default=0)
    lines = []
    for key, value in filled:
        room = None if width is None or key in whole else max(width - keys - GAP, 1)
        first, *rest = wrapped(value, room)
        lines.append(_padded(key, keys) + " " * GAP + first)
        lines += [" " * (keys + GAP) + line for line in rest]
    return lines


def wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    """A text in lines that end between words, never between a number and its unit; the later ones are indented."""
    if width is None or cell_len(text) <= width:
        return [text]
    lines = [text[: len(text) - len(text.lstrip())]]
    for word in _WORD.findall(text):
        line = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        if lines[-1].strip() and cell_len(line) > width:
            line = indent + word
            lines.append("")
        lines[-1] = line
    return lines


def is_numeric(cells: Cells) -> bool:
    """True if every filled cell is a number, perhaps with a unit."""
    filled = [cell for cell in cells if cell not in _BLANK]
    return bool(filled) and all(_NUMBER.fullmatch(cell) for cell in filled)


def _pairs(headings: Cells, row: Cells) -> list[tuple[str, str]]:
    return [(_key(heading), cell) for heading, cell in zip(headings, row, strict=True)]


def _key(heading: str) -> str:
    """A heading as the key of a block: in small letters, unless it is an abbreviation or a name such as ``KiB``."""
    first, _, rest = heading.partition(" ")
    return f"{first.lower()} {rest}".strip() if first[:1].isupper() and first[1:].islower() else heading


def _fitted(
    headings: Cells, rows: Sequence[Cells], width: int, prose: Collection[str], sentence: int
) -> list[int] | None:
    """The columns' widths in a terminal, or None if it is too narrow; headings break between words if they must."""
    room = width - GAP * (len(headings) - 1)
    cells = [max((cell_len(row[index]) for row in rows), default=0) for index in range(len(headings))]
    most = [max(cell_len(heading), wide) for heading, wide in zip(headings, cells, strict=True)]
    least = []
    for index, heading in enumerate(headings):
        words = max(map(cell_len, _WORD.findall(heading)), default=0)
        if heading in prose:
            longest = max((cell_len(word) for row in rows for word in _WORD.findall(row[index])), default=0)
            least.append(max(words, longest, min(cells[index], sentence)))
        else:
            least.append(max(words, cells[index]))
    if sum(least) > room:
        return None
    spare = room - sum(least)
    for index in sorted(range(len(headings)), key=lambda index: headings[index] in prose):
        more = min(spare, most[index] - least[index])
        least[index] += more
        spare -= more
    return least


def _grid(headings: Cells, rows: Sequence[Cells], widths: list[int] | None, prose: Collection[str]) -> list[str]:
    """The table itself; in a pipe, where `widths` is None, without the line under its headings."""
    columns = range(len(headings))
    right = [
        heading not in prose and is_numeric([row[index] for row in rows]) for index, heading in enumerate(headings)
    ]
    limits: Sequence[int | None] = widths if widths is not None else [None] * len(headings)
    wide = widths or [max(cell_len(row[index]) for row in (headings, *rows)) for index in columns]

    def lines(row: Cells, breaks: Collection[str]) -> list[str]:
        parts = [wrapped(row[index], limits[index] if headings[index] in breaks else None) for index in columns]
        height = max(map(len, parts), default=0)
        return [
            (" " * GAP)
            .join(
                _padded(part[line] if line < len(part) else "", wide[index], right=right[index])
                for index, part in enumerate(parts)
            )
            .rstrip()
            for line in range(height)
        ]

    under = ["─" * (sum(wide) + GAP * (len(wide) - 1))] if widths is not None else []
    return [*lines(headings, headings), *under, *(line for row in rows for line in lines(row, prose))]


def _padded(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
