"""The verb `inspect`: what a Keras model or a .tflite file is made of, without running it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgernn.artifact_source import Converted, source_of
from edgernn.converters.tflite.counting import Count, count, guessed_scheme
from edgernn.converters.tflite.file import TfliteFile
from edgernn.converters.tflite.kernels import reasons, runs_with
from edgernn.converters.tflite.reader import read_tflite
from edgernn.errors import InputError
from edgernn.owned_folder import recover
from edgernn.result import Bar, Result
from edgernn.streaming.description import hop_of

Counted = Literal["keras", "metadata", "file"]


@dataclass(frozen=True)
class Layer:
    """A row of a Keras model's table; shapes are without the batch axis."""

    name: str
    class_name: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    macs_per_step: int


@dataclass(frozen=True)
class Tensor:
    """An input or an output.

    Attributes:
        name: as the caller knows it.
        shape: of a Keras model without, of a .tflite with the batch axis.
        dtype: of its numbers.
        scale: what one unit of an integer stands for; 0 if the numbers stand for themselves.
        zero_point: the integer that stands for 0.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True, repr=False)
class Inspection(Result):
    """What a file is made of.

    Attributes:
        kind: ``keras`` or ``tflite``.
        file: its path, or None for a model in memory.
        size: of the file in bytes; of a model in memory, None.
        weight_bytes: of that, constants' data (of a Keras model: of its weights as float32).
        parameters: of the Keras model, or counted.
        macs: multiply-accumulates per inference, matrix products only; None if the file does not tell.
        macs_per_step: of that, per time step; None likewise.
        counted: where these three come from: the Keras model itself, the artifact's metadata about the Keras model it
            was made from, or the operators in the file.
        inputs: in order.
        outputs: in order.
        layers: of a Keras model.
        operators: of a .tflite, how many of each, those inside loops once per occurrence in the file.
        metadata: what edgernn wrote into an artifact.
        scheme: of quantization; guessed from the types in a file that does not say it.
        notes: what a user might not expect.
        kernels: of a .tflite, for every library of kernels what speaks against it; nothing for one that runs it.
    """

    kind: Literal["keras", "tflite"]
    file: Path | None
    size: int | None
    weight_bytes: int
    parameters: int
    macs: int | None
    macs_per_step: int | None
    counted: Counted
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers: tuple[Layer, ...]
    operators: Mapping[str, int]
    metadata: Mapping[str, Any]
    scheme: str
    notes: tuple[str, ...]
    kernels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def figures(self) -> list[tuple[str, object]]:
        """See `edgernn.result.Result`."""
        return [
            *([] if self.file is None else [("file", self.file)]),
            *([] if self.size is None else [("bytes", self.size)]),
            ("parameters", "unknown" if self.parameters is None else self.parameters),
            ("multiply-accumulates", "unknown" if self.macs is None else self.macs),
            *([("scheme", self.scheme)] if self.scheme else []),
            ("inputs", ", ".join(f"{each.name} {list(each.shape)}" for each in self.inputs)),
            ("outputs", ", ".join(f"{each.name} {list(each.shape)}" for each in self.outputs)),
        ]

    def bars(self) -> list[Bar]:
        """Parameters of each layer, or how often there is each operator."""
        if self.layers:
            return [Bar(layer.name, layer.parameters, f"{layer.parameters:,} parameters") for layer in self.layers]
        return [Bar(name, count, str(count)) for name, count in self.operators.items()]

    def to_dict(self) -> dict[str, Any]:
        """See `edgernn.result.Result`."""
        return {
            "schema": "edgernn.inspect",
            "version": 1,
            "file": self.file,
            "kind": self.kind,
            "parameters": self.parameters,
            "macs": self.macs,
            "macs_per_step": self.macs_per_step,
            "counted": self.counted,
            "bytes": self.size,
            "weight_bytes": self.weight_bytes,
            "scheme": self.scheme,
            "inputs": [vars(tensor) for tensor in self.inputs],
            "outputs": [vars(tensor) for tensor in self.outputs],
            "layers": [
                {
                    "name": layer.name,
                    "class": layer.class_name,
                    "output_shape": layer.output_shape,
                    "parameters": layer.parameters,
                    "macs": layer.macs,
                    "macs_per_step": layer.macs_per_step,
                }
                for layer in self.layers
            ],
            "operators": self.operators,
            "kernels": self.kernels_document(),
            "metadata": self.metadata,
            "notes": self.notes,
        }

    def kernels_document(self) -> dict[str, dict[str, Any]]:
        """With which libraries of kernels it runs, for `--json`."""
        return {name: {"runs": not why, "reasons": list(why)} for name, why in self.kernels.items()}


def inspect(model: Any, *, steps: int | None = None, architecture: str | os.PathLike[str] | None = None) -> Inspection:
    """Look into a Keras model or a .tflite file of any tool.

    Args:
        model: a path, a Keras model, the content of a .tflite, or what `edgernn.convert` returned.
        steps: number of time steps, for a Keras model that leaves it open.
        architecture: of a Keras model that holds only weights, the JSON file of Keras's `model.to_json()`.

    Raises:
        InputError: no such file, not a model, damaged.
        UnsupportedError: a Keras model with layers that are not known.
        EnvironmentProblem: a package is missing.
    """
    if isinstance(model, Converted):
        model = source_of(model)
    if isinstance(model, bytes):
        return _tflite(read_tflite(model), None)
    path = Path(model) if isinstance(model, (str, os.PathLike)) else None
    if path is not None and _is_tflite(path):
        return _tflite(read_tflite(path), path)
    return _keras(model, path, steps, architecture)


def _is_tflite(path: Path) -> bool:
    """By content, or by name where the content is no model at all."""
    recover(path)
    if not path.exists():
        raise InputError(f"model '{path}': must be an existing file. Found: none.", hint="check the path.")
    if path.is_dir():
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"model '{path}': must be readable. Found: {reason}.", hint="check the path.") from error
    return start[4:] == b"TFL3" or (path.suffix == ".tflite" and not start.startswith((b"PK", b"\x89HDF")))


def _keras(model: Any, path: Path | None, steps: int | None, architecture: str | os.PathLike[str] | None) -> Inspection:
    from edgernn.converters.keras.reader import read_model
    from edgernn.converters.keras.source import joined

    read = read_model(joined(model, architecture), steps=steps)

    def tensors(values: Any) -> tuple[Tensor, ...]:
        return tuple(Tensor(value.name, value.shape, value.dtype) for value in values)

    return Inspection(
        kind="keras",
        file=path,
        size=path.stat().st_size if path is not None else None,
        weight_bytes=4 * read.parameters,
        parameters=read.parameters,
        macs=read.macs,
        macs_per_step=read.macs_per_step,
        counted="keras",
        inputs=tensors(read.graph.inputs),
        outputs=tensors(read.graph.outputs),
        layers=tuple(
            Layer(row.name, row.class_name, row.output_shape, row.parameters, row.macs, row.macs_per_step)
            for row in read.layers
        ),
        operators={},
        metadata={},
        scheme="float32",
        notes=read.notes,
    )


def _tflite(file: TfliteFile, path: Path | None) -> Inspection:
    own, counted = file.own, count(file)
    said = all(isinstance(own.get(key), int) for key in ("parameters", "macs", "macs_per_step"))

    def tensors(indices: tuple[int, ...], *, outputs: bool) -> tuple[Tensor, ...]:
        named = zip(file.names(indices, outputs=outputs), (file.main.tensors[k] for k in indices), strict=True)
        return tuple(Tensor(name, t.shape, t.dtype, t.scale, t.zero_point) for name, t in named)

    scheme = own.get("scheme")
    return Inspection(
        kind="tflite",
        file=path,
        size=len(file.content),
        weight_bytes=file.weight_bytes,
        parameters=own["parameters"] if said else counted.parameters,
        macs=own["macs"] if said else counted.macs,
        macs_per_step=own["macs_per_step"] if said else _macs_per_frame(own, counted),
        counted="metadata" if said else "file",
        inputs=tensors(file.main.inputs, outputs=False),
        outputs=tensors(file.main.outputs, outputs=True),
        layers=(),
        operators=file.operators,
        metadata=own,
        scheme=scheme if isinstance(scheme, str) else guessed_scheme(file),
        notes=(),
        kernels={library: reasons(found) for library, found in runs_with(file).items()},
    )


def _macs_per_frame(own: Mapping[str, Any], counted: Count) -> int | None:
    """Of a stream, the cost of a hop by its frames; else that of a step of the only loop."""
    hop = hop_of(own)
    return counted.macs // hop if hop and counted.macs is not None else counted.macs_per_step
