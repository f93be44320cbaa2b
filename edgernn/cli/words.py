"""Text in a cell of a table that may be too narrow for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

_PARTS = re.compile(r"[^\s/+,]+[\s/+,]*|[\s/+,]+")  # of a text, after each of which a line may end


class Words:
    """A cell of a table that a terminal may be too narrow for: its lines end between words and parts of names.

    It is no markup, which a layer's name may look like.
    """

    def __init__(self, text: str, *, whole: bool) -> None:
        """Hold the text, of a number the `whole` of which stays together."""
        self._text = text
        self._parts = [text] if whole else _PARTS.findall(text)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """The least and the most columns that it can use."""
        from rich.cells import cell_len
        from rich.measure import Measurement

        longest = max((cell_len(part.rstrip()) for part in self._parts), default=0)
        return Measurement(longest, cell_len(self._text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """The text in lines of that width."""
        from rich.cells import cell_len
        from rich.text import Text

        lines = [""]
        for part in self._parts:
            if lines[-1] and cell_len(lines[-1] + part.rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += part
        yield Text("\n".join(line.rstrip() for line in lines), overflow="fold")
