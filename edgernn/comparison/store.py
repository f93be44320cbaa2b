"""A comparison's folder: every measurement a small file of its own, written whole, so that nothing is measured twice.

DIR/comparison.json           what is compared; a folder holds one comparison
DIR/data/                     calibration.npz, test.npz
DIR/models/ID/                model.keras, run.json
DIR/artifacts/ID.tflite
DIR/records/models/ID.json    `Model`
DIR/records/artifacts/ID.json `Artifact`, without its times
DIR/records/cold.jsonl        cold starts and resident memory, a line each
DIR/records/rounds.jsonl      times, a line per artifact and round
DIR/results.json, results.csv, report.md, report.html, plots/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from edgernn.comparison.records import Artifact, Model
from edgernn.errors import InputError
from edgernn.files import atomic_write, explained

Record = TypeVar("Record", Model, Artifact)
_KINDS: Mapping[type, str] = {Model: "models", Artifact: "artifacts"}
SCHEMA = "edgernn.comparison"


class Store:
    """Reads and writes the records of one comparison; several processes may do so at once."""

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Open a folder, or begin a new one.

        Args:
            folder: made if missing.
            identity: what may not change between sessions: the task and how models are trained.

        Raises:
            InputError: the folder holds another comparison, or cannot be written.
            EnvironmentProblem: the disk is full.
        """
        self.folder = folder
        document = {"schema": SCHEMA, "version": 1, **identity}
        wanted = json.dumps(document, indent=2, sort_keys=True) + "\n"
        try:
            for name in ("data", "models", "artifacts", "records/models", "records/artifacts"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explained(folder, error) from error
        path = folder / "comparison.json"
        if not path.exists():
            atomic_write(path, wanted)
        elif (found := _read_json(path)) != json.loads(wanted):
            differ = [key for key in document if not isinstance(found, dict) or found.get(key) != document[key]]
            raise InputError(
                f"output '{folder}': must be a new folder, or hold this comparison. Found: one with another "
                f"{', '.join(differ) or 'content'}.",
                hint="choose another --output.",
            )

    def load(self, kind: type[Record], name: str) -> Record | None:
        """A record, or None if there is none yet; a damaged one does not count."""
        found = _read_json(self._path(kind, name))
        known = {field.name for field in fields(kind)}
        if not isinstance(found, dict) or set(found) != known:
            return None
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in found.items()
        }
        return kind(**values)

    def save(self, record: Model | Artifact) -> None:
        """Write a record.

        Raises:
            EnvironmentProblem: the disk is full.
        """
        atomic_write(self._path(type(record), record.id), json.dumps(asdict(record), indent=1) + "\n")

    def _path(self, kind: type, name: str) -> Path:
        return self.folder / "records" / _KINDS[kind] / f"{name}.json"

    def append(self, name: str, line: Mapping[str, Any]) -> None:
        """Add a line to a file of lines; what was there before is never touched.

        Raises:
            EnvironmentProblem: the disk is full.
        """
        path = self.folder / "records" / f"{name}.jsonl"
        try:
            with path.open("ab") as stream:
                stream.write(b"\n" + json.dumps(line).encode())  # a line that was cut off by a crash stays alone
        except OSError as error:
            raise explained(path, error) from error

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """The lines of such a file, without those that a crash has cut off."""
        path = self.folder / "records" / f"{name}.jsonl"
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as stream:
            for text in stream:
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if isinstance(line, dict):
                    yield line


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
