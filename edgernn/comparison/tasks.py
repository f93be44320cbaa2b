"""What the worker processes do: train a model, or make an artifact and measure all of it that is not a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgernn.comparison.plan import PlannedArtifact, PlannedModel
from edgernn.comparison.records import Artifact, Model
from edgernn.errors import EdgernnError, EnvironmentProblem
from edgernn.files import atomic_write

Record = TypeVar("Record", Model, Artifact)


@dataclass(frozen=True)
class Training:
    """How all models of a comparison are trained.

    Attributes:
        recipe: its name; empty for a network of the given shape, which stays untrained.
        trained: False to keep the random weights.
        epochs: instead of the recipe's; None for the recipe's.
        steps: of an input; likewise features, classes: for a network without a recipe.
    """

    recipe: str
    trained: bool = True
    epochs: int | None = None
    steps: int = 0
    features: int = 0
    classes: int = 0


@dataclass(frozen=True)
class Samples:
    """Files of samples; None where there are none."""

    calibration: Path | None = None
    test: Path | None = None


def train_model(plan: PlannedModel, training: Training, folder: Path) -> Model:
    """Train (or only build) one network into `folder`; a failure is a record that says why.

    Raises:
        EnvironmentProblem: what ails this model will ail all: a package or the data is missing, the disk is full.
    """

    def work() -> Model:
        document = _trained(plan, training, folder)
        from edgernn.inspection import inspect

        seen = inspect(folder / "model.keras")
        history = document.get("history") or {}
        return Model(
            **vars(plan),
            parameters=seen.parameters,
            recurrent_parameters=document["recurrent_parameters"],
            macs=seen.macs,
            macs_per_step=seen.macs_per_step,
            score=document["score"],
            validation=tuple(history.get("validation_score", ())),
            loss=tuple(history.get("loss", ())),
            epoch_seconds=document.get("seconds_per_epoch"),
            samples=(document.get("samples") or {}).get("train"),
        )

    return _recorded(work, lambda reason: Model(**vars(plan), failed=reason))


def _trained(plan: PlannedModel, training: Training, folder: Path) -> dict[str, Any]:
    """The run's record, run.json."""
    from edgernn.training import Shape, build, train

    if training.trained:
        train(
            training.recipe,
            cell=plan.cell,
            units=plan.units,
            output=folder,
            seed=plan.seed,
            fraction=plan.fraction,
            epochs=training.epochs,
            samples=False,
            force=True,
        )
    else:
        source = training.recipe or Shape(training.steps, training.features, training.classes)
        build(source, cell=plan.cell, units=plan.units, output=folder, seed=plan.seed, force=True)
    document: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return document


def make_artifact(plan: PlannedArtifact, model: Path, output: Path, samples: Samples, steps: int | None) -> Artifact:
    """Convert one model, and measure the artifact's size, memory, error and score; a failure is a record that says why.

    Raises:
        EnvironmentProblem: a package is missing, or the disk is full.
    """

    def work() -> Artifact:
        from edgernn.conversion import convert

        calibration = samples.calibration if plan.scheme in ("int8", "int16x8") else None
        convert(model, output, quantize=plan.scheme, target=plan.target, calibration=calibration, steps=steps)
        return _measured(plan, output, model, samples)

    return _recorded(work, lambda reason: Artifact(**vars(plan), failed=reason))


def measure_artifact(plan: PlannedArtifact, file: Path, output: Path, samples: Samples) -> Artifact:
    """Measure a copy of an artifact that exists; there is no model to compare it with, but perhaps a score."""

    def work() -> Artifact:
        atomic_write(output, file.read_bytes())
        return _measured(plan, output, None, samples)

    return _recorded(work, lambda reason: Artifact(**vars(plan), failed=reason))


def _measured(plan: PlannedArtifact, path: Path, model: Path | None, samples: Samples) -> Artifact:
    from edgernn.converters.tflite.accounting import account
    from edgernn.converters.tflite.liveness import peak_activation_bytes
    from edgernn.converters.tflite.reader import read_tflite
    from edgernn.profiling.micro import profile_micro
    from edgernn.running import score
    from edgernn.verification import verify

    file = read_tflite(path)
    micro, _ = profile_micro(file)
    runtime = "micro" if plan.target == "micro" and micro is not None and micro.runs else "litert"
    metric = error = None
    if samples.test is not None and model is not None:
        verified = verify(model, file.content, samples.test, runtime=runtime, oracle="reference")
        metric, error = verified.metric, verified.relative_error
    elif samples.test is not None:
        metric = score(file.content, samples.test, runtime=runtime)
    return Artifact(
        **vars(plan),
        file=path.name,
        bytes=len(file.content),
        categories=account(file),
        arena_bytes=micro.smallest if micro else None,
        activation_bytes=peak_activation_bytes(file),
        metric=metric.name if metric else "",
        score=metric.artifact if metric else None,
        relative_error=error,
        operators=file.operators,
    )


def _recorded(work: Callable[[], Record], failed: Callable[[str], Record]) -> Record:
    """The record that work gives, or the one that says why it failed."""
    try:
        return work()
    except EnvironmentProblem:
        raise
    except EdgernnError as error:
        return failed(str(error))
    except Exception as error:  # a bug, or a limit of a library, costs its combination and not the comparison
        return failed(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
