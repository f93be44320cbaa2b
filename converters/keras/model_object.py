"""Python model objects: saved by Keras itself into a temporary file, so that there is one way to read a model."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgernn.errors import InputError, no_room

_PACKAGES = ("keras", "tf_keras")


def _is_keras_model(value: object) -> bool:
    return any(kind.__name__ == "Model" and kind.__module__.split(".")[0] in _PACKAGES for kind in type(value).__mro__)


@contextmanager
def saved_copy(model: Any) -> Iterator[Path]:
    """The model as a `.keras` file, for as long as the context lasts.

    Raises:
        InputError: this is no Keras model, it was never built, or Keras cannot save it.
        EnvironmentProblem: there is no room for the file.
    """
    if not _is_keras_model(model):
        raise InputError(
            f"model: must be a path or a Keras model. Found: {type(model).__name__}.",
            hint="give a .keras or .h5 file, a keras.Model or a keras.Sequential.",
        )
    if not model.built:
        raise InputError(
            f"model '{model.name}': must know the shape of its input. Found: a model never built.",
            hint="start it with keras.Input((steps, features)), or call model.build(...) first.",
        )
    with tempfile.TemporaryDirectory(prefix="edgernn-") as folder:
        path = Path(folder) / "model.keras"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.save(path)
        except OSError as error:
            raise no_room(error) from error
        except Exception as error:  # whatever the model's own classes raise when Keras asks for their configuration
            found = (str(error).splitlines() or [type(error).__name__])[0][:120]
            raise InputError(
                f"model '{model.name}': must be a model that Keras can save. Found: {found}",
                hint="build it from Keras's own layers with keras.Sequential or keras.Model(inputs, outputs).",
            ) from error
        yield path
