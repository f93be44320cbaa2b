"""A comparison as it could have come out, for the tests of the report: every kind of row, claim, curve and plot."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import fmean, stdev

from edgernn.comparison.records import Artifact, Latency, Model, Score, Task
from edgernn.comparison.results import Answer, Budget, Claim, CurvePoint, Difference, Pairing, Results, Row

BLOCKS = {"lstm": 4, "gru": 3, "simplernn": 1, "cnn": 3}
NAMES = {"lstm": "LSTM", "gru": "GRU", "simplernn": "SimpleRNN", "cnn": "CNN"}
LEVEL = {"lstm": 0.965, "gru": 0.97, "simplernn": 0.93, "cnn": 0.955}
FLASH = 24 * 1024


def parameters_of(cell: str, units: int) -> int:
    return BLOCKS[cell] * (units * (units + 12) + 2 * units) + 9 * units + 9


def trained_model(cell: str, units: int, seed: int, chance: random.Random) -> Model:
    score = LEVEL[cell] + units / 5000 + chance.gauss(0, 0.006)
    epochs = 36 + chance.randrange(5)
    curve = tuple(score * (1 - 0.8 * 2.7 ** (-epoch / 6)) + chance.gauss(0, 0.01) for epoch in range(epochs))
    count = parameters_of(cell, units)
    return Model(
        f"{cell}-{units}-s{seed}",
        cell,
        units,
        seed,
        parameters=count,
        recurrent_parameters=count - 9 * units - 9,
        macs=29 * count,
        macs_per_step=count,
        score=score,
        validation=curve,
        loss=tuple(1 - value for value in curve),
        epoch_seconds=0.3 + BLOCKS[cell] / 20,
        samples=240,
    )


def row_of(
    cell: str, units: int, scheme: str, target: str, models: list[Model], chance: random.Random
) -> tuple[Row, list[Artifact]]:
    count = parameters_of(cell, units)
    weights = count * (4 if scheme == "float32" else 1)
    quantization = 0 if scheme == "float32" else 600 + 12 * units
    categories = {"weights": weights, "quantization": quantization, "structure": 3100, "metadata": 420}
    size = sum(categories.values())
    arena = 9000 + 90 * units if target == "micro" else None
    latency = 20 + count * (0.004 if scheme == "int8" else 0.008)
    scores = [(model.score or 0) - (0 if scheme == "float32" else 0.004 * chance.random()) for model in models]
    artifacts = [
        Artifact(
            f"{model.id}-{scheme}-{target}",
            model.id,
            scheme,
            target,
            file=f"{model.id}-{scheme}-{target}.tflite",
            bytes=size,
            categories=categories,
            arena_bytes=arena,
            latency=Latency(latency, 1.1 * latency, 0.9 * latency, tuple(latency + k / 100 for k in range(30))),
            score=score,
        )
        for model, score in zip(models, scores, strict=True)
    ]
    row = Row(
        f"{cell}-{units}-{scheme}-{target}",
        f"{NAMES[cell]} {units}",
        "cnn" if cell == "cnn" else "recurrent",
        cell,
        units,
        scheme,
        target,
        seeds=len(models),
        parameters=count,
        recurrent_parameters=models[0].recurrent_parameters,
        macs=29 * count,
        macs_per_step=count,
        bytes=size,
        categories=categories,
        arena_bytes=arena,
        activation_bytes=4000 + 30 * units,
        latency_us=latency,
        cold_start_us=900 + 3 * latency,
        rss_bytes=2_100_000 + 4 * size,
        epoch_seconds=models[0].epoch_seconds,
        epochs_to_score=7.0 + BLOCKS[cell],
        score=fmean(scores),
        score_spread=stdev(scores) if len(scores) > 1 else None,
        float_score=fmean(model.score or 0 for model in models),
        score_lost=fmean(model.score or 0 for model in models) - fmean(scores),
        relative_error=3e-7 if scheme == "float32" else 0.004,
        fits=size <= FLASH,
        misses=() if size <= FLASH else (f"flash: {(size - FLASH) / 1024:.1f} KiB over 24.0 KiB",),
    )
    return row, artifacts


def with_fronts(rows: list[Row]) -> tuple[list[Row], dict[str, tuple[str, ...]]]:
    fronts = {}
    for key in ("bytes", "arena_bytes", "latency_us"):
        best, found = float("-inf"), []
        scored = [row for row in rows if row.score is not None and getattr(row, key) is not None]
        for row in sorted(scored, key=lambda row: (getattr(row, key), -(row.score or 0))):
            if (row.score or 0) > best:
                best = row.score or 0
                found.append(row.id)
        fronts[key] = tuple(found)
    return [replace(row, fronts=tuple(key for key in fronts if row.id in fronts[key])) for row in rows], fronts


def pairing(equal: str, lstm: Row, gru: Row) -> Pairing:
    figures = {"bytes": "file bytes", "arena_bytes": "arena bytes", "latency_us": "time", "score": "score"}
    differences = []
    for figure, label in figures.items():
        left, right = getattr(lstm, figure), getattr(gru, figure)
        if left is None or right is None:
            continue
        ratio = None if figure == "score" else right / left
        low, high = (ratio * 0.98, ratio * 1.02) if ratio and figure == "latency_us" else (None, None)
        differences.append(Difference(figure, label, left, right, ratio, low, high, 0.25 if ratio is None else None))
    kind = "units" if equal == "units" else "parameters"
    return Pairing(kind, lstm.id, gru.id, lstm.scheme, lstm.target, tuple(differences))  # type: ignore[arg-type]


def example(units: tuple[int, ...] = (16, 32, 64), seeds: int = 3) -> Results:
    """Four cells, three sizes, three schemes, two targets, a baseline and a row that failed."""
    chance = random.Random(1)
    models: list[Model] = []
    artifacts: list[Artifact] = []
    rows: list[Row] = []
    curves: list[CurvePoint] = []
    for cell in BLOCKS:
        for size in units:
            trained = [trained_model(cell, size, seed, chance) for seed in range(seeds)]
            models += trained
            for scheme, target in (("float32", "phone"), ("dynamic", "phone"), ("int8", "phone"), ("int8", "micro")):
                row, files = row_of(cell, size, scheme, target, trained, chance)
                rows.append(row)
                artifacts += files
            if cell in ("lstm", "gru") and size == units[0]:
                for share in (0.25, 0.5, 1.0):
                    reached = tuple((model.score or 0) * (1 - 0.1 * (1 - share)) for model in trained)
                    curves.append(CurvePoint(cell, size, share, int(240 * share), reached))
    rows.append(Row("baseline", "most frequent class", "baseline", seeds=1, score=0.084))
    reason = "TFLite-Micro does not run it: Didn't find op for builtin opcode 'TANH' version '2'"
    rows.append(
        Row("gru-9-int16x8-micro", "GRU 9", "recurrent", "gru", 9, "int16x8", "micro", failures=3, reason=reason)
    )
    rows, fronts = with_fronts(rows)
    by_id = {row.id: row for row in rows}
    pairings = [
        pairing(equal, by_id[f"lstm-{size}-{files}"], by_id[f"gru-{size}-{files}"])
        for equal in ("units", "parameters")
        for size in units
        for files in ("float32-phone", "int8-micro")
    ]
    claims = (
        Claim("A GRU has three weight blocks where an LSTM has four.", "yes", "1,593 parameters against 2,073."),
        Claim("A GRU trains faster.", "no", "0.46 s per epoch against 0.45 s.", 0.031, 0.002, "permutation of pairs"),
        Claim("A GRU needs less data.", "within noise", "91.2 % against 90.8 %.", 0.5, 0.25, "permutation of signs"),
        Claim("A GRU is faster on the device.", "not measured", "There was no device."),
    )
    sentences = (
        "At 16 units the int8 file for a micro is 6.0 KiB instead of 6.4 KiB.",
        "What that costs is within noise.",
    )
    packages = {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}
    command = "edgernn compare --recipe japanese-vowels --cells lstm,gru,simplernn --units 16,32,64 --seeds 3"
    return Results(
        started="2026-11-24T02:37:11+00:00",
        seconds=812.4,
        edgernn="0.1.0",
        machine={"processor": "AMD EPYC", "cores": 2, "python": "3.11.7", "packages": packages},
        command=(*command.split(), "--output", "runs/my comparison"),
        complete=True,
        task=Task(
            "japanese-vowels",
            "who of nine speakers speaks",
            "accuracy",
            {"train": 240, "validation": 30, "test": 370},
            29,
            12,
            9,
            (Score("most frequent class", 0.084), Score("logistic regression on the means", 0.946)),
            "Kudo, Toyama and Shimbo, CC BY 4.0",
        ),
        models=tuple(models),
        artifacts=tuple(artifacts),
        rows=tuple(rows),
        threshold=0.9,
        budget=Budget(FLASH, 16 * 1024, 10_000.0, 0.95),
        best=f"gru-{units[0]}-int8-micro",
        pairings=tuple(pairings),
        claims=claims,
        curves=tuple(curves),
        fronts=fronts,
        answer=Answer("Take the GRU with 16 units in int8: it is smaller and answers as well.", sentences),
        notes=("Models were trained two at a time; times were measured alone.",),
    )


def untrained() -> Results:
    """Sizes and times only: no scores, no curves, no claims, no budget."""
    full = example()
    rows = tuple(
        replace(
            row,
            score=None,
            score_spread=None,
            float_score=None,
            score_lost=None,
            epoch_seconds=None,
            epochs_to_score=None,
            fits=None,
            misses=(),
            fronts=(),
        )
        for row in full.rows
        if row.kind != "baseline"
    )
    models = tuple(replace(model, score=None, validation=(), loss=()) for model in full.models)
    return replace(
        full,
        task=replace(full.task, metric="", baselines=()),
        rows=rows,
        models=models,
        threshold=None,
        budget=None,
        best="",
        pairings=(),
        claims=(),
        curves=(),
        fronts={},
    )


def all_failed() -> Results:
    """Nothing but reasons."""
    full = example()
    kept = full.rows[:3]
    rows = tuple(
        Row(
            row.id,
            row.name,
            row.kind,
            row.cell,
            row.units,
            row.scheme,
            row.target,
            failures=3,
            reason="the loss is nan",
        )
        for row in kept
    )
    empty = replace(untrained(), task=full.task, models=(), artifacts=(), rows=rows, answer=None, budget=full.budget)
    return replace(empty, complete=False)


def regression() -> Results:
    """Scores of which less is better."""
    full = example()
    rows = tuple(
        replace(row, score=1 - row.score, float_score=None, score_lost=0.0123) if row.score is not None else row
        for row in full.rows
    )
    return replace(full, task=replace(full.task, metric="rmse", baselines=()), rows=rows, threshold=0.05)


def many() -> Results:
    """More than 200 rows."""
    return example(units=tuple(range(8, 8 + 13)), seeds=3)


def one() -> Results:
    """A single file that somebody else made, run on samples without targets."""
    row = Row(
        "theirs", "their model.tflite", "file", seeds=1, bytes=4096, categories={"weights": 4096}, latency_us=12.5
    )
    return replace(untrained(), rows=(row,), models=(), artifacts=(), answer=None)
