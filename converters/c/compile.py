"""From a float graph to generated C: the order of the passes, and the functions that the C file consists of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edgernn.calibration import calibrate, largest_values
from edgernn.converters.c.body import Body
from edgernn.converters.c.bounds import refuse_infinite
from edgernn.converters.c.elements import Arithmetic, IntegerElements
from edgernn.converters.c.floats import KERNELS, FloatElements
from edgernn.converters.c.loop import write_initial
from edgernn.converters.c.program import C_TYPES, Constants, Lines, Pool, Slot
from edgernn.converters.c.rules import CArithmetic
from edgernn.feature_units import FeatureUnits
from edgernn.graph import Graph, Value, map_bodies
from edgernn.graph.verify import verify
from edgernn.passes import (
    MaskInput,
    NoStreamError,
    Streamed,
    alike,
    decompose_functions,
    divide_by_reciprocal,
    float_front,
    fold_ahead,
    join_operands,
    lift_masks,
    separate_operands,
    simplify,
    split_units,
    stream,
    without_masked_steps,
)
from edgernn.quantization import Calibrated, Plan, carried_on, with_masks
from edgernn.quantization.arithmetic import LARGEST_SUM
from edgernn.ranges import ClipMethod

CScheme = Literal["float32", "int8"]
CIo = Literal["float32", "int8", "int16"]


@dataclass(frozen=True)
class Function:
    """The lines of a C function, and the memory that it works in.

    Attributes:
        lines: of its body.
        scratch: working memory, by C type.
    """

    lines: tuple[str, ...]
    scratch: Pool


@dataclass(frozen=True)
class Program:
    """A model as C.

    Attributes:
        graph: typed; its inputs and outputs are those of the functions.
        constants: for flash.
        run: a whole sequence.
        step: one hop of it; None if the model has none.
        reset: what begins a new sequence of steps.
        no_step: why it has none.
        states: memory that steps keep between them, by C type.
        masks: inputs that the caller must compute.
        streamed: what `step` computes.
        slots: where its states lie.
        units: of the features of inputs that the caller must round one by one.
    """

    graph: Graph
    constants: Constants
    run: Function
    step: Function | None
    reset: tuple[str, ...]
    no_step: str
    states: Pool
    masks: tuple[MaskInput, ...]
    streamed: Streamed | None
    slots: tuple[Slot, ...] = ()
    units: Mapping[str, FeatureUnits] = field(default_factory=dict)


def lower(
    graph: Graph,
    scheme: CScheme,
    io: CIo,
    clip: ClipMethod,
    calibration: Mapping[str, np.ndarray] | None,
    recordings: int = 0,
) -> tuple[Graph, tuple[MaskInput, ...]]:
    """The graph that C computes: integers as `edgernn.converters.c.reference` defines them, or float.

    Args:
        graph: as read from Keras.
        scheme: float32 or int8.
        io: type of inputs; outputs are float32 or int16.
        clip: how much of the range of an 8-bit input is kept.
        calibration: samples per input; int8 needs them.
        recordings: that the samples are windows of, over which a stateful model carries its state; 0 where none does.

    Raises:
        GraphError: the graph is not sound.
    """
    if scheme == "float32":
        return lower_float(graph), ()
    if calibration is None:
        raise ValueError("integers need calibration samples")
    calibrated = calibrate_c(graph, io, clip, calibration, recordings)
    return calibrated.whole(), calibrated.masks


def lower_float(graph: Graph) -> Graph:
    """The graph of float C.

    Raises:
        GraphError: the graph is not sound.
    """
    return decompose_functions(map_bodies(_simplified(graph), join_operands), KERNELS)


def _simplified(graph: Graph) -> Graph:
    verify(graph)
    graph = simplify(graph, by_function=False)
    refuse_infinite(graph)
    return graph


def calibrate_c(
    graph: Graph,
    io: CIo,
    clip: ClipMethod,
    calibration: Mapping[str, np.ndarray],
    recordings: int = 0,
    *,
    by_feature: bool = False,
) -> Calibrated:
    """What the integers of C are made from; the arguments are those of `lower`.

    With `by_feature` the caller rounds the features of inputs one by one.

    Raises:
        GraphError: the graph is not sound.
    """
    graph = _simplified(graph)
    samples = dict(calibration)
    front, units = None, dict[str, FeatureUnits]()
    masks: tuple[MaskInput, ...] = ()
    if io == "float32":
        front, graph, samples = float_front(graph, samples)
    elif by_feature:
        graph, masks = lift_masks(graph)
        units, graph, samples = split_units(graph, without_masked_steps(graph, with_masks(samples, masks)))
    graph = fold_ahead(graph, samples)
    graph = map_bodies(divide_by_reciprocal(graph), divide_by_reciprocal)
    if io != "float32" and not by_feature:
        graph, masks = lift_masks(graph)
        samples = without_masked_steps(graph, with_masks(samples, masks))
    if not recordings:
        samples = dict(carried_on(graph, samples))
    seen = largest_values(graph, samples, recordings)
    graph = map_bodies(graph, lambda body: join_operands(body, lambda node: alike(node, seen)))
    graph = map_bodies(graph, separate_operands)
    plan = Plan(
        CArithmetic(),
        body="int16",
        sequence="int16",
        vector="int16",
        inputs="int8" if io == "int8" else "int16",
        free_state=math.inf,
        wide_bias=False,
        per_channel=True,
        clip=clip,
        outputs="int16",
        largest_sum=LARGEST_SUM,
        power_of_two=True,
    )
    return Calibrated(graph, calibrate(graph, samples, recordings=recordings), plan, front, masks, units)


def write_functions(
    graph: Graph,
    prefix: str,
    masks: tuple[MaskInput, ...] = (),
    hop: int | None = None,
    lookahead: int = 0,
    units: Mapping[str, FeatureUnits] | None = None,
) -> Program:
    """The C functions of a lowered graph.

    Args:
        graph: to write.
        prefix: of all identifiers.
        masks: inputs that the caller must compute.
        hop: frames per step; None takes the fewest possible.
        lookahead: frames that an answer may be late.
        units: of the features of inputs that the caller must round one by one.

    Raises:
        GraphError: the graph is not sound.
    """
    verify(graph)
    constants = Constants(prefix)
    integers = any(value.dtype in ("int8", "int16") for node in graph.walk() for value in node.outputs)
    floats = FloatElements(constants)
    arithmetic: Arithmetic = IntegerElements(constants, floats) if integers else floats
    run = _run(graph, constants, arithmetic)
    states = Pool("state")
    try:
        streamed = stream(graph, hop, lookahead)
    except NoStreamError as error:
        return Program(graph, constants, run, None, (), str(error).rstrip("."), states, masks, None, (), units or {})
    verify(streamed.graph)
    slots = [states.take(C_TYPES[state.value.dtype], math.prod(state.value.shape)) for state in streamed.states]
    return Program(
        graph=graph,
        constants=constants,
        run=run,
        step=_step(streamed, slots, constants, arithmetic),
        reset=_reset(streamed, slots, constants, arithmetic),
        no_step="",
        states=states,
        masks=masks,
        streamed=streamed,
        slots=tuple(slots),
        units=units or {},
    )


def _run(graph: Graph, constants: Constants, arithmetic: Arithmetic) -> Function:
    body = Body(Lines(), constants, arithmetic, Pool("scratch"))
    _bind_inputs(body, graph.inputs)
    body.graph(graph.nodes, _outputs(graph.outputs))
    return Function(_used(body.lines.text, [*names(graph.inputs, "x"), "scratch"]), body.pool)


def _step(step: Streamed, slots: Sequence[Slot], constants: Constants, arithmetic: Arithmetic) -> Function:
    body = Body(Lines(), constants, arithmetic, Pool("scratch"))
    _bind_inputs(body, step.frames)
    body.slots.update(zip((state.value for state in step.states), slots, strict=True))
    count = len(step.graph.outputs) - len(slots)
    targets = _outputs(step.graph.outputs[:count])
    for value, slot in zip(step.graph.outputs[count:], slots, strict=True):
        targets.setdefault(value, []).append(slot)
    body.graph(step.graph.nodes, targets)
    return Function(_used(body.lines.text, ["state", *names(step.frames, "x"), "scratch"]), body.pool)


def _reset(step: Streamed, slots: Sequence[Slot], constants: Constants, arithmetic: Arithmetic) -> tuple[str, ...]:
    body = Body(Lines(), constants, arithmetic, Pool("scratch"))
    for state, slot in zip(step.states, slots, strict=True):
        write_initial(body, state.initial, slot)
    return tuple(body.lines.text)


def _used(lines: Sequence[str], parameters: Sequence[str]) -> tuple[str, ...]:
    """The lines of a function, without a warning for a parameter that it has no use for."""
    words = set(re.findall(r"\w+", "\n".join(lines)))
    return (*(f"    (void){name};" for name in parameters if name not in words), *lines)


def _bind_inputs(body: Body, inputs: tuple[Value, ...]) -> None:
    for name, value in zip(names(inputs, "x"), inputs, strict=True):
        body.slots[value] = Slot(name, C_TYPES[value.dtype], owned=False)


def _outputs(outputs: tuple[Value, ...]) -> dict[Value, list[Slot]]:
    targets: dict[Value, list[Slot]] = {}
    for name, value in zip(names(outputs, "y"), outputs, strict=True):
        targets.setdefault(value, []).append(Slot(name, C_TYPES[value.dtype], owned=False))
    return targets


def names(values: tuple[Value, ...], single: str) -> tuple[str, ...]:
    """Parameter names: `x`, or `x0`, `x1`, ... where there are several."""
    return (single,) if len(values) == 1 else tuple(f"{single}{k}" for k in range(len(values)))
