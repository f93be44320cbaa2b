"""A comparison of files that exist: Keras models, of which artifacts are made, and artifacts as they are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgernn.comparison.plan import PlannedArtifact, planned_artifacts
from edgernn.comparison.records import Model, Task
from edgernn.comparison.session import Comparison
from edgernn.comparison.tasks import Samples
from edgernn.comparison.words import listed
from edgernn.errors import InputError
from edgernn.inspection import inspect
from edgernn.targets import INTEGER_SCHEMES


def plan_files(
    base: Comparison, files: Sequence[Path], schemes: Sequence[str], targets: Sequence[str], samples: Samples
) -> Comparison:
    """Complete a comparison with files.

    Args:
        base: its folder, budget and how it is run.
        files: `.keras`, `.h5` or `.tflite`.
        schemes: that Keras models are converted to.
        targets: for which they are converted.
        samples: to calibrate these with, and to score everything with.

    Raises:
        InputError: a file is missing or damaged, or samples are needed to calibrate with.
        UnsupportedError: a Keras model has layers that are not known.
    """
    models: list[Model] = []
    artifacts: list[PlannedArtifact] = []
    by_id: dict[str, Path] = {}
    for file in files:
        seen = inspect(file, steps=base.steps)
        id = _id(file, by_id)
        by_id[id] = file
        models.append(Model(id, "", 0, parameters=seen.parameters, macs=seen.macs, macs_per_step=seen.macs_per_step))
        if seen.kind == "tflite":
            target = str(seen.metadata.get("target", "any"))
            artifacts.append(PlannedArtifact(id, id, seen.scheme, target))
            continue
        if samples.calibration is None and any(scheme in INTEGER_SCHEMES for scheme in schemes):
            raise InputError(
                f"model '{file}': schemes with integers need calibration samples. Found: none.",
                hint="give some with --calibration FILE.npz, or leave int8 out of --schemes.",
            )
        artifacts += planned_artifacts(id, tuple(schemes), tuple(targets))
    return replace(
        base,
        task=Task(samples.test.name if samples.test is not None else "files"),
        artifacts=tuple(artifacts),
        samples=samples,
        files=by_id,
        hashes={id: hashlib.sha256(file.read_bytes()).hexdigest() for id, file in by_id.items()},
        given=tuple(models),
        notes=(*base.notes, *_equal(by_id)),
    )


def _equal(files: Mapping[str, Path]) -> list[str]:
    """A note for files of the same content, which have a row each all the same."""
    same: dict[bytes, list[str]] = {}
    for id, file in files.items():
        same.setdefault(hashlib.sha256(file.read_bytes()).digest(), []).append(f"'{id}' ({file})")
    return [f"{listed(names)} are the same file: their figures differ by noise alone." for names in same.values()
            if len(names) > 1]  # fmt: skip


def _id(file: Path, taken: dict[str, Path]) -> str:
    """A legal file name from the file's, with its folder's if that is taken, unlike those that are."""

    def legal(text: str) -> str:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "model"

    stem = legal(file.stem)
    if stem in taken and file.absolute().parent.name:
        stem = legal(f"{file.absolute().parent.name}-{file.stem}")
    return next(name for k in range(len(taken) + 1) if (name := stem if k == 0 else f"{stem}-{k + 1}") not in taken)
