"""A training run's folder, which comes into being whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from edgernn import __version__
from edgernn.errors import InputError
from edgernn.files import explained
from edgernn.owned_folder import MANIFEST, manifest, recover, write_folder

MODEL, RECORD = "model.keras", "run.json"
CALIBRATION, TEST = SAMPLES = ("calibration.npz", "test.npz")
FILES = (MODEL, *SAMPLES, RECORD)
SCHEMA = "edgernn.run"


class OutputFolder:
    """A temporary folder whose files become those of the output folder on `commit`; otherwise it vanishes.

    The output is tried first, so that a place that cannot be written is found out before the training and not after.

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
        """Make the temporary folder.

        Raises:
            InputError: there is an earlier run in the output, or the output cannot be written.
        """
        recover(self._output)
        taken = [name for name in FILES if os.path.lexists(self._output / name)]
        if taken and not self._replace_run:
            raise InputError(
                f"output '{self._output}': must not hold an earlier run. Found: {', '.join(taken)}.",
                hint="choose another folder with --output, or replace the run with --force.",
            )
        place = self._output.absolute()
        while not place.exists():
            place = place.parent
        try:
            if not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            tempfile.TemporaryFile(dir=place).close()
        except OSError as error:
            raise InputError(
                f"output '{self._output}': must be a folder that can be written. Found: {error.strerror or error}.",
                hint="choose another folder with --output.",
            ) from error
        self._temporary = tempfile.TemporaryDirectory(prefix="edgernn-train-", ignore_cleanup_errors=True)
        self.path = Path(self._temporary.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the temporary folder."""
        self._temporary.cleanup()

    def commit(self, model: Any, document: dict[str, Any]) -> tuple[str, ...]:
        """Add the model and the record, and write all files into the output folder, in place of an earlier run's.

        Args:
            model: of Keras.
            document: the record.

        Returns:
            Which files of the user's, or of an edgernn that did not list them, are kept under another name.

        Raises:
            InputError: the output cannot be written.
            EnvironmentProblem: the disk is full.
        """
        model.save(self.path / MODEL)
        files: dict[str, str | bytes] = {RECORD: json.dumps(document, indent=2, allow_nan=False) + "\n"}
        files |= {name: path.read_bytes() for name in FILES if (path := self.path / name).exists()}
        about = {"schema": SCHEMA, "version": 1, "edgernn": __version__}
        try:
            self._output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explained(self._output, error) from error
        return write_folder(self._output, {**files, MANIFEST: manifest(about, files)}, force=True)
