"""JSON back into the dataclass that it was made of, by the dataclass's own annotations: what does not fit is refused.

Records lie on a disk for weeks, and what a disk, an editor or an older edgernn left there must not be believed.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind")
_LARGEST = 1e18  # of any count of bytes, products, microseconds or samples


class Mismatch(ValueError):  # noqa: N818 (it is no failure of ours)
    """What does not fit, and where: ``latency.p50: must be a number. Found: 'many'``."""


def read(kind: type[Kind], document: object, where: str = "") -> Kind:
    """The dataclass `kind` from what `json.loads` gave for its `asdict`.

    Fields with a default may be missing; others than the dataclass's may not be there. Whole numbers count something,
    so they are not negative; no number is NaN, infinite or beyond all measure.

    Raises:
        Mismatch: the document does not fit.
    """
    place = f"{where}: " if where else ""
    if not isinstance(document, Mapping):
        raise Mismatch(f"{place}must be an object. Found: {_shown(document)}.")
    hints = get_type_hints(kind)
    known = fields(kind)  # type: ignore[arg-type]
    if unknown := set(document) - {field.name for field in known}:
        raise Mismatch(f"{place}must have the fields of {kind.__name__}. Found: {', '.join(sorted(unknown))} too.")
    values: dict[str, Any] = {}
    for field in known:
        inside = f"{where}.{field.name}" if where else field.name
        if field.name in document:
            values[field.name] = _value(hints[field.name], document[field.name], inside)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise Mismatch(f"{inside}: must be there. Found: nothing.")
    return kind(**values)


def _value(kind: Any, value: object, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        (kind,) = (each for each in inner if each is not type(None))
        return _value(kind, value, where)
    if is_dataclass(kind) and isinstance(kind, type):
        return read(kind, value, where)
    if origin is tuple:
        return tuple(_value(inner[0], each, f"{where}[{k}]") for k, each in enumerate(_of(list, value, where)))
    if origin is Mapping:
        return {name: _value(inner[1], each, f"{where}.{name}") for name, each in _of(dict, value, where).items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        value = float(value)
    found = _of(kind, value, where)
    if isinstance(found, float) and not (math.isfinite(found) and abs(found) <= _LARGEST):
        raise Mismatch(f"{where}: must be a finite number. Found: {found:g}.")
    if isinstance(found, int) and not 0 <= found <= _LARGEST:
        raise Mismatch(f"{where}: must be a count. Found: {_shown(found)}.")
    return found


def _of(kind: type[Kind], value: object, where: str) -> Kind:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {str: "text", int: "a whole number", float: "a number", list: "a list", dict: "an object"}
        raise Mismatch(f"{where}: must be {names.get(kind, kind.__name__)}. Found: {_shown(value)}.")
    return value


def _shown(value: object) -> str:
    """A word for it: whatever it holds may be of any size and depth."""
    if isinstance(value, str):
        return repr(value[:40])
    if value is None or isinstance(value, (bool, float)):
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST else "a number beyond all measure"
    return "a list" if isinstance(value, list) else "an object"
