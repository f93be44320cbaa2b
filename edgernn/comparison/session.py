"""One session of work on a comparison: what is not done yet is done, and everything is gathered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgernn.comparison.answer import assemble
from edgernn.comparison.plan import PlannedArtifact, PlannedModel
from edgernn.comparison.pool import Done, Task, run_all
from edgernn.comparison.records import Artifact, Model, Session
from edgernn.comparison.records import Task as WhatIsLearned
from edgernn.comparison.results import Budget, Results
from edgernn.comparison.store import Store
from edgernn.comparison.tasks import Samples, Training, make_artifact, measure_artifact, train_model
from edgernn.comparison.timing import ROUNDS, time_artifacts, timed
from edgernn.devices.host.machine import describe_machine, package_versions
from edgernn.errors import EnvironmentProblem

OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Comparison:
    """What to compare, completely decided.

    Attributes:
        folder: of the results.
        task: what is learned, or run on.
        models: to train.
        artifacts: to make, of these models or of `files`.
        training: how the models are trained; None where there are only files.
        files: existing models and artifacts by the id of their `Model`.
        hashes: of these files, SHA-256.
        given: the records of those files.
        samples: to calibrate and to score with.
        budget: that rows are judged by.
        threshold: validation score that epochs are counted to; None to derive it.
        jobs: processes at a time.
        rounds: of timing.
        steps: time steps of a Keras file that leaves them open.
        command: the words that repeat the comparison.
        notes: what a user should know of it.
    """

    folder: Path
    task: WhatIsLearned
    models: tuple[PlannedModel, ...] = ()
    artifacts: tuple[PlannedArtifact, ...] = ()
    training: Training | None = None
    samples: Samples = field(default_factory=Samples)
    files: Mapping[str, Path] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    given: tuple[Model, ...] = ()
    budget: Budget | None = None
    threshold: float | None = None
    jobs: int = 0
    rounds: int = ROUNDS
    steps: int | None = None
    command: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        """As many as asked for, or as there are cores."""
        return self.jobs or os.cpu_count() or 1


def run(comparison: Comparison, store: Store, on_progress: OnProgress) -> Results:
    """Train, convert, verify and time what has no record yet, and gather everything.

    Raises:
        EnvironmentProblem: a package is missing, or the disk is full; what was measured is kept.
        KeyboardInterrupt: likewise.
    """
    start = time.monotonic()
    try:
        _train(comparison, store, on_progress)
        _make(comparison, store, on_progress)
        well = [artifact for artifact in _artifacts(comparison, store) if not artifact.failed]
        time_artifacts(store, well, lambda done, of: on_progress("timing", done, of), comparison.rounds)
    finally:
        store.append(Session(_now(), round(time.monotonic() - start, 1)))
    return gather(comparison, store, complete=True)


def gather(comparison: Comparison, store: Store, *, complete: bool) -> Results:
    """The results, of whatever has been measured so far."""
    sessions = list(store.lines(Session))
    times = timed(store)
    artifacts = []
    for artifact in _artifacts(comparison, store):
        latency, cold, rss = times.get(artifact.id, (None, None, None))
        artifacts.append(replace(artifact, latency=latency, cold_start_us=cold, rss_bytes=rss))
    metric = comparison.task.metric or next((artifact.metric for artifact in artifacts if artifact.metric), "")
    return assemble(
        started=sessions[0].time if sessions else _now(),
        seconds=sum(session.seconds for session in sessions),
        machine={**describe_machine(), **package_versions()},
        command=comparison.command,
        complete=complete,
        task=replace(comparison.task, metric=metric),
        models=(*comparison.given, *_models(comparison, store)),
        artifacts=tuple(artifacts),
        budget=comparison.budget,
        threshold=comparison.threshold,
        notes=(*comparison.notes, *store.damaged),
    )


def _train(comparison: Comparison, store: Store, on_progress: OnProgress) -> None:
    """Train the models that there are no records of; those that failed before get another chance."""
    training = comparison.training
    if training is None:
        return
    known = {model.id for model in _models(comparison, store) if not model.failed}
    plans = {plan.id: plan for plan in comparison.models if plan.id not in known}
    folder = store.folder / "models"
    tasks = [Task(plan.id, train_model, (plan, training, folder / plan.id)) for plan in plans.values()]
    what = "training" if training.trained else "building"
    for done in _counted(what, tasks, comparison, store, on_progress):
        store.save(done.result or Model(**vars(plans[done.task.name]), failed=_reason(done)))


def _make(comparison: Comparison, store: Store, on_progress: OnProgress) -> None:
    """Make and measure the artifacts that there are no records of."""
    known = {artifact.id for artifact in _artifacts(comparison, store) if not artifact.failed}
    failed = {model.id: model.failed for model in _models(comparison, store) if model.failed}
    plans = {plan.id: plan for plan in comparison.artifacts if plan.id not in known}
    tasks = []
    for plan in plans.values():
        file = comparison.files.get(plan.model)
        output = store.folder / "artifacts" / f"{plan.id}.tflite"
        if plan.model in failed:
            store.save(Artifact(**vars(plan), failed=failed[plan.model]))
        elif file is not None and file.suffix == ".tflite":
            tasks.append(Task(plan.id, measure_artifact, (plan, file, output, comparison.samples)))
        else:
            model = file or store.folder / "models" / plan.model / "model.keras"
            tasks.append(Task(plan.id, make_artifact, (plan, model, output, comparison.samples, comparison.steps)))
    for done in _counted("converting and verifying", tasks, comparison, store, on_progress):
        store.save(done.result or Artifact(**vars(plans[done.task.name]), failed=_reason(done)))


def _counted(
    what: str, tasks: Sequence[Task], comparison: Comparison, store: Store, on_progress: OnProgress
) -> Iterator[Done]:
    """Run tasks, tell how many are done, and stop for what ails them all."""
    if not tasks:
        return
    on_progress(what, 0, len(tasks))
    for number, done in enumerate(run_all(tasks, comparison.processes, store.folder / "workers.log"), 1):
        if isinstance(done.error, EnvironmentProblem):
            raise done.error
        yield done
        on_progress(what, number, len(tasks))


def _reason(done: Done) -> str:
    if done.died is not None:
        return (
            f"the process that worked on it died, exit status {done.died}: the system may have run out of memory; "
            "workers.log may tell more."
        )
    return f"{type(done.error).__name__}: {done.error}"


def _models(comparison: Comparison, store: Store) -> list[Model]:
    return [found for plan in comparison.models if (found := store.load(Model, plan)) is not None]


def _artifacts(comparison: Comparison, store: Store) -> list[Artifact]:
    return [found for plan in comparison.artifacts if (found := store.load(Artifact, plan)) is not None]


def identity(comparison: Comparison) -> dict[str, Any]:
    """What must be the same for records of an earlier session to be of use; more cells, sizes, seeds may be added."""
    from edgernn import __version__

    return {
        "edgernn": __version__,
        "task": comparison.task.name,
        "training": None if comparison.training is None else asdict(comparison.training),
        "files": dict(comparison.hashes),
        "steps": comparison.steps,
    }


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
