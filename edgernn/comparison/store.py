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
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from edgernn.comparison.plan import PlannedArtifact, PlannedModel
from edgernn.comparison.records import Artifact, ColdStart, Model, Round, Session
from edgernn.comparison.schema import Mismatch, read
from edgernn.errors import InputError
from edgernn.files import append_line, atomic_write, explained
from edgernn.owned_folder import recover

Record = TypeVar("Record", Model, Artifact)
Line = TypeVar("Line", Round, ColdStart, Session)
_KINDS: Mapping[type, str] = {Model: "models", Artifact: "artifacts"}
_LINES: Mapping[type, str] = {Round: "rounds", ColdStart: "cold", Session: "sessions"}
SCHEMA = "edgernn.comparison"


class Store:
    """Reads and writes the records of one comparison; several processes may do so at once.

    Attributes:
        folder: the comparison's.
        damaged: what was found damaged and put aside, a sentence each.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Open a folder, or begin a new one.

        Args:
            folder: made if missing.
            identity: what may not change between sessions: the task and how models are trained.

        Raises:
            InputError: the folder holds another comparison, or cannot be written.
            EnvironmentProblem: the disk is full.
        """
        recover(folder)
        self.folder = folder
        self.damaged: list[str] = []
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

    def load(self, kind: type[Record], planned: PlannedModel | PlannedArtifact) -> Record | None:
        """The record of what is planned, or None if there is none yet.

        One that is damaged, or that is of something else, is put aside as ``ID.json.damaged``, and does not count.
        """
        path = self._path(kind, planned.id)
        if not path.exists():
            return None
        try:
            record = read(kind, _read_json(path))
        except Mismatch as error:
            self._put_aside(path, str(error))
            return None
        if differ := [name for name, value in vars(planned).items() if getattr(record, name) != value]:
            self._put_aside(path, f"{', '.join(differ)}: must be as planned.")
            return None
        return record

    def _put_aside(self, path: Path, why: str) -> None:
        aside = path.with_name(f"{path.name}.damaged")
        try:
            path.replace(aside)
        except OSError as error:
            raise explained(path, error) from error
        self.damaged.append(f"record '{aside}' was damaged, and is measured again: {why}")

    def save(self, record: Model | Artifact) -> None:
        """Write a record.

        Raises:
            EnvironmentProblem: the disk is full.
        """
        atomic_write(self._path(type(record), record.id), json.dumps(asdict(record), indent=1) + "\n")

    def _path(self, kind: type, name: str) -> Path:
        return self.folder / "records" / _KINDS[kind] / f"{name}.json"

    def append(self, line: Round | ColdStart | Session) -> None:
        """Add a line to its file of lines; what was there before is never touched.

        Raises:
            EnvironmentProblem: the disk is full.
        """
        path = self._lines(type(line))
        known = {name: value for name, value in asdict(line).items() if value not in (None, "")}
        try:
            append_line(path, json.dumps(known).encode())
        except OSError as error:
            raise explained(path, error) from error

    def lines(self, kind: type[Line]) -> Iterator[Line]:
        """The lines of such a file, without those that a crash has cut off or that are damaged."""
        path = self._lines(kind)
        if not path.exists():
            return
        with path.open(encoding="utf-8", errors="replace") as stream:
            for text in stream:
                try:
                    yield read(kind, json.loads(text))
                except (ValueError, RecursionError):
                    continue

    def _lines(self, kind: type) -> Path:
        return self.folder / "records" / f"{_LINES[kind]}.jsonl"


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
