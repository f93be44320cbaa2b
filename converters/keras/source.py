"""Reads a Keras model, from a file or from memory, into one plain form. Imports neither Keras nor TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgernn.converters.keras.archive import open_archive, open_weights
from edgernn.converters.keras.config import parse_model
from edgernn.converters.keras.model_object import saved_copy
from edgernn.converters.keras.source_model import Call, KerasLayer, KerasModel, ModelInput, TensorRef, walk
from edgernn.converters.keras.weights import with_weights
from edgernn.errors import InputError

__all__ = [
    "Call",
    "KerasLayer",
    "KerasModel",
    "ModelInput",
    "SplitModel",
    "TensorRef",
    "fingerprint",
    "joined",
    "read_source",
    "walk",
]


@dataclass(frozen=True)
class SplitModel(os.PathLike[str]):
    """A model in two files, of which its path is that of the weights.

    Attributes:
        weights: what Keras's `save_weights` wrote.
        architecture: the JSON of its `to_json`.
    """

    weights: Path
    architecture: Path

    def __fspath__(self) -> str:
        """The path of the weights."""
        return os.fspath(self.weights)

    def __str__(self) -> str:
        """The same, for messages."""
        return str(self.weights)


def joined(model: Any, architecture: str | os.PathLike[str] | None) -> Any:
    """The model as `read_source` takes it.

    Args:
        model: a path or a Keras model.
        architecture: of a file that holds only weights, the JSON file that holds the rest; or None.

    Raises:
        InputError: the model is no file.
    """
    if architecture is None:
        return model
    if not isinstance(model, (str, os.PathLike)):
        message = f"architecture: must go with a file of weights. Found: {type(model).__name__}."
        raise InputError(message, hint="leave it out; a model object has its own.")
    return SplitModel(Path(model), Path(architecture))


def load_model(keras: Any, model: str | os.PathLike[str]) -> Any:
    """The model as Keras itself loads it; only for files that `read_source` has accepted, since those hold no code.

    Args:
        keras: the package `keras` or `tf_keras`.
        model: a path or a `SplitModel`.
    """
    if not isinstance(model, SplitModel):
        return keras.saving.load_model(os.fspath(model), compile=False, safe_mode=True)
    text = model.architecture.read_text("utf-8-sig")
    entry = json.loads(text)
    made = keras.models.model_from_json(entry if isinstance(entry, str) else text)
    made.load_weights(os.fspath(model.weights))
    return made


def read_source(source: str | os.PathLike[str] | Any) -> tuple[KerasModel, str]:
    """The model in a `.keras` or `.h5` file, or of a Python model object, and the hash of its content.

    Layers are checked before any weight is read; no code in a file is run.

    Args:
        source: a path, a `SplitModel`, or a Sequential or functional model of Keras 3 or tf_keras.

    Raises:
        UnsupportedError: layers or options that cannot be converted, all of them at once.
        InputError: missing, not a Keras model, damaged.
        EnvironmentProblem: h5py is not installed.
    """
    if not isinstance(source, (str, os.PathLike)):
        with saved_copy(source) as path:
            return read_source(path)
    if isinstance(source, SplitModel):
        archive = open_weights(source.weights, source.architecture)
    else:
        archive = open_archive(Path(source))
    model = parse_model(archive.config, archive.version)
    model = with_weights(model, archive.read_weights(), archive.by_layer_name, archive.version)
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
            digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
        for child_role, child in layer.children.items():
            add_layer(child_role, child)
        if layer.model is not None:
            add_model(layer.model)

    add_model(model)
    return digest.hexdigest()
