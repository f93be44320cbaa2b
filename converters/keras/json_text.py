"""Decoding JSON that somebody else wrote, in memory that is known before."""

from __future__ import annotations

import json

_LARGEST = 384 << 20  # bytes that the decoded objects may take
# What CPython takes for the object that each of these characters opens or ends, at most.
_BYTES = {b"[": 64, b"{": 200, b",": 24, b":": 40, b'"': 25}


def decode(content: bytes | str) -> object:
    """The decoded objects.

    Raises:
        ValueError: this is no JSON, or it would take more memory than any model needs.
    """
    raw = content.encode() if isinstance(content, str) else content
    needed = len(raw) + sum(count * raw.count(mark) for mark, count in _BYTES.items())
    if needed > _LARGEST:
        raise ValueError(f"JSON that takes {needed >> 20} MiB decoded, of at most {_LARGEST >> 20}")
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deep") from error
