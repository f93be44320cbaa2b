"""Progress bars on stderr: how much is done of what is known, and after five seconds how long the rest may take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgernn.cli.output import is_quiet, printable

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import Task, TaskID
    from rich.text import Text

_SOON = 5.0  # seconds, after which a rest is told


class ProgressBar:
    """A running progress bar on stderr, or nothing at all where nobody would see one."""

    def __init__(self, bar: RichProgress | None, task: TaskID | None, outer: TaskID | None = None) -> None:
        """Hold rich's bar and task; None for a silent one.

        Args:
            bar: rich's.
            task: what is being done.
            outer: the whole of which that is a stage, if there is one.
        """
        self._bar = bar
        self._task = task
        self._outer = outer

    def advance(self, steps: float = 1) -> None:
        """Count `steps` more as done."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)

    def update(self, completed: float, total: float | None = None) -> None:
        """Set how much is done and, if given, how much there is; for callbacks that count by themselves."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=completed, total=total)

    def stage(self, description: str, done: float = 0, total: float | None = None) -> None:
        """Say what is being done, how much of it, and of how much; another stage has a time and a total of its own."""
        if self._bar is None or self._task is None:
            return
        text = printable(description, keep="")
        task = next(task for task in self._bar.tasks if task.id == self._task)
        if task.description != text:
            if self._outer is not None:
                self._bar.advance(self._outer)
            self._bar.reset(self._task, description=text)
        task.total = total or None
        self._bar.update(self._task, completed=done)

    def describe(self, description: str) -> None:
        """Change the text beside the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=printable(description, keep=""))


@contextmanager
def progress(
    description: str, total: float | None = None, *, quiet: bool = False, stages: int = 0
) -> Iterator[ProgressBar]:
    """Show a progress bar on stderr while the block runs; it disappears afterwards.

    Args:
        description: what is being done, beside the bar.
        total: how many steps there are, or 1.0 for shares of a whole; None shows that something goes on, without an
            end.
        quiet: show nothing, as ``--json`` asks; nothing is shown either after ``--quiet``, or when stderr is not a
            terminal.
        stages: of a whole that `ProgressBar.stage` begins one after the other; they have a bar of their own above.
    """
    if quiet or is_quiet() or not sys.stderr.isatty():
        yield ProgressBar(None, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Told(ProgressColumn):
        """How much is done, and the time: ``3 of 40, 0:07, about 0:30 left``."""

        def render(self, task: Task) -> Text:
            return Text(told(task))

    text = TextColumn(
        "{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    with Progress(
        text, BarColumn(bar_width=20), Told(), console=Console(file=sys.stderr), transient=True, expand=True
    ) as bar:
        outer = bar.add_task("stage", total=stages, whole=True) if stages else None
        yield ProgressBar(bar, bar.add_task(printable(description, keep=""), total=total), outer)


def told(task: Task) -> str:
    """What is said of a task: nothing that is not known, never ``0/?``."""
    elapsed = task.elapsed or 0.0
    words = []
    if task.total == 1.0:
        words.append(f"{task.percentage:.0f} %")
    elif task.total is not None:
        words.append(f"{task.completed:,.0f} of {task.total:,.0f}")
    words.append(clock(elapsed))
    if elapsed > _SOON and task.total and 0 < task.completed < task.total and not task.fields.get("whole"):
        left = task.time_remaining
        left = elapsed * (task.total - task.completed) / task.completed if left is None else left
        words.append(f"about {clock(left)} left")
    return ", ".join(words)


def clock(seconds: float) -> str:
    """``0:07``, ``12:30``, ``1:02:03``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
