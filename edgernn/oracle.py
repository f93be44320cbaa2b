"""What a Keras model gives for samples: computed by Keras itself, or by edgernn's float reference."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgernn.converters.keras.reader import ReadModel
from edgernn.converters.keras.source import load_model
from edgernn.devices.host.stderr import captured_stderr
from edgernn.errors import EnvironmentProblem, InputError, missing_extra
from edgernn.reference import evaluate

Array = NDArray[Any]
Oracle = Literal["keras", "reference"]
ORACLES: tuple[Oracle, ...] = ("keras", "reference")
OnCount = Callable[[int, int], None]
_BATCH = 32


@dataclass(frozen=True)
class Expected:
    """Outputs to compare with.

    Attributes:
        outputs: `[samples, *shape]` float32, in the order of the read model's outputs.
        oracle: who computed them.
        note: why it was not Keras, or an empty string.
    """

    outputs: tuple[Array, ...]
    oracle: Oracle
    note: str


def expected_outputs(
    model: Any, read: ReadModel, inputs: Mapping[str, Array], wanted: Oracle | None, on_count: OnCount
) -> Expected:
    """Run a Keras model over samples; by default Keras does it, and edgernn's reference where Keras cannot.

    Args:
        model: what `read` was read from. Keras loads a file only here, after edgernn's reader has accepted it: every
            layer is then known, and none carries code.
        read: the model.
        inputs: `[samples, *shape]` per input.
        wanted: whom to ask; None for whoever can.
        on_count: is told how many samples are done, and of how many.

    Raises:
        InputError: Keras was asked for and cannot load the model.
        EnvironmentProblem: Keras was asked for and is not installed.
    """
    if wanted != "reference":
        try:
            keras_model = _load(model)
            return Expected(_keras_outputs(keras_model, read, inputs, on_count), "keras", "")
        except (EnvironmentProblem, InputError) as error:
            if wanted == "keras":
                raise
            note = f"compared with edgernn's float reference, not with Keras: {error.message}"
    else:
        note = ""
    return Expected(_reference_outputs(read, inputs, on_count), "reference", note)


def _load(model: Any) -> Any:
    if not isinstance(model, (str, os.PathLike)):
        return model
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with captured_stderr():  # some of TensorFlow's chatter heeds no setting
            import keras
    except ImportError as error:
        package = (error.name or "keras").partition(".")[0]
        raise missing_extra(package, "train", "Comparing with Keras") from error
    try:
        with captured_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return load_model(keras, model)
    except Exception as error:  # Keras has no common class of errors for what it cannot load
        found = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError(
            f"model '{model}': must be loadable by the Keras that is installed. Found: {found}",
            hint="leave --oracle keras out, or install the Keras that saved it.",
        ) from error


def _keras_outputs(model: Any, read: ReadModel, inputs: Mapping[str, Array], on_count: OnCount) -> tuple[Array, ...]:
    """Run in batches of one size, since a model may have a fixed one; each batch starts from a state of zeros."""
    arrays = [inputs[value.name] for value in read.graph.inputs]
    count = arrays[0].shape[0]
    batch = model.inputs[0].shape[0] or min(_BATCH, count)
    pieces: list[list[Array]] = []
    for start in range(0, count, batch):
        rows = np.minimum(np.arange(start, start + batch), count - 1)  # the last batch is filled up
        _forget(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = model.predict_on_batch(_arranged(model, [array[rows] for array in arrays]))
        pieces.append(_flat(result))
        on_count(min(start + batch, count), count)
    return tuple(np.concatenate(column)[:count].astype(np.float32) for column in zip(*pieces, strict=True))


def _arranged(model: Any, arrays: list[Array]) -> Any:
    """Arrays in Keras's order in the structure that the model was built with."""
    for structure in (getattr(model, "_inputs_struct", None), getattr(model, "_nested_inputs", None)):
        if isinstance(structure, Mapping):
            return dict(zip(sorted(structure), arrays, strict=True))
    return arrays[0] if len(arrays) == 1 else arrays


def _flat(result: Any) -> list[Array]:
    """The arrays of a structure in Keras's order: a dictionary by sorted key."""
    if isinstance(result, Mapping):
        return [array for key in sorted(result) for array in _flat(result[key])]
    if isinstance(result, Sequence):
        return [array for item in result for array in _flat(item)]
    return [np.asarray(result)]


def _forget(model: Any) -> None:
    """Reset the states of stateful layers; each sample of an artifact starts from zeros, too."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            forget = getattr(layer, "reset_state", None) or getattr(layer, "reset_states", None)
            if forget is not None:
                forget()


def _reference_outputs(read: ReadModel, inputs: Mapping[str, Array], on_count: OnCount) -> tuple[Array, ...]:
    count = next(iter(inputs.values())).shape[0]
    pieces = []
    for start in range(0, count, _BATCH):
        pieces.append(evaluate(read.graph, {name: array[start : start + _BATCH] for name, array in inputs.items()}))
        on_count(min(start + _BATCH, count), count)
    return tuple(np.concatenate([piece[name] for piece in pieces]).astype(np.float32) for name in read.outputs)
