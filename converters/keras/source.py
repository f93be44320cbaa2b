"""Reads a Keras model, from a file or from memory, into one plain form. Imports neither Keras nor TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from edgernn.converters.keras.archive import open_archive
from edgernn.converters.keras.config import parse_model
from edgernn.converters.keras.model_object import saved_copy
from edgernn.converters.keras.source_model import Call, KerasLayer, KerasModel, ModelInput, TensorRef, walk
from edgernn.converters.keras.weights import with_weights

__all__ = ["Call", "KerasLayer", "KerasModel", "ModelInput", "TensorRef", "fingerprint", "read_source", "walk"]


def read_source(source: str | os.PathLike[str] | Any) -> tuple[KerasModel, str]:
    """The model in a `.keras` or `.h5` file, or of a Python model object, and the hash of its content.

    Layers are checked before any weight is read; no code in a file is run.

    Args:
        source: a path, or a Sequential or functional model of Keras 3 or tf_keras.

    Raises:
        UnsupportedError: layers or options that cannot be converted, all of them at once.
        InputError: missing, not a Keras model, damaged.
        EnvironmentProblem: h5py is not installed.
    """
    if not isinstance(source, (str, os.PathLike)):
        with saved_copy(source) as path:
            return read_source(path)
    archive = open_archive(Path(source))
    model = parse_model(archive.config, archive.keras_major)
    model = with_weights(model, archive.read_weights(), archive.by_layer_name, archive.keras_major)
    return model, fingerprint(model)


def fingerprint(model: KerasModel) -> str:
    """SHA-256 over the layers, their options and weights: the same for the same content, whatever file it came from."""
    digest = hashlib.sha256()

    def add(item: object) -> None:
        digest.update(json.dumps(item, sort_keys=True, separators=(",", ":")).encode() + b"\n")

    def add_model(part: KerasModel) -> None:
        add([[item.name, item.shape, item.dtype] for item in part.inputs])
        add([[ref.layer, ref.call, ref.index] for ref in part.outputs])
        add(part.output_names)
        for call in part.calls:
            refs = {"": call.arguments, **call.keywords}
            add([call.layer, call.call_index, {key: [[r.layer, r.call, r.index] for r in refs[key]] for key in refs}])
        for layer in part.layers:
            add_layer("", layer)

    def add_layer(role: str, layer: KerasLayer) -> None:
        add([role, layer.class_name, layer.name, layer.config, len(layer.children), layer.model is not None])
        for name, values in sorted(layer.weights.items()):
            add([name, values.shape])
            digest.update(values.tobytes())
        for child_role, child in layer.children.items():
            add_layer(child_role, child)
        if layer.model is not None:
            add_model(layer.model)

    add_model(model)
    return digest.hexdigest()
