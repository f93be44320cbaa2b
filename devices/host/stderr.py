"""What C++ code writes to standard error, which Python's own redirection does not see."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from edgernn import serving


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Collect what is written to file descriptor 2; the text is in the list once the block has ended."""
    report: list[str] = []
    if serving.inside:  # it goes to a file anyway, where it is still found if the process dies
        start = os.fstat(2).st_size
        yield report
        report.append(os.pread(2, os.fstat(2).st_size - start, start).decode(errors="replace"))
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a process without standard error: nothing to collect, nothing to restore
        yield report
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield report
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            report.append(file.read().decode(errors="replace"))
