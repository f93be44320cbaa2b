"""Products on one thread: a recurrent network's are small, and threads that wait for each other cost more than they do.

On two cores that have other things to do, calibration of four LSTM layers of 50 units takes 3.5 s with NumPy's own
threads and 0.8 s with one. And the sums are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """A context, or decorator of a function, in which NumPy's linear algebra uses one thread."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """Those that NumPy brought; libraries that are loaded later have pools of their own."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
