"""Recordings of any length as the windows that a model takes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from edgernn.errors import InputError
from edgernn.recordings import cut
from edgernn.sources.found import Array, Found, Wanted, several


def in_windows(recordings: Iterable[Array], wanted: Wanted, noun: str, count: int = 1) -> Found:
    """Consecutive windows, one recording behind the other; what a stateful model goes through as a whole stays whole.

    Args:
        recordings: `[steps, *frame]` each.
        wanted: the model's window.
        noun: what one of them is called in notes.
        count: how many there are, if more than one may be.

    Raises:
        InputError: all of them are shorter than a window.
    """
    share = -(-wanted.most // count)
    kept: list[Array] = []
    short = rest = total = longest = 0
    for recording in recordings:
        longest = max(longest, len(recording))
        windows = cut(recording[None], wanted.steps)
        if not len(windows):
            short += 1
            continue
        total += len(windows)
        rest += len(recording) - len(windows) * wanted.steps
        kept.append(windows if wanted.stateful else _spread(windows, share))
    if not kept:
        raise InputError(
            f"{wanted.where}: must hold {several(wanted.steps, 'step')} for a window. "
            f"Found: {several(longest, 'step')}{' in the longest recording' if count > 1 else ''}.",
            hint="give longer recordings.",
        )
    notes = []
    if wanted.stateful:
        least = min(map(len, kept))
        rest += sum(len(windows) - least for windows in kept) * wanted.steps
        whole = np.stack([windows[:least].reshape(-1, *wanted.frame) for windows in kept])
        notes.append(f"{several(len(kept), noun)} of {several(whole.shape[1], 'step')} in a row.")
        found = whole
    else:
        found = _spread(np.concatenate(kept), wanted.most)
        size = several(wanted.steps, "step")
        notes.append(f"{several(len(kept), noun)} cut into {several(total, 'window')} of {size}, one behind the other.")
        if len(found) < total:
            notes.append(f"{len(found):,} of these windows are taken, evenly spread.")
    if short:
        notes.append(f"{several(short, noun)} shorter than a window of {several(wanted.steps, 'step')} left out.")
    if rest:
        notes.append(f"{several(rest, 'step')} that fill no window left out.")
    return Found({"": found}, tuple(f"{wanted.where}: {text}" for text in notes))


def _spread(windows: Array, most: int) -> Array:
    """All, or so many of them at even distances."""
    if len(windows) <= most:
        return windows
    return np.asarray(windows[np.linspace(0, len(windows) - 1, most).round().astype(int)])
