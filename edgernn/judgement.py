"""Whether an artifact is good enough: what is looked at, and where its limit lies.

`docs/verifying.md` says what each criterion can and cannot see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgernn.distances import Errors
from edgernn.graph import Graph, Scan, Value
from edgernn.graph import operators as ops
from edgernn.metrics import Metric

Criterion = Literal["metric", "agreement", "spread", "column", "relative"]
OutputKind = Literal["probabilities", "bounded", "linear", "other"]

# On the error over the outputs' spread, by scheme.
TOLERANCES: Mapping[str, float] = {"float32": 1e-4, "float16": 1e-2, "dynamic": 3e-2, "int16x8": 1e-2, "int8": 3e-2}
# On the relative error, where the outputs have no spread to speak of.
RELATIVE_TOLERANCES: Mapping[str, float] = {
    "float32": 1e-4,
    "float16": 5e-3,
    "dynamic": 3e-2,
    "int16x8": 3e-2,
    "int8": 5e-2,
}
LARGEST_LOSS: Mapping[str, float] = {"accuracy": 0.005, "auc": 0.005, "rmse": 0.02, "perplexity": 0.02}
# What an output may err, in tolerances, whose task is done as well; most faults that leave a metric as it is err more.
BESIDE_TARGETS = 3.0
BESIDE_TARGETS_IN_8_BITS = 5.0  # rounding of 8-bit states that leaves an accuracy as it is was seen to err by four
COLUMN = 10.0  # what a single column may err, in tolerances: one scale of 8 bits serves small columns badly
_ULPS = 8  # units in the last place that sums of products lose against those in another order
_EPSILON: Mapping[str, float] = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_EXACTLY = 1 + 1e-9  # half a point is within half a point, also where the difference of two accuracies is rounded


@dataclass(frozen=True)
class Limits:
    """What may be lost.

    Attributes:
        spread: on the error over the outputs' spread.
        relative: on the relative error, where there is no spread.
        loss: of the metric, in points / 100 or relative, by its name.
        beside: on the error over the spread where the metric decides.
        column: on that of a single column of a linear output.
    """

    spread: float
    relative: float
    loss: Mapping[str, float]
    beside: float
    column: float

    @classmethod
    def of(
        cls,
        scheme: str,
        precision: str = "float32",
        tolerance: float | None = None,
        max_loss: float | None = None,
        *,
        narrow: bool = False,
    ) -> Limits:
        """The limits of an artifact.

        Args:
            scheme: of quantization.
            precision: in which Keras computes the model; its outputs are not better than that.
            tolerance: the user's, on the error.
            max_loss: the user's, in points or per cent.
            narrow: its states have 8 bits.
        """
        loss = LARGEST_LOSS if max_loss is None else dict.fromkeys(LARGEST_LOSS, 0.01 * max_loss)
        if tolerance is not None:
            return cls(tolerance, tolerance, loss, tolerance, COLUMN * tolerance)
        least = _ULPS * _EPSILON[precision] if precision != "float32" else 0.0
        spread = max(TOLERANCES[scheme], least)
        beside = BESIDE_TARGETS_IN_8_BITS if narrow else BESIDE_TARGETS
        return cls(spread, max(RELATIVE_TOLERANCES[scheme], least), loss, beside * spread, COLUMN * spread)


@dataclass(frozen=True)
class Verdict:
    """One criterion, applied to one output.

    Attributes:
        output: its name.
        criterion: `metric`, what the task's metric loses; `agreement`, the share of answers that are not Keras's
            choice, which decides only where a scheme is chosen without targets; `spread`, the error over the outputs'
            spread; `column`, that of the worst column; `relative`, the relative error.
        found: a fraction: 0.005 is half a point of accuracy, or half a per cent.
        limit: the largest that passes.
    """

    output: str
    criterion: Criterion
    found: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether it is within the limit; what is not a number is not."""
        return bool(self.found <= self.limit)


def judge(errors: Errors, kind: OutputKind, limits: Limits, rounding: float) -> list[Verdict]:
    """Every criterion that an output must meet; the first is the one that decides about good artifacts.

    Args:
        errors: of the output.
        kind: of numbers it holds.
        limits: of the artifact.
        rounding: differences that float arithmetic itself makes; smaller ones are none.
    """
    metric = errors.metric
    verdicts = []
    if metric is not None and metric.telling:
        verdicts.append(Verdict(errors.name, "metric", metric.loss, _largest_loss(metric, limits)))
    if errors.max_error <= rounding:
        error = errors.spread_error or 0.0
        equal = Verdict(errors.name, "spread", error, max(limits.spread, error))
        return [*(verdict for verdict in verdicts if verdict.passed), equal]
    beside = bool(verdicts)
    if errors.spread_error is None:
        limit = limits.relative * (BESIDE_TARGETS_IN_8_BITS if beside else 1.0)
        verdicts.append(Verdict(errors.name, "relative", errors.relative_error, limit))
    else:
        limit = limits.beside if beside else limits.spread
        verdicts.append(Verdict(errors.name, "spread", errors.spread_error, limit))
    if kind == "linear" and errors.column_error is not None:
        verdicts.append(Verdict(errors.name, "column", errors.column_error, limits.column))
    return verdicts


def judge_all(
    graph: Graph,
    compared: Sequence[Errors],
    limits: Limits,
    largest: Sequence[float],
    precision: str,
    own: Sequence[float] | None = None,
) -> list[Verdict]:
    """Every criterion of every output.

    Args:
        graph: of the model.
        compared: the errors of its outputs, in order.
        limits: of the artifact.
        largest: absolute number that Keras gives, of each output.
        precision: in which Keras computes.
        own: what float32 rounds in the whole of the model, of each output, if that was measured.
    """
    found = []
    for k, (errors, value) in enumerate(zip(compared, graph.outputs, strict=True)):
        kind = output_kind(graph, value)
        rounding = float_rounding(kind, largest[k], precision)
        found += judge(errors, kind, limits, max(rounding, own[k] if own else 0.0))
    return found


def judge_choices(graph: Graph, compared: Sequence[Errors], samples: int, limit: float) -> list[Verdict]:
    """Of outputs that stand for a choice and have no telling targets: how many choices differ from Keras's.

    Args:
        graph: of the model.
        compared: the errors of its outputs, in order.
        samples: that were compared.
        limit: on the share that differs; a single answer always may.
    """
    found = []
    for errors, value in zip(compared, graph.outputs, strict=True):
        told = errors.metric is not None and errors.metric.telling
        if errors.agreement is None or told or not _is_choice(graph, value):
            continue
        answers = samples * math.prod(value.shape[:-1])
        found.append(Verdict(errors.name, "agreement", 1 - errors.agreement, max(limit, 1 / answers) * _EXACTLY))
    return found


def _largest_loss(metric: Metric, limits: Limits) -> float:
    """A single answer may always differ: of fewer than 200 it is more than half a point."""
    limit = limits.loss[metric.name]
    if metric.name == "accuracy" and metric.answers:
        limit = max(limit, 1 / metric.answers)
    return limit * _EXACTLY


def deciding(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict to tell: the worst of those that failed, or else the tightest of the outputs' first ones."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    first = list({verdict.output: verdict for verdict in reversed(verdicts)}.values())
    return max(failed or first, key=_nearness)


def _nearness(verdict: Verdict) -> float:
    """How far of the way to its limit; what is not a number is beyond all."""
    if verdict.found != verdict.found:
        return float("inf")
    return verdict.found / verdict.limit if verdict.limit else verdict.found


def float_rounding(kind: OutputKind, largest: float, precision: str) -> float:
    """What a float kernel's last operation rounds: functions that end at 1 are computed beside a 1.

    Args:
        kind: of the output.
        largest: absolute number that Keras gives.
        precision: in which Keras computes.
    """
    return _ULPS * _EPSILON[precision] * (max(1.0, largest) if kind in ("probabilities", "bounded") else largest)


def output_kind(graph: Graph, output: Value) -> OutputKind:
    """What an output's numbers are, by the operator that makes them; what only moves numbers is looked through."""
    match _maker(graph, output):
        case ops.Softmax() | ops.Unary(function="sigmoid" | "hard_sigmoid"):
            return "probabilities"
        case ops.Unary(function="tanh" | "softsign"):
            return "bounded"
        case ops.Affine() | ops.Conv() | ops.DepthwiseConv():
            return "linear"
        case _:
            return "other"


def _is_choice(graph: Graph, output: Value) -> bool:
    """Whether the largest of its numbers is the answer, or whether its only one is beyond one half."""
    match _maker(graph, output):
        case ops.Softmax():
            return True
        case ops.Unary(function="sigmoid" | "hard_sigmoid"):
            return output.shape[-1:] == (1,)
        case _:
            return False


def _maker(graph: Graph, output: Value) -> ops.Operator | None:
    """The operator that computes an output's numbers; None for one that only moves an input's."""
    makers = {value: node for node in graph.nodes for value in node.outputs}
    value = output
    while value in makers:
        node = makers[value]
        match node.operator:
            case ops.Reshape() | ops.Transpose() | ops.Slice() | ops.Reverse() | ops.Pad():
                value = node.inputs[0]
            case Scan(body=body):
                return _maker(body, body.outputs[node.outputs.index(value)])
            case operator:
                return operator
    return None
