"""Results as JSON: what `--json` prints and `Result.save` writes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any


def json_text(document: Mapping[str, Any], indent: int | None = None) -> str:
    """A document as JSON of printable ASCII.

    JSON has no NaN and no infinity, so they become ``null``. NumPy scalars and arrays become numbers and lists.
    """
    return json.dumps(plain(document), indent=indent, allow_nan=False).replace("\x7f", "\\u007f")


def plain(value: Any) -> Any:
    """The value made of JSON's own types.

    Raises:
        TypeError: there is no JSON form for it.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # a NumPy scalar or array, recognized without importing NumPy
        return plain(value.tolist())
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")
