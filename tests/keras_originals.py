"""Good files of Keras to be damaged, and the error that a damaged one must give."""

from __future__ import annotations

from pathlib import Path

import pytest
from keras_models import build
from test_keras_safety import save

from edgernn.converters.keras.source import read_source
from edgernn.errors import InputError


def write_originals(folder: Path, *names: str) -> Path:
    """Save models as `.keras` and `.h5`."""
    for name in names:
        model = build(name)
        for ending in ("keras", "h5"):
            save(model, folder / f"{name}.{ending}")
    return folder


def error_of(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_source(path)
    assert caught.value.exit_status == 2
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value
