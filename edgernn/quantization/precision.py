"""Which tensors need 16 bits: found by the harm that 8 bits do to the answer, bought from the cheapest."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from edgernn.graph import Graph, Scan, Value
from edgernn.quantization.arithmetic import Arithmetic
from edgernn.quantization.calibrated import Calibrated
from edgernn.quantization.coarse_outputs import CoarseOutput, coarse_outputs
from edgernn.quantization.parts import Costs, Group, Part, computed_numbers, groups_of, whole_cost
from edgernn.quantization.simulated import Simulation, everything, weights_of
from edgernn.reference import Array, evaluate

T = TypeVar("T")

_COARSE = 0.3  # of the limit, of one matrix's weights alone
MAX_ERROR = 0.01  # of the outputs' spread; the user's limit unless they say otherwise
_ROUNDS = 4
_WORK = 4_000_000  # numbers that one simulation may compute
_FEWEST = 8  # samples
# Limits, in the user's, and what may be spent to come within them, relative to all that is computed: an answer that is
# wrong is worth nothing, one that could be a little better is worth little.
STAGES = ((10.0, math.inf), (3.0, 2.0), (1.0, 0.15))
_WORTH = 0.8  # of the error before: what leaves more is not worth a conversion
_NEGLIGIBLE = 0.05  # of all that is wrong, as squares: what errs less is not worth a conversion
_ANSWERS = 0.05  # of all that is computed: what 16 bits may cost where the answers are made, without being asked for
_ROOM = 0.9  # of the limit that the sum of what is left shall take, since errors only nearly add up as squares


@dataclass(frozen=True)
class Precision:
    """What was chosen.

    Attributes:
        wide: names of values with 16 bits, for `Plan.wide`.
        error: of the integers that it leads to; see `Part.error`.
        before: with nothing widened.
        reasons: the parts that were widened, with the error that each had before.
        fine: names of products whose weights have a scale per row.
        coarse: weights whose one scale for all rows errs by a good part of the limit.
        outputs: of the model that have 16 bits, since 8 would be too coarse for them alone.
    """

    wide: frozenset[str]
    error: float
    before: float
    reasons: tuple[Part, ...]
    fine: frozenset[str] = frozenset()
    coarse: tuple[Part, ...] = ()
    outputs: tuple[CoarseOutput, ...] = ()


def spread_error(found: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    """Root mean square of the difference over the standard deviation of what is expected; the worst output's.

    Of an output that never changes it is taken over its size.
    """
    worst = 0.0
    for name, truth in expected.items():
        difference = float(np.sqrt(np.mean((found[name].astype("f8") - truth) ** 2)))
        spread = float(truth.astype("f8").std()) or float(np.abs(truth).max()) or 1.0
        worst = max(worst, difference / spread)
    return worst


def attribute(
    integers: Graph,
    floats: Graph,
    arithmetic: Arithmetic,
    costs: Costs,
    inputs: Mapping[str, Array],
    known: dict[Hashable, float] | None = None,
    *,
    every: bool = True,
) -> list[Group]:
    """The groups of tensors with the error of each alone, everything else in floats, the worst first.

    Args:
        integers: quantized.
        floats: what it was made from.
        arithmetic: it was made for.
        costs: on the target.
        inputs: real samples `[samples, *shape]`, by name.
        known: errors of groups as they were before, on the same samples, which are not measured again: a group's own
            does not depend on the types of others. Those measured are added.
        every: whether each one is measured; else those that cannot be widened are one, of the first one's name.
    """
    simulation = Simulation(integers, floats)
    expected = evaluate(floats, inputs)
    known = {} if known is None else known

    def measured(group: Group) -> Group:
        members = frozenset(group.members)
        mark = frozenset(
            (value.name, value.dtype, value.quantization, None if value.data is None else value.data.tobytes())
            for value in members
        )
        if mark not in known:
            known[mark] = spread_error(simulation(inputs, members.__contains__), expected)
        return replace(group, part=replace(group.part, error=known[mark]))

    groups = list(groups_of(integers, floats, arithmetic, costs))
    rest = [] if every else [group for group in groups if not group.part.widened]
    if rest:
        together = tuple(value for group in rest for value in group.members)
        groups = [replace(rest[0], members=together), *(group for group in groups if group.part.widened)]
    return sorted(map(measured, groups), key=lambda group: -group.part.error)


def choose(
    calibrated: Calibrated,
    costs: Costs,
    inputs: Mapping[str, Array],
    limit: float,
    fixed: frozenset[str],
    known: dict[Hashable, float] | None = None,
) -> Precision:
    """Widen tensors until the error is within a limit, or the budget is spent.

    Args:
        calibrated: what integers are made from.
        costs: on the target.
        inputs: real samples to measure with, by name.
        limit: on the error.
        fixed: values whose type the user has chosen.
        known: errors of groups; see `attribute`.
    """
    known = {} if known is None else known
    floats, arithmetic, make = calibrated.graph, calibrated.plan.arithmetic, calibrated.integers
    integers = make()
    inputs = calibrated.inputs(enough(calibrated.graph, inputs))
    expected = evaluate(floats, inputs)
    whole = whole_cost(integers, costs)
    error = before = spread_error(Simulation(integers, floats)(inputs, everything), expected)
    outputs = tuple(each for each in coarse_outputs(integers, floats, expected, limit) if each.name not in fixed)
    answers = frozenset(each.name for each in outputs)
    if calibrated.front is not None:
        groups = groups_of(integers, floats, arithmetic, costs)
        answers = _makers_of_answers(groups, floats, _ANSWERS * whole) - fixed
    else:  # wider answers that nothing reads would be rounded again
        fixed |= frozenset(value.name for value in floats.outputs) - {value.name for value in _read(floats)}
    if answers:
        integers = make(answers)
        error = spread_error(Simulation(integers, floats)(inputs, everything), expected)
    best = Precision(answers, error, before, (), outputs=outputs)
    coarse: tuple[Part, ...] = ()
    for factor, budget in STAGES:
        goal, allowed = factor * limit, budget * whole
        wide, reasons = best.wide, best.reasons
        for _ in range(_ROUNDS):
            if error <= goal:
                break
            found = attribute(integers, floats, arithmetic, costs, inputs, known, every=False)
            parts = [group.part for group in found]
            coarse = tuple(part for part in parts if part.weights and part.widened and part.error > _COARSE * limit)
            free = [part for part in parts if part.widened.isdisjoint(fixed)]
            picked, spent = _picked(free, goal, allowed, wide)
            if not picked:
                break
            wide = wide.union(*(part.widened for part in picked))
            allowed -= spent
            reasons = (*reasons, *picked)
            integers = make(wide)
            error = spread_error(Simulation(integers, floats)(inputs, everything), expected)
            if error < _WORTH * best.error:
                best = replace(best, wide=wide, error=error, reasons=reasons)
        integers, error = make(best.wide), best.error
    return replace(best, coarse=coarse)


def _makers_of_answers(groups: Iterable[Group], floats: Graph, allowed: float) -> frozenset[str]:
    """What to widen so that answers have room: they are what they are made from, back to a product, outside of loops.

    Answers go beyond what calibration saw more often than anything else, since each sample has one of them and not one
    per step; and an answer that saturates is wrong by as much as it would have gone beyond. The few samples that are
    kept aside hardly ever show it.

    Args:
        groups: of the integer graph.
        floats: what it was made from.
        allowed: what it may cost.
    """
    makers = {value: node for node in floats.nodes for value in node.outputs}
    names, waiting = set[str](), list(floats.outputs)
    while waiting:
        value = waiting.pop()
        node = makers.get(value)
        if node is None or isinstance(node.operator, Scan):
            continue
        names.add(value.name)
        if weights_of(node) is None:
            waiting += [given for given in node.inputs if given.data is None]
    parts = [group.part for group in groups if names.intersection(group.made) and group.part.widened]
    affordable = sum(part.cost for part in parts) <= allowed
    return frozenset[str]().union(*(part.widened for part in parts)) if affordable else frozenset()


def _read(graph: Graph) -> set[Value]:
    return {value for node in graph.nodes for value in node.inputs}


def enough(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """As many of the samples as can be simulated in a moment."""
    count = max(_FEWEST, _WORK // max(computed_numbers(graph), 1))
    return {name: array[:count] for name, array in inputs.items()}


def choose_weights_too(again: Callable[[frozenset[str]], tuple[T, Precision]]) -> tuple[T, Precision]:
    """The choice, made again with scales per row for weights whose one scale harms, if that is worth it.

    Args:
        again: prepares a model in which these products have a scale per row, and chooses with `choose`.
    """
    ready, found = again(frozenset())
    names = frozenset[str]().union(*(part.widened for part in found.coarse))
    if not names:
        return ready, found
    finer, better = again(names)
    if better.error >= _WORTH * found.error:
        return ready, found
    return finer, replace(better, before=found.before, reasons=(*found.coarse, *better.reasons), fine=names)


def _picked(parts: list[Part], goal: float, allowed: float, taken: frozenset[str]) -> tuple[list[Part], float]:
    """The parts to widen next, those that take most error for their cost, until the goal is reached; what they cost."""
    left = sum(part.error**2 for part in parts)
    able = [part for part in parts if not part.weights and part.widened - taken and part.error**2 > _NEGLIGIBLE * left]
    picked: list[Part] = []
    names, spent = taken, 0.0
    for part in sorted(able, key=lambda part: -(part.error**2) / part.cost):
        if left <= (_ROOM * goal) ** 2:
            break
        cost = part.cost if part.widened - names else 0.0
        if spent + cost <= allowed:
            picked.append(part)
            names, spent = names | part.widened, spent + cost
            left -= part.error**2
    return picked, spent
