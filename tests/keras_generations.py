"""Model files in the shape of every Keras before 3, by hand; `keras_by_hand` says how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from keras_1_by_hand import keras_1_1, keras_1_2
from keras_2_by_hand import keras_2_0, keras_2_1, keras_2_2, keras_2_5
from keras_by_hand import Generation

BY_HAND: dict[str, Callable[[Path], Generation]] = {
    "1.1": keras_1_1,
    "1.2": keras_1_2,
    "2.0": keras_2_0,
    "2.1": keras_2_1,
    "2.2": keras_2_2,
    "2.5": keras_2_5,
}
