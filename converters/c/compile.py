"""From a float graph to generated C: the order of the passes, and the functions that the C file consists of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgernn.calibration import ClipMethod, calibrate
from edgernn.converters.c.body import Body
from edgernn.converters.c.elements import Arithmetic, IntegerElements
from edgernn.converters.c.floats import KERNELS, FloatElements
from edgernn.converters.c.program import C_TYPES, Constants, Lines, Pool, Slot
from edgernn.converters.c.rules import CArithmetic
from edgernn.graph import Graph, Value, map_bodies
from edgernn.passes import (
    MaskInput,
    alike,
    decompose_functions,
    divide_by_reciprocal,
    join_operands,
    lift_masks,
    separate_operands,
    simplify,
)
from edgernn.quantization import Plan, quantize

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
        masks: inputs that the caller must compute.
    """

    graph: Graph
    constants: Constants
    run: Function
    masks: tuple[MaskInput, ...]


def lower(
    graph: Graph,
    scheme: CScheme,
    io: CIo,
    clip: ClipMethod,
    calibration: Mapping[str, np.ndarray] | None,
) -> tuple[Graph, tuple[MaskInput, ...]]:
    """The graph that C computes: integers as `edgernn.converters.c.reference` defines them, or float.

    Args:
        graph: as read from Keras.
        scheme: float32 or int8.
        io: type of inputs; outputs are float32 or int16.
        clip: how much of the range of an 8-bit input is kept.
        calibration: samples per input; int8 needs them.
    """
    graph = simplify(graph, by_function=False)
    if scheme == "float32":
        return decompose_functions(map_bodies(graph, join_operands), KERNELS), ()
    if calibration is None:
        raise ValueError("integers need calibration samples")
    graph = map_bodies(divide_by_reciprocal(graph), divide_by_reciprocal)
    samples = dict(calibration)
    masks: tuple[MaskInput, ...] = ()
    if io != "float32":
        graph, masks = lift_masks(graph)
        for mask in masks:
            samples[mask.name] = (samples[mask.source] != np.float32(mask.value)).any(-1)
    ranges = calibrate(graph, samples).ranges
    graph = map_bodies(graph, lambda body: join_operands(body, lambda node: alike(node, ranges)))
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
        power_of_two=True,
    )
    return quantize(graph, calibrate(graph, samples), plan, float_io=io == "float32"), masks


def write_functions(graph: Graph, prefix: str, masks: tuple[MaskInput, ...] = ()) -> Program:
    """The C functions of a lowered graph."""
    constants = Constants(prefix)
    integers = any(value.dtype in ("int8", "int16") for node in graph.walk() for value in node.outputs)
    arithmetic: Arithmetic = IntegerElements(constants) if integers else FloatElements(constants)
    return Program(graph, constants, _run(graph, constants, arithmetic), masks)


def _run(graph: Graph, constants: Constants, arithmetic: Arithmetic) -> Function:
    lines, pool = Lines(), Pool("scratch")
    body = Body(lines, constants, arithmetic, pool)
    for name, value in zip(names(graph.inputs, "x"), graph.inputs, strict=True):
        body.slots[value] = Slot(name, C_TYPES[value.dtype], owned=False)
    body.graph(graph.nodes)
    targets: dict[Value, list[Slot]] = {}
    for name, value in zip(names(graph.outputs, "y"), graph.outputs, strict=True):
        targets.setdefault(value, []).append(Slot(name, C_TYPES[value.dtype], owned=False))
    body.results(targets)
    return Function(tuple(lines.text), pool)


def names(values: tuple[Value, ...], single: str) -> tuple[str, ...]:
    """Parameter names: `x`, or `x0`, `x1`, ... where there are several."""
    return (single,) if len(values) == 1 else tuple(f"{single}{k}" for k in range(len(values)))
