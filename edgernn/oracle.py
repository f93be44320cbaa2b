"""What a Keras model gives for samples: computed by Keras itself, or by edgernn's float reference."""

from __future__ import annotations

import importlib
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
from edgernn.recordings import evaluate_recordings
from edgernn.reference import compute_wide, evaluate

Array = NDArray[Any]
Oracle = Literal["keras", "tf_keras", "reference"]
ORACLES: tuple[Oracle, ...] = ("keras", "reference")  # to ask for; keras is the generation that suits the file
OnCount = Callable[[int, int], None]
_BATCH = 32
_ROOM = 8.0  # another order of the same sums rounds otherwise


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
    model: Any,
    read: ReadModel,
    inputs: Mapping[str, Array],
    wanted: Oracle | None,
    on_count: OnCount,
    recordings: int = 0,
) -> Expected:
    """Run a Keras model over samples; by default Keras does it, and edgernn's reference where Keras cannot.

    Args:
        model: what `read` was read from. Keras loads a file only here, after edgernn's reader has accepted it: every
            layer is then known, and none carries code.
        read: the model.
        inputs: `[samples, *shape]` per input.
        wanted: whom to ask; None for whoever can.
        on_count: is told how many samples are done, and of how many.
        recordings: that the samples are windows of, over which a stateful model carries its state; 0 begins each anew.

    Raises:
        InputError: Keras was asked for and cannot load the model, or it loads it and cannot run it.
        EnvironmentProblem: Keras was asked for and is not installed.
    """
    if wanted != "reference":
        try:
            keras_model, oracle = load_keras(model, read.keras_major)
        except (EnvironmentProblem, InputError) as error:
            if wanted == "keras":
                raise
            note = f"compared with edgernn's float reference, not with Keras, {_UNSEEN}: {error.message}"
        else:
            return Expected(_keras_outputs(keras_model, read, inputs, on_count, recordings), oracle, "")
    else:
        note = ""
    return Expected(_reference_outputs(read, inputs, on_count, recordings), "reference", note)


_UNSEEN = "so a model that edgernn reads wrongly is not noticed"


def load_keras(model: Any, major: int) -> tuple[Any, Oracle]:
    """The model as a Keras that is installed loads it, for a file of Keras 2 that generation first.

    Nothing is loaded that edgernn's reader has not accepted: the caller has read the model.

    Args:
        model: a file, or a model object, which is returned.
        major: the generation of Keras that wrote the file.

    Raises:
        InputError: no Keras that is installed can load it.
        EnvironmentProblem: none is installed.
    """
    if not isinstance(model, (str, os.PathLike)):
        return model, "tf_keras" if type(model).__module__.startswith("tf_keras.") else "keras"
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    packages: tuple[Oracle, ...] = ("tf_keras", "keras") if major < 3 else ("keras",)
    missing: list[ImportError] = []
    problems: list[str] = []
    for package in packages:
        try:
            return _load(package, model), package
        except ImportError as error:
            missing.append(error)
        except Exception as error:  # Keras has no common class of errors for what it cannot load
            problems.append(f"{package}: {first_line(error)}")
    if not problems:
        absent = (missing[-1].name or "keras").partition(".")[0]
        raise missing_extra(absent, "train", "Comparing with Keras") from missing[-1]
    raise InputError(
        f"model '{model}': must be loadable by the Keras that is installed. Found: {'; '.join(problems)}",
        hint="pip install 'edgernn[keras2]' brings the Keras that loads files of Keras 2."
        if any((error.name or "").startswith("tf_keras") for error in missing)
        else "leave --oracle keras out, or install the Keras that saved it.",
    )


def _load(package: str, model: str | os.PathLike[str]) -> Any:
    with captured_stderr():  # some of TensorFlow's chatter heeds no setting
        keras = importlib.import_module(package)
    with captured_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model(keras, model)


def first_line(error: BaseException) -> str:
    """What an exception of a library says first, for a message of one line."""
    lines = [line.strip() for line in str(error).splitlines()]
    return (next(filter(None, lines), "") or type(error).__name__)[:160]


def _keras_outputs(
    model: Any, read: ReadModel, inputs: Mapping[str, Array], on_count: OnCount, recordings: int
) -> tuple[Array, ...]:
    """Run in batches of one size, since a model may have a fixed one; each recording starts from a state of zeros."""
    total = next(iter(inputs.values())).shape[0]
    count = recordings or total  # each of as many windows as there are
    windows = total // count
    arrays = [inputs[value.name] for value in read.graph.inputs]
    arrays = [array.reshape(count, windows, *array.shape[1:]) for array in arrays]
    batch = model.inputs[0].shape[0] or min(_BATCH, count)
    pieces: list[list[Array]] = []
    for start in range(0, count, batch):
        rows = np.minimum(np.arange(start, start + batch), count - 1)  # the last batch is filled up
        _forget(model)
        parts = []
        for k in range(windows):
            parts.append(_predicted(model, [array[rows, k] for array in arrays]))
            on_count(min(start * windows + (k + 1) * batch, total), total)
        pieces.append([np.stack(column, axis=1) for column in zip(*parts, strict=True)])
    columns = (np.concatenate(column)[:count] for column in zip(*pieces, strict=True))
    return tuple(column.reshape(total, *column.shape[2:]).astype(np.float32) for column in columns)


def _predicted(model: Any, arrays: list[Array]) -> list[Array]:
    """One batch's outputs in Keras's order.

    Raises:
        InputError: Keras cannot run its own model.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _flat(model.predict_on_batch(_arranged(model, arrays)))
    except Exception as error:  # of TensorFlow, JAX or whatever Keras runs on
        raise InputError(
            f"model '{model.name}': must run in Keras on these samples. Found: {first_line(error)}",
            hint="try model.predict on them; --oracle reference compares with edgernn's own arithmetic instead.",
        ) from error


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


def _reference_outputs(
    read: ReadModel, inputs: Mapping[str, Array], on_count: OnCount, recordings: int
) -> tuple[Array, ...]:
    if recordings:
        found = evaluate_recordings(read.graph, inputs, recordings)
        return tuple(found[name].astype(np.float32) for name in read.outputs)
    count = next(iter(inputs.values())).shape[0]
    pieces = []
    for start in range(0, count, _BATCH):
        pieces.append(evaluate(read.graph, {name: array[start : start + _BATCH] for name, array in inputs.items()}))
        on_count(min(start + _BATCH, count), count)
    return tuple(np.concatenate([piece[name] for piece in pieces]).astype(np.float32) for name in read.outputs)


def own_rounding(read: ReadModel, inputs: Mapping[str, Array]) -> list[float]:
    """What 32-bit floats round in the model itself, per output: the largest difference from 64 bits, with some room."""
    few = {name: array[:_BATCH] for name, array in inputs.items()}
    with np.errstate(all="ignore"):
        narrow, wide = evaluate(read.graph, few), evaluate(read.graph, few, compute=compute_wide)
    return [_ROOM * float(np.nan_to_num(np.abs(narrow[name] - wide[name])).max()) for name in read.outputs]
