"""What every command prints with: results on stdout as a table or as JSON, notes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TextIO, TypeVar

import click

from edgernn.documents import json_text

Function = TypeVar("Function", bound=Callable[..., Any])

# Of Unicode: marks of direction, isolates and overrides, line and paragraph separators, the byte order mark.
_INVISIBLE = frozenset({0x61C, 0xFEFF, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070)})


def wants_color() -> bool:
    """False if the user asks for plain text by setting NO_COLOR (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


def printable(text: str, keep: str = "\t") -> str:
    r"""The text with everything that could steer a terminal made visible: ``\x1b`` for an escape character.

    Names and messages come from files that somebody else made. Control characters (C0, DEL and C1), and those of
    Unicode that reorder or hide what stands around them, become what a Python string literal writes for them. So does
    a new line: what follows it in a name would stand as a line of ours.

    Args:
        text: whatever is to be printed, before our own colours.
        keep: control characters that stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if letter in keep or not _steers(letter) else _visible(letter) for letter in text)


def _steers(letter: str) -> bool:
    code = ord(letter)
    return code < 0x20 or 0x7F <= code < 0xA0 or code in _INVISIBLE or 0xD800 <= code < 0xE000


def _visible(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def say(text: str = "") -> None:
    """Print a line of a result on stdout; nothing in it can steer the terminal."""
    click.echo(printable(text))


def say_wrapped(text: str) -> None:
    """Print a sentence of a result on stdout; a terminal gets it in lines that end between words."""
    from edgernn.cli.tables import wrapped

    for line in wrapped(printable(text), terminal_width(), "  "):
        click.echo(line)


def say_csv(text: str) -> None:
    """Print lines of CSV, of which a quoted cell may hold several."""
    for line in text.rstrip().split("\n"):
        say(line)


_QUIET = "edgernn.quiet"


def json_option(function: Function) -> Function:
    """Give a command ``--json``, passed as the keyword ``as_json``, and ``--quiet``, which `note` and bars heed."""
    quiet = click.option(
        "--quiet",
        is_flag=True,
        expose_value=False,
        callback=_be_quiet,
        help="Print results and errors alone: neither progress nor notes.",
    )
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")(quiet(function))


def _be_quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.meta[_QUIET] = value


def is_quiet() -> bool:
    """Whether the command that runs was called with ``--quiet``."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def print_json(document: Mapping[str, Any]) -> None:
    """Print a result on stdout as indented JSON: ``schema`` and ``version`` first, the other keys in their given order.

    JSON has no NaN and no infinity, so they become ``null``. NumPy scalars and arrays become numbers and lists.

    Raises:
        ValueError: `document` lacks ``schema`` or ``version``.
    """
    if missing := [key for key in ("schema", "version") if key not in document]:
        raise ValueError(f"a JSON result must have the keys 'schema' and 'version'. Missing: {missing}")
    ordered = {"schema": document["schema"], "version": document["version"], **document}
    click.echo(json_text(ordered, indent=2))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    drop: Sequence[str] = (),
    prose: Collection[str] = (),
) -> None:
    """Print a table on stdout, as wide as the terminal allows and in a pipe as it is; one row becomes a block.

    Args:
        title: the line above the table; an empty string for none.
        columns: the headings.
        rows: one sequence of cells per row: whole numbers get thousands separators, other floats four significant
            digits, None is an empty cell, everything else is shown as its string.
        drop: headings of columns that a narrow terminal may do without, the first to go first.
        prose: headings of columns of sentences, which may take several lines. Nothing else is ever broken.
    """
    from edgernn.cli.tables import table_lines

    cells = [[_cell(value) for value in row] for row in rows]
    headings = [printable(heading, keep="") for heading in columns]
    _print_lines(title, table_lines(headings, cells, terminal_width(), drop=drop, prose=prose))


def print_block(pairs: Iterable[tuple[str, object]], title: str = "") -> None:
    """Print keys and values on stdout, a pair a line; values go on in a new line where a terminal is too narrow.

    Args:
        pairs: key and value, shown as a cell of `print_table`; what is empty is left out. Paths are never broken.
        title: the line above, if any.
    """
    from edgernn.cli.tables import block_lines

    known = [(key, value) for key, value in pairs]
    whole = {key for key, value in known if isinstance(value, os.PathLike)}
    _print_lines(title, block_lines([(key, _cell(value)) for key, value in known], terminal_width(), whole))


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is; None if it is none, so that nothing may be cut off or wrapped."""
    return _columns(sys.stdout) if sys.stdout.isatty() else None


def _columns(stream: TextIO) -> int:
    """Of the terminal that the stream is, or what the variable COLUMNS says; 80 where neither tells."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _print_lines(title: str, lines: Iterable[str]) -> None:
    from edgernn.cli.tables import wrapped

    for line in wrapped(printable(title, keep=""), terminal_width()) if title else ():
        click.echo(click.style(line, bold=True) if sys.stdout.isatty() and wants_color() else line)
    for line in lines:
        click.echo(line)


def _cell(value: object) -> str:
    """What a table shows of a value; nothing in it may begin a line of its own."""
    return printable(_shown(value), keep="")


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):  # NumPy's scalars count as these too
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{float(value):.4g}"
    return str(value)


def kib(size: int) -> str:
    """A number of bytes in KiB of 1024 bytes, with one decimal: ``kib(9120) == "8.9 KiB"``."""
    return f"{size / 1024:,.1f} KiB"


def note(text: str = "") -> None:
    """Print a line on stderr, where everything that is not a result goes; nothing in it can steer the terminal."""
    if is_quiet():
        return
    for line in lines_for_stderr(text):
        click.echo(line, err=True)


def lines_for_stderr(text: str, taken: int = 0) -> list[str]:
    """A printable text in lines for stderr, which if it is a terminal end between words.

    Args:
        text: whatever is to be printed.
        taken: columns of the first line that something else stands in.
    """
    if not sys.stderr.isatty():
        return [printable(text)]
    from edgernn.cli.tables import wrapped

    return wrapped(printable(text), _columns(sys.stderr) - taken, "  ")
