"""From a float graph to the bytes of an artifact: the order of the passes, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgernn.calibration import calibrate, largest_values, multiplied_values, second_moments
from edgernn.converters.tflite.arithmetic import FLOAT_KERNELS, TfliteArithmetic
from edgernn.converters.tflite.loop import Loop
from edgernn.converters.tflite.states import stream_metadata
from edgernn.converters.tflite.writer import write
from edgernn.errors import UnsupportedError
from edgernn.feature_units import FeatureUnits
from edgernn.graph import DType, Graph, Node, Value, map_bodies
from edgernn.graph import operators as ops
from edgernn.graph.memory import constants, let_go
from edgernn.graph.verify import verify
from edgernn.passes import (
    MaskInput,
    alike,
    block_steps,
    decompose_functions,
    divide_by_reciprocal,
    even_rows,
    float_front,
    fold_ahead,
    fuse_lstm,
    hoist_projections,
    join_operands,
    lift_masks,
    prune,
    separate_operands,
    simplify,
    split_back,
    split_units,
    unroll,
    without_masked_steps,
)
from edgernn.quantization import Calibrated, Plan, carried_on, fold_biases, with_masks
from edgernn.quantization.explained import Subject
from edgernn.quantization.weights_only import dynamic_weights, half_weights, white_noise
from edgernn.ranges import ClipMethod
from edgernn.streaming.options import StreamOptions
from edgernn.targets import INTEGER_SCHEMES, Form, Io, Scheme, Target

_LARGEST = 1.6  # a phone's file, in weight bytes, before faster loops cost too many bytes
_SHARING = 8.0  # leaves 11 of 16 bits for the values that were seen, and these are finer than 8-bit weights
_FREE_STATE = 8.0  # measured: LSTMs with cell states of +-14 lose nothing in 8 bits, with +-50 they lose 3.5 points


@dataclass(frozen=True)
class Options:
    """The user's choices.

    Attributes:
        scheme: of quantization.
        target: the kind of device.
        form: how loops are written.
        io: type of the artifact's inputs and outputs.
        clip: how much of a calibrated 8-bit range is kept.
        stream: how the model is streamed; None for one of whole windows.
        by_feature: whether the caller rounds the features of integer inputs one by one.
        float_functions: whether float answers may end with functions that are computed in floats.
    """

    scheme: Scheme
    target: Target
    form: Form
    io: Io
    clip: ClipMethod
    stream: StreamOptions | None = None
    by_feature: bool = False
    float_functions: bool = True


@dataclass(frozen=True)
class Prepared:
    """A model, ready to be written.

    Attributes:
        graph: float, or of a scheme without activations of integers already as it will be written.
        calibrated: of an integer scheme, what integers are made from.
        masks: inputs that the caller must compute.
        source: the graph that was given.
    """

    graph: Graph
    calibrated: Calibrated | None
    masks: tuple[MaskInput, ...]
    source: Graph


def compile_graph(
    graph: Graph,
    options: Options,
    calibration: Mapping[str, np.ndarray] | None,
    metadata: Mapping[str, Any],
    recordings: int = 0,
) -> bytes:
    """The artifact of a float graph.

    Args:
        graph: as read from Keras.
        options: what to make of it.
        calibration: samples per graph input; needed by the integer schemes only.
        metadata: what the file shall say about itself; the masks are added here.
        recordings: that the samples are windows of, over which a stateful model carries its state; 0 where none does.

    Raises:
        GraphError: the graph is not sound.
    """
    return write_artifact(prepare(graph, options, calibration, recordings), options, metadata)


def prepare(
    graph: Graph,
    options: Options,
    calibration: Mapping[str, np.ndarray] | None,
    recordings: int = 0,
    fine: frozenset[str] = frozenset(),
) -> Prepared:
    """Everything before the choice of types.

    Args:
        graph: as for `compile_graph`.
        options: likewise.
        calibration: likewise.
        recordings: likewise.
        fine: names of products whose weights get a scale for each row, where the target has one for all of them.

    Raises:
        GraphError: the graph is not sound.
    """
    verify(graph)
    if options.form == "fused":
        graph = fuse_lstm(prune(graph))
    source, graph = graph, simplify(graph, by_function=not options.target.merge_all)
    let_go(constants(source))
    if options.scheme in INTEGER_SCHEMES:
        if calibration is None:
            raise ValueError("an integer scheme needs calibration samples")
        calibrated = _calibrated(graph, options, calibration, recordings, fine)
        return Prepared(calibrated.graph, calibrated, calibrated.masks, source)
    graph = _floats(graph, options)
    if options.scheme == "dynamic":
        moments = _moments(graph, calibration, recordings)
        graph = dynamic_weights(graph, moments, per_channel=options.target.per_channel)
    elif options.scheme == "float16":
        graph = half_weights(graph)
    return Prepared(graph, None, (), source)


def _floats(graph: Graph, options: Options) -> Graph:
    """A simplified graph in the form of a scheme that computes in floats."""
    hoist = options.scheme == "dynamic"  # x and h are quantized on the fly, each by its own range
    graph = _hoisted(graph) if hoist else map_bodies(graph, join_operands)
    return decompose_functions(graph, FLOAT_KERNELS)


def subject_of(prepared: Prepared, options: Options, wide: frozenset[str] = frozenset()) -> Subject:
    """The integers of a prepared model beside the floats that they are made from; arguments as of `write_artifact`."""
    costs = options.target.costs
    if prepared.calibrated is not None:
        return Subject.of(prepared.calibrated, wide, costs)
    floats = _floats(simplify(prepared.source, by_function=not options.target.merge_all), options)
    return Subject(prepared.graph, floats, {}, {}, TfliteArithmetic(), costs)


def write_artifact(
    prepared: Prepared, options: Options, metadata: Mapping[str, Any], wide: frozenset[str] = frozenset()
) -> bytes:
    """The bytes of a prepared model.

    Args:
        prepared: with the same options.
        options: what to make of it.
        metadata: what the file shall say about itself; the masks are added here.
        wide: names of values with 16 bits.
    """
    graph = prepared.graph if prepared.calibrated is None else prepared.calibrated.whole(wide)
    if prepared.masks:
        described = [{"name": mask.name, "source": mask.source, "differs_from": mask.value} for mask in prepared.masks]
        metadata = {**metadata, "masks": described}
    if prepared.calibrated is not None and prepared.calibrated.units:
        units = {name: each.document for name, each in prepared.calibrated.units.items()}
        metadata = {**metadata, "features": units}
    let_go(constants(prepared.source))
    signed = options.target.signature
    loop: Loop = "while-variable" if options.form == "while-variable" else "while"
    if options.stream is not None:
        streamed = options.stream.apply(graph)
        kept = options.stream.state == "internal"
        metadata = {**metadata, "streaming": stream_metadata(streamed, kept=kept)}
        names = [value.name for value in graph.outputs]
        return write(streamed.graph, loop, metadata, streamed.states, names=names, kept=kept, signed=signed)
    if options.form == "unrolled":
        graph = unroll(graph)
    if options.target.block > 1:
        blocked = write(block_steps(graph, options.target.block), loop, metadata, signed=signed)
        if len(blocked) <= _LARGEST * _weight_bytes(graph) + 4096:
            return blocked
        del blocked
    return write(graph, loop, metadata, signed=signed)


def _weight_bytes(graph: Graph) -> int:
    sizes = {value: value.data.nbytes for node in graph.walk() for value in node.inputs if value.data is not None}
    return sum(sizes.values())


def _moments(graph: Graph, calibration: Mapping[str, np.ndarray] | None, recordings: int) -> Mapping[Value, np.ndarray]:
    """What to round a dynamic model's weights by: the user's samples, or white noise where there are none."""
    fused = any(isinstance(node.operator, ops.FusedLstm) for node in graph.nodes)
    if fused or not multiplied_values(graph):
        return {}
    if calibration:
        return second_moments(graph, calibration, recordings=recordings)
    noise, longest = white_noise(graph)
    return second_moments(graph, noise, longest)


def _hoisted(graph: Graph) -> Graph:
    return map_bodies(prune(hoist_projections(graph)), separate_operands)


def _calibrated(
    graph: Graph, options: Options, calibration: Mapping[str, np.ndarray], recordings: int, fine: frozenset[str]
) -> Calibrated:
    target = options.target
    wide: DType = "int16"
    if options.scheme == "int16x8":
        body = sequence = vector = inputs = wide
    else:
        body, sequence, vector, inputs = target.body, target.sequence, target.vector, "int8"
    if options.io == "int16":
        inputs = wide
    masks: tuple[MaskInput, ...] = ()
    samples = dict(calibration)
    front, back, units = None, None, dict[str, FeatureUnits]()
    if options.io == "float32":
        front, graph, samples = float_front(graph, samples)
        if options.float_functions:
            back, graph = split_back(graph, FLOAT_KERNELS)
    elif options.by_feature:
        graph, masks = lift_masks(graph)
        units, graph, samples = split_units(graph, without_masked_steps(graph, with_masks(samples, masks)))
    graph = fold_ahead(graph, samples)
    graph = map_bodies(divide_by_reciprocal(graph), divide_by_reciprocal)
    if options.io != "float32" and not options.by_feature:
        graph, masks = lift_masks(graph)
        samples = without_masked_steps(graph, with_masks(samples, masks))
    if not recordings:
        samples = dict(carried_on(graph, samples))
    _refuse_masks_on_integers(graph, options)

    def chosen(node: Node) -> bool:
        return node.output.name in fine

    if body == "int16":
        first = largest_values(graph, samples, recordings)
        graph = map_bodies(graph, lambda inner: join_operands(inner, lambda node: alike(node, first)))
        graph = map_bodies(graph, separate_operands)
        graph = map_bodies(even_rows(graph, chosen), lambda inner: even_rows(inner, chosen))
        graph = decompose_functions(graph, ("sigmoid", "tanh", *_TABLES))
    else:
        graph = _hoisted(graph)
    plan = Plan(
        TfliteArithmetic(),
        body,
        sequence,
        vector,
        inputs,
        _FREE_STATE,
        wide_bias=True,
        per_channel=target.per_channel,
        clip=options.clip,
        sharing=_SHARING if body == "int16" else 1.0,
        fine=frozenset() if body == "int16" else fine,
    )
    statistics = calibrate(graph, samples, recordings=recordings)
    if body == "int16" and target.bias_columns:
        graph, statistics = fold_biases(graph, statistics)
    return Calibrated(graph, statistics, plan, front, masks, units, back)


_TABLES = (
    "elu",
    "selu",
    "gelu",
    "gelu_tanh",
    "softplus",
    "softsign",
    "exponential",
    "mish",
    "rsqrt",
    "log",
    "reciprocal",
)


def _refuse_masks_on_integers(graph: Graph, options: Options) -> None:
    broken = [
        (
            f"layer '{node.layer}': a mask must be taken from a model input or from integer ids when activations are "
            f"integers. Found: a mask of '{node.inputs[0].name}', which the scheme '{options.scheme}' quantizes.",
            "move the Masking layer to the model's input, or use --quantize dynamic.",
        )
        for node in graph.nodes
        if isinstance(node.operator, ops.Differs)
        and node.inputs[0].dtype == "float32"
        and (node.inputs[0] not in graph.inputs or options.io != "float32")
    ]
    if broken:
        raise UnsupportedError(broken)
