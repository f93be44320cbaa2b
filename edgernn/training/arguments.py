"""What a run may be asked for."""

from __future__ import annotations

from math import isfinite

from edgernn.errors import UnsupportedError, no_count
from edgernn.training.sizes import CELLS, CNN, MAX_UNITS, Shape, filters

_LIMITS = {
    "units": MAX_UNITS,
    "layers": 8,
    "epochs": 10_000,
    "batch_size": 65_536,
    "seed": 2**32 - 1,
    "steps": 100_000,
    "features": 65_536,
    "classes": 65_536,
}


def check_arguments(cell: str, shape: Shape, numbers: dict[str, float]) -> None:
    """Gather every argument that is out of range.

    Raises:
        InputError: there is one, or a CNN has no room for a filter.
    """
    broken = []
    if cell not in CELLS:
        broken.append((f"cell: must be one of {', '.join(CELLS)}. Found: '{cell}'.", ""))
    sizes = {"steps": shape.steps, "features": shape.features, "classes": shape.classes}
    for name, number in (numbers | sizes).items():
        if name not in _LIMITS:
            continue
        least, limit = (0 if name == "seed" else 1), _LIMITS[name]
        if wrong := no_count(name.replace("_", " "), number, least, limit):
            broken.append((wrong, ""))
    if not 0 < numbers.get("fraction", 1) <= 1:
        broken.append((f"fraction: must be above 0 and at most 1. Found: {numbers['fraction']}.", ""))
    rate = numbers.get("learning_rate", 1)
    if not (isfinite(rate) and rate > 0):
        broken.append((f"learning rate: must be a positive number. Found: {rate}.", ""))
    if cell == CNN and numbers["layers"] != 1:
        broken.append((f"layers: must be 1 for a CNN, which has its own. Found: {numbers['layers']}.", ""))
    if broken:
        raise UnsupportedError(broken)
    if cell == CNN:
        filters(shape, int(numbers["units"]))  # or the error that there is no room
