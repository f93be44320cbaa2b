"""The ``.ts`` text format of time series classification: headers up to ``@data``, then one series per line.

A series is its channels and, last, its label, separated by ``:``; a channel is its values, separated by ``,``.
"""

from __future__ import annotations

import numpy as np

from edgernn.errors import InputError
from edgernn.training.data import Floats


def read_series(text: str, name: str) -> tuple[list[Floats], list[str]]:
    """Read every series of a file.

    Args:
        text: the file's content.
        name: what errors call the file.

    Returns:
        The series, float32 [steps, channels] each with its own number of steps, and their labels.

    Raises:
        InputError: the text is not in this format.
    """
    series: list[Floats] = []
    labels: list[str] = []
    lines = enumerate(text.splitlines(), start=1)
    if not any(line.strip().lower() == "@data" for _, line in lines):
        raise InputError(f"'{name}': must have a line '@data' before the series. Found: none.")
    for number, line in lines:  # goes on behind the line '@data'
        if not line.strip():
            continue
        *channels, label = line.strip().split(":")
        try:
            values = np.array([[float(value) for value in channel.split(",")] for channel in channels], np.float32)
        except ValueError as error:
            raise InputError(
                f"'{name}' line {number}: must hold numbers, as many in each channel. Found: {error}."
            ) from error
        if values.ndim != 2 or not np.isfinite(values).all():
            found = "no channel" if values.ndim != 2 else "NaN or infinity"
            raise InputError(
                f"'{name}' line {number}: must hold channels of finite numbers and a label. Found: {found}."
            )
        series.append(np.ascontiguousarray(values.T))
        labels.append(label)
    return series, labels
