"""What the weights of a Keras model would take in each scheme, before anything is converted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.source import read_source
from edgernn.converters.keras.source_model import walk
from edgernn.targets import SCHEMES, Scheme

# Bytes per element of the kernels of matrix products and convolutions, of the tables of Embedding layers, and of the
# rest: biases, and what normalizes. A bias beside 16-bit activations has 64 bits on a phone, and 32 on a micro.
_WIDTHS: Mapping[Scheme, tuple[int, int, int]] = {
    "float32": (4, 4, 4),
    "float16": (2, 2, 4),
    "dynamic": (1, 1, 4),
    "int8": (1, 1, 4),
    "int16x8": (1, 1, 8),
}


def weight_bytes_by_scheme(model: Any, *, steps: int | None = None) -> dict[str, int]:
    """Bytes of a Keras model's weights in each scheme, by their shapes alone.

    An artifact's own are somewhat different: biases of one gate are merged, normalizations go into the kernels behind
    them, and a dynamic one keeps small kernels in half precision.

    Args:
        model: a path or a Keras model.
        steps: number of time steps, for a model that leaves it open.

    Raises:
        InputError: no such file, not a Keras model, or the steps are missing.
        UnsupportedError: the model has layers that are not known.
    """
    source, digest = read_source(model)
    parameters = read_keras(source, digest, steps=steps).parameters
    kernels = tables = 0
    for layer in walk(source):
        for role, weight in layer.weights.items() if not layer.shared else ():
            kernels += weight.size if role.endswith("kernel") else 0
            tables += weight.size if role == "embeddings" else 0
    sizes = (kernels, tables, parameters - kernels - tables)
    return {scheme: sum(size * width for size, width in zip(sizes, _WIDTHS[scheme], strict=True)) for scheme in SCHEMES}
