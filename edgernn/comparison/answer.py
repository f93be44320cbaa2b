"""From records to the answer: everything that follows from what was measured, in the order in which it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgernn.comparison.alone import alone
from edgernn.comparison.budget import best, judge
from edgernn.comparison.claims import claims
from edgernn.comparison.evidence import Evidence
from edgernn.comparison.learning import QUANTIZATION
from edgernn.comparison.pairings import pairings
from edgernn.comparison.pareto import fronts
from edgernn.comparison.records import Artifact, Model, Task
from edgernn.comparison.results import Answer, Budget, Results
from edgernn.comparison.rows import curves, epoch_threshold, rows, runs_by_row
from edgernn.comparison.savings import in_short, saved, scored
from edgernn.comparison.simpler import best_network, not_needed, simpler
from edgernn.comparison.statistics import LEVEL, sampling_error
from edgernn.comparison.words import amount, counted, listed, metric_name, points, row_words, score_text


def assemble(
    *,
    started: str,
    seconds: float,
    machine: Mapping[str, Any],
    command: Sequence[str],
    complete: bool,
    task: Task,
    models: Sequence[Model],
    artifacts: Sequence[Artifact],
    budget: Budget | None = None,
    threshold: float | None = None,
    notes: Sequence[str] = (),
) -> Results:
    """Everything that follows from the records; see `Results` for the words.

    Args:
        started: time of the first measurement.
        seconds: of work so far.
        machine: what it ran on.
        command: the words that repeat it.
        complete: False after an interruption.
        task: what the models learn.
        models: all of them, also those that failed.
        artifacts: of these models.
        budget: to judge the rows by.
        threshold: validation score that epochs are counted to; None to derive it from the scores.
        notes: what else a user should know.
    """
    from edgernn import __version__

    metric = task.metric
    goal = threshold if threshold is not None and metric else epoch_threshold(task, models)
    runs = runs_by_row(models, artifacts)
    plain = rows(task, models, artifacts, goal)
    judged, on_fronts = fronts(judge(plain, budget, metric), metric)
    pairs = pairings(judged, runs, metric, goal)
    points_of = curves(models)
    evidence = Evidence(task, tuple(models), runs, judged, pairs, points_of, goal)
    chosen = best(judged, metric, evidence.test_samples) if budget is not None else None
    so_far = Results(
        started=started,
        seconds=seconds,
        edgernn=__version__,
        machine=machine,
        command=tuple(command),
        complete=complete,
        task=task,
        models=tuple(models),
        artifacts=tuple(artifacts),
        rows=judged,
        threshold=goal,
        budget=budget,
        best=chosen.row.id if chosen is not None and chosen.row is not None else "",
        pairings=pairs,
        claims=claims(evidence),
        curves=points_of,
        fronts=on_fronts,
        notes=tuple(notes),
    )
    return replace(so_far, answer=answer(so_far, evidence))


def answer(results: Results, evidence: Evidence) -> Answer:
    """The comparison in words: nothing that the rows and claims do not say, each sentence with its numbers.

    Args:
        results: complete but for the answer.
        evidence: what they were made of.
    """
    if not any(row.seeds for row in results.rows):
        return _nothing(results)
    headline = _headline(results, evidence)
    sentences = [
        *_compared(results, evidence),
        *(simpler(evidence) if evidence.has_both else alone(evidence)),
        *_budget(results, evidence),
        *_unknown(results, evidence),
    ]
    return Answer(headline, tuple(sentence for sentence in sentences if sentence not in ("", headline)))


def _nothing(results: Results) -> Answer:
    failed = [row for row in results.rows if row.failures]
    if not failed:
        return Answer("Nothing has been measured yet.", ())
    headline = f"Nothing worked: {counted(len(failed), 'combination')} failed."
    return Answer(headline, (f"The first, {row_words(failed[0])}, because: {failed[0].reason}",))


def _headline(results: Results, evidence: Evidence) -> str:
    best_row = next((row for row in results.rows if row.id == results.best), None)
    if not evidence.has_both:
        words = alone(evidence)
        return f"{row_words(best_row)} is the best within the budget." if best_row else words[0]
    end = f" Within the budget, {row_words(best_row)} is the best." if best_row else ""
    if simple := not_needed(evidence):
        return simple + end
    short = in_short(evidence)
    if not short:
        return f"There is no LSTM and GRU of equal units to compare.{end}"
    where = f"On {results.task.name}, a" if results.task.metric else "A"
    return f"{where} GRU in an LSTM's place: {short}.{end}"


def _compared(results: Results, evidence: Evidence) -> list[str]:
    if not evidence.has_both:
        return []
    return [
        saved(evidence, "units"),
        scored(evidence, "units"),
        saved(evidence, "parameters"),
        scored(evidence, "parameters"),
        *(claim.figures for claim in results.claims if claim.claim == QUANTIZATION and claim.p is not None),
    ]


def _budget(results: Results, evidence: Evidence) -> list[str]:
    if results.budget is None:
        return []
    budget, metric = results.budget, results.task.metric
    limits = [
        f"{name} {amount(figure, limit)}"
        for name, figure, limit in (
            ("flash", "bytes", budget.flash),
            ("RAM", "arena_bytes", budget.ram),
            ("latency", "latency_us", budget.latency_us),
        )
        if limit is not None
    ]
    if budget.score is not None:
        limits.append(f"{metric_name(budget.metric or metric)} {score_text(budget.metric or metric, budget.score)}")
    judged = [row for row in results.rows if row.kind != "baseline" and row.seeds]
    fitting = sum(row.fits is True for row in judged)
    whose = f" of {budget.board}" if budget.board else ""
    verb = "fits" if fitting == 1 else "fit"
    words = (
        f"Under the budget{whose} ({listed(limits) or 'no limit'}), {fitting} of {counted(len(judged), 'row')} {verb}."
    )
    sentences = [f"{words} {best(results.rows, metric, evidence.test_samples).why}"]
    if budget.score is not None and budget.metric and budget.metric != metric:
        found = f"scores here are {metric_name(metric)}" if metric else "nothing is scored here"
        sentences.append(f"The budget limits the {metric_name(budget.metric)}, but {found}.")
    return sentences


def _unknown(results: Results, evidence: Evidence) -> list[str]:
    """What cannot be told: too few seeds, too few samples, what failed."""
    sentences = []
    if evidence.has_both:
        hopeless = [
            claim.claim for claim in results.claims if claim.smallest_p is not None and claim.smallest_p > LEVEL
        ]
        if hopeless:
            seeds = max(row.seeds for row in results.rows)
            sentences.append(
                f"With {counted(seeds, 'seed')}, no difference can be significant at 5 % for: {_quoted(hopeless)}."
            )
        tests = sum(claim.p is not None for claim in results.claims) - len(hopeless)
        if tests:
            sentences.append(
                f"The seeds test {counted(tests, 'claim')}, each at 5 %: where there is no difference, one test in "
                "twenty finds one nevertheless."
            )
    top = best_network(evidence, sorted({model.cell for model in results.models}))
    if evidence.test_samples and top is not None:
        error = points("accuracy", sampling_error(top.scores.mean, evidence.test_samples))
        sentences.append(
            f"An accuracy of {score_text('accuracy', top.scores.mean)} on {evidence.test_samples:,} test samples has a "
            f"standard error of {error} from the choice of the samples alone."
        )
    failed = [row for row in results.rows if row.failures]
    if failed:
        runs = counted(sum(row.failures for row in failed), "run")
        rows_of = counted(len(failed), "row")
        sentences.append(f"Failed: {runs} in {rows_of}, the first because: {failed[0].reason}")
    return sentences


def _quoted(sentences: Sequence[str]) -> str:
    return listed([f"“{sentence.rstrip('.')}”" for sentence in sentences])
