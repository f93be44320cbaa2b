"""Records of a comparison by formula: no noise but what is written here, so that figures can be checked by hand.

The plan is the real one (`edgernn.comparison.plan.Sweep`): lstm, gru, simplernn and a CNN, 16, 32 and 64 units, GRUs
with as many parameters as each LSTM, three schemes, two targets, three seeds, and two shares of the training data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgernn.comparison.plan import PlannedArtifact, PlannedModel, Sweep
from edgernn.comparison.records import Artifact, Latency, Model, Score, Task
from edgernn.comparison.results import Budget, Results

STEPS, FEATURES, CLASSES, TEST = 29, 12, 9, 370
ROUNDS = 15
FAILED = "gru-16-s1-int8-micro"  # the one artifact that fails
REASON = "TFLite-Micro: must run the artifact. Found: Didn't find op for builtin opcode 'WHILE'."

_GATES = {"lstm": 4, "gru": 3, "simplernn": 1}
_BIASES = {"lstm": 1, "gru": 2, "simplernn": 1}  # per gate and unit; a GRU with reset_after has two
_RIGHT = {"lstm": 352, "gru": 354, "simplernn": 336, "cnn": 350}  # right answers of 16 units, of 370
_HUNGER = {"lstm": 44, "gru": 30, "simplernn": 60, "cnn": 50}  # right answers lost with a quarter of the data
_WOBBLE = (0, 3, -3, 1, -1)  # by seed


def recurrent_parameters_of(cell: str, units: int) -> int:
    """Of the recurrent layer; a CNN has none, and as many parameters as the GRU of its units."""
    if cell == "cnn":
        return 0
    return _GATES[cell] * (units * (units + FEATURES) + _BIASES[cell] * units)


def parameters_of(cell: str, units: int) -> int:
    recurrent = recurrent_parameters_of("gru" if cell == "cnn" else cell, units)
    return recurrent + CLASSES * (units + 1)


def gru_units_for(parameters: int) -> int:
    """Of the GRU whose parameters are nearest."""
    return min(range(1, 200), key=lambda units: abs(parameters_of("gru", units) - parameters))


def sweep_of(units: Sequence[int] = (16, 32, 64), seeds: int = 3, cells: Sequence[str] = ()) -> Sweep:
    return Sweep(
        cells=tuple(cells) or ("lstm", "gru", "simplernn", "cnn"),
        units=tuple(units),
        schemes=("float32", "dynamic", "int8"),
        targets=("phone", "micro"),
        seeds=seeds,
        fractions=(0.25, 0.5),
        matched=tuple((size, gru_units_for(parameters_of("lstm", size))) for size in units) if not cells else (),
    )


def right_answers(model: PlannedModel) -> int:
    """Of the float model, of 370 test samples."""
    missing = (1 / model.fraction - 1) / 3 * _HUNGER[model.cell]  # 0 for all of the data, all of it for a quarter
    size = 2 * math.log2(model.units / 16)
    return min(TEST, round(_RIGHT[model.cell] + size - missing) + _WOBBLE[model.seed % len(_WOBBLE)])


def as_score(right: float, metric: str) -> float:
    """Accuracy, or an error that falls with it."""
    return right / TEST if metric == "accuracy" else 2 * (1 - right / TEST)


def model_of(plan: PlannedModel, *, trained: bool = True, metric: str = "accuracy") -> Model:
    parameters = parameters_of(plan.cell, plan.units)
    macs_per_step = recurrent_parameters_of("gru" if plan.cell == "cnn" else plan.cell, plan.units)
    figures = {
        "parameters": parameters,
        "recurrent_parameters": recurrent_parameters_of(plan.cell, plan.units),
        "macs": STEPS * macs_per_step + CLASSES * plan.units,
        "macs_per_step": macs_per_step,
    }
    if not trained:
        return Model(**vars(plan), **figures)  # type: ignore[arg-type]
    right = right_answers(plan)
    pace = {"lstm": 8.0, "gru": 5.0, "simplernn": 12.0, "cnn": 3.0}[plan.cell] + plan.seed / 2
    curve = tuple(as_score(right * (1 - 0.9 * math.exp(-epoch / pace)), metric) for epoch in range(1, 41))
    return Model(
        **vars(plan),
        **figures,  # type: ignore[arg-type]
        score=as_score(right, metric),
        validation=curve,
        loss=tuple(2 * math.exp(-epoch / pace) for epoch in range(1, 41)),
        epoch_seconds=(0.2 + parameters / 50_000) * (1 + plan.seed / 100),
        samples=round(243 * plan.fraction),
    )


def latency_of(parameters: int, scheme: str, turn: int) -> Latency:
    """All artifacts share the drift of the machine from round to round; each has a little noise of its own."""
    base = 20 + parameters * {"float32": 0.010, "dynamic": 0.008}.get(scheme, 0.006)
    rounds = tuple(base * (1 + number % 4 / 5) * (1 + (turn + number) % 3 / 200) for number in range(ROUNDS))
    ordered = sorted(rounds)
    return Latency(ordered[ROUNDS // 2], ordered[9 * ROUNDS // 10], ordered[0], rounds)


def artifact_of(plan: PlannedArtifact, model: PlannedModel, *, metric: str = "accuracy") -> Artifact:
    """Of a model that went well; without a metric nothing is scored."""
    if plan.id == FAILED:
        return Artifact(**vars(plan), failed=REASON)
    parameters = parameters_of(model.cell, model.units)
    integer = plan.scheme == "int8"
    categories = {
        "weights": parameters * (4 if plan.scheme == "float32" else 1),
        "quantization": 40 * model.units if integer else 0,
        "structure": 3000,
    }
    runs_on_micro = plan.scheme != "dynamic"
    arena = 4000 + model.units * {"lstm": 120, "gru": 100, "simplernn": 60, "cnn": 220}[model.cell]
    lost = {"float32": 0, "dynamic": 0, "int8": 1 + model.seed % 2}[plan.scheme]
    latency = latency_of(parameters, plan.scheme, model.seed)
    return Artifact(
        **vars(plan),
        file=f"{plan.id}.tflite",
        bytes=sum(categories.values()),
        categories=categories,
        arena_bytes=arena if runs_on_micro else None,
        activation_bytes=2000 + 24 * model.units,
        latency=latency,
        cold_start_us=700 + 3 * latency.p50,
        rss_bytes=2_000_000 + 4 * parameters,
        metric=metric,
        score=as_score(right_answers(model) - lost, metric) if metric else None,
        relative_error={"float32": 3e-7, "dynamic": 0.003, "int8": 0.01}[plan.scheme] if metric else None,
        operators={"FULLY_CONNECTED": 4, "WHILE": 1},
    )


def task_of(metric: str = "accuracy") -> Task:
    naive = (Score("most frequent class", as_score(31, metric)), Score("nearest mean", as_score(340, metric)))
    return Task(
        "japanese-vowels",
        "who of nine speakers speaks",
        metric,
        {"train": 243, "validation": 27, "test": TEST} if metric else {},
        STEPS,
        FEATURES,
        CLASSES,
        naive if metric else (),
        "Kudo, Toyama and Shimbo, CC BY 4.0" if metric else "",
    )


def records(
    units: Sequence[int] = (16, 32, 64),
    seeds: int = 3,
    metric: str = "accuracy",
    cells: Sequence[str] = (),
) -> tuple[Task, tuple[Model, ...], tuple[Artifact, ...]]:
    """What `assemble` is given; an empty metric stands for networks that were never trained."""
    sweep = sweep_of(units, seeds, cells)
    plans = [plan for plan in sweep.models() if metric or not plan.is_curve_point]
    models = tuple(model_of(plan, trained=bool(metric), metric=metric) for plan in plans)
    artifacts = tuple(artifact_of(file, plan, metric=metric) for plan in plans for file in sweep.artifacts(plan))
    return task_of(metric), models, artifacts


def file_records() -> tuple[Task, tuple[Model, ...], tuple[Artifact, ...]]:
    """Two files that somebody else made, without samples to score them on."""
    files = {"theirs": 18_432, "ours": 9_216}
    models = tuple(Model(name, "", 0, parameters=size // 4, macs=10 * size) for name, size in files.items())
    artifacts = tuple(
        Artifact(
            name,
            name,
            "float32",
            "any",
            file=f"{name}.tflite",
            bytes=size,
            categories={"weights": size - 3000, "structure": 3000},
            arena_bytes=6000,
            activation_bytes=3000,
            latency=latency_of(size // 4, "float32", 0),
            cold_start_us=900.0,
            rss_bytes=2_100_000,
            operators={"FULLY_CONNECTED": 3},
        )
        for name, size in files.items()
    )
    return Task("files"), models, artifacts


def results(
    units: Sequence[int] = (16, 32, 64),
    seeds: int = 3,
    metric: str = "accuracy",
    cells: Sequence[str] = (),
    budget: Budget | None = None,
) -> Results:
    """The whole comparison, with all that follows from the records."""
    from edgernn.comparison.answer import assemble

    task, models, artifacts = records(units, seeds, metric, cells)
    return assemble(
        started="2026-11-24T02:37:11+00:00",
        seconds=812.4,
        machine={"processor": "AMD EPYC", "cores": 2, "python": "3.11.7"},
        command=("edgernn", "compare", "--recipe", "japanese-vowels", "--units", ",".join(map(str, units))),
        complete=True,
        task=task,
        models=models,
        artifacts=artifacts,
        budget=budget,
        threshold=None,
        notes=("Models were trained two at a time; times were measured alone.",),
    )
