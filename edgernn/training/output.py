"""A training run's folder, which comes into being whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from edgernn.errors import InputError

MODEL, RECORD = "model.keras", "run.json"
CALIBRATION, TEST = SAMPLES = ("calibration.npz", "test.npz")
FILES = (MODEL, *SAMPLES, RECORD)


class OutputFolder:
    """A temporary folder whose files become those of the output folder on `commit`; otherwise it vanishes.

    It lies on the same file system as the output, which makes the last step a rename, and it is made first, so that a
    place that cannot be written is found out before the training and not after.

    Attributes:
        path: the temporary folder, to be filled with samples before `commit` adds the rest.
    """

    def __init__(self, output: Path, *, replace_run: bool) -> None:
        """Take note of the output.

        Args:
            output: the folder to make or to add to.
            replace_run: whether files of an earlier run in it may be replaced; others are never touched.
        """
        self._output = output
        self._replace_run = replace_run

    def __enter__(self) -> OutputFolder:
        """Make the temporary folder, in the output or else in the nearest folder above that exists.

        Raises:
            InputError: there is an earlier run in the output, or the output cannot be written.
        """
        taken = [name for name in FILES if (self._output / name).exists()]
        if taken and not self._replace_run:
            raise InputError(
                f"output '{self._output}': must not hold an earlier run. Found: {', '.join(taken)}.",
                hint="choose another folder with --output, or replace the run with --force.",
            )
        place = self._output.absolute()
        while not place.exists():
            place = place.parent
        try:
            self.path = Path(tempfile.mkdtemp(prefix=".edgernn-train-", dir=place))
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove what is left of the temporary folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def commit(self, model: Any, document: dict[str, Any]) -> None:
        """Add the model and the record, and move all files into the output folder.

        The record goes last, since it says that the others are there.

        Args:
            model: of Keras.
            document: the record.

        Raises:
            InputError: the output cannot be written.
        """
        model.save(self.path / MODEL)
        (self.path / RECORD).write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
        try:
            self._output.mkdir(parents=True, exist_ok=True)
            (self._output / RECORD).unlink(missing_ok=True)
            for name in FILES:
                if (self.path / name).exists():
                    os.replace(self.path / name, self._output / name)
                else:  # an earlier run's
                    (self._output / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"output '{self._output}': must be a folder that can be written. Found: {error.strerror or error}.",
            hint="choose another folder with --output.",
        )
