"""The rules of sound graphs, each a small function whose docstring is the rule, and the message.

A rule yields what it found wrong. Rules of graphs say what is known where; rules of nodes, by operator, how shapes,
types and scales fit. A node has as many inputs and outputs as its operator takes before they are tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from edgernn.graph import operators as ops
from edgernn.graph.graph import Graph, Node, Value
from edgernn.graph.shapes import infer

NodeRule = Callable[[Node], Iterator[str]]
GraphRule = Callable[[Graph], Iterator[str]]

GRAPH_RULES: list[GraphRule] = []
NODE_RULES: list[tuple[tuple[type, ...], NodeRule]] = []  # with the operators that each is for; none: all of them

_NUMBERS = ("float32", "int8", "int16")
_MOVES = (  # C joins pieces of different scales, so Concat is none of them
    ops.Reshape,
    ops.Transpose,
    ops.Split,
    ops.Slice,
    ops.Pad,
    ops.Reverse,
    ops.Broadcast,
    ops.Select,
    ops.Unstack,
    ops.Stack,
    ops.Gather,
    ops.Pool,
)
_PRODUCTS = (ops.Affine, ops.Conv, ops.DepthwiseConv)


def graph_rule(function: GraphRule) -> GraphRule:
    """Register a rule of graphs."""
    GRAPH_RULES.append(function)
    return function


def rule(*kinds: type) -> Callable[[NodeRule], NodeRule]:
    """Register a rule of nodes with these operators; of all if none is named."""

    def register(function: NodeRule) -> NodeRule:
        NODE_RULES.append((kinds, function))
        return function

    return register


# --- what is known where --------------------------------------------------------------------------------------------


@graph_rule
def known_before_it_is_read(graph: Graph) -> Iterator[str]:
    """A value is read behind the node that makes it, and in the graph that it belongs to."""
    known = set(graph.inputs)
    for node in graph.nodes:
        for value in node.inputs:
            if value.data is None and value not in known:
                yield f"'{value.name}', read by '{node.outputs[0].name if node.outputs else type(node.operator)}'"
        known.update(node.outputs)
    for value in graph.outputs:
        if value.data is None and value not in known:
            yield f"'{value.name}', an output"


@graph_rule
def made_once(graph: Graph) -> Iterator[str]:
    """A value is an input, a constant, or made by one node."""
    made: set[Value] = set()
    for value in (*graph.inputs, *(value for node in graph.nodes for value in node.outputs)):
        if value in made or value.data is not None:
            yield f"'{value.name}' {'twice' if value in made else 'with data'}"
        made.add(value)


@graph_rule
def inputs_are_told_apart(graph: Graph) -> Iterator[str]:
    """Every input has a name of its own."""
    times = Counter(value.name for value in graph.inputs)
    yield from (f"'{name}' {count} times" for name, count in times.items() if count > 1)


# --- every node -----------------------------------------------------------------------------------------------------


@rule()
def results_are_as_inferred(node: Node) -> Iterator[str]:
    """The outputs have the shapes and types that the operator gives."""
    try:
        expected = infer(node.operator, node.inputs)
    except (ValueError, IndexError) as error:
        yield f"{error}"
        return
    for (shape, dtype), value in zip(expected, node.outputs, strict=True):
        converts = isinstance(node.operator, ops.Requantize)
        if value.shape != shape or (value.dtype != dtype and not converts):
            yield f"'{value.name}' is {value.dtype} {_size(value.shape)}, not {dtype} {_size(shape)}"


@rule()
def constants_hold_what_they_say(node: Node) -> Iterator[str]:
    """A constant's data has its shape and type."""
    for value in node.inputs:
        if value.data is not None and (value.data.shape != value.shape or value.data.dtype.name != value.dtype):
            its = f"{value.data.dtype} {_size(value.data.shape)}"
            yield f"'{value.name}' is {value.dtype} {_size(value.shape)}, its data {its}"


@rule()
def integers_have_a_scale(node: Node) -> Iterator[str]:
    """8-bit and 16-bit integers have a scale, one or one per channel, floats and bools have none."""
    for value in (*node.inputs, *node.outputs):
        form = value.quantization
        if value.dtype in (("int8", "int16") if form is None else ("float32", "float16", "bool")):
            yield f"'{value.name}' is {value.dtype}{' without a scale' if form is None else ' with one'}"
        elif form and len(form.scales) not in (1, *value.shape[form.axis : form.axis + 1]):
            yield f"'{value.name}' has {len(form.scales)} scales for {_size(value.shape)}"
        elif form and not min(form.scales) > 0:
            yield f"'{value.name}' has the scale {min(form.scales)}"
        elif form and form.zero_point and (value.dtype == "int16" or len(form.scales) > 1):
            yield f"'{value.name}', {value.dtype} with {len(form.scales)} scales, has the zero point {form.zero_point}"


# --- products -------------------------------------------------------------------------------------------------------


@rule(ops.Affine)
def kernels_fit(node: Node) -> Iterator[str]:
    """A kernel has a column per element of its operand, and all kernels and the bias have a row per output."""
    operator = node.operator
    assert isinstance(operator, ops.Affine)  # the rule is registered for it
    count, rows = operator.operands, node.output.shape[-1:]
    for x, kernel in zip(node.inputs[:count], node.inputs[count : 2 * count], strict=True):
        if kernel.shape != (*rows, *x.shape[-1:]):
            yield f"'{kernel.name}' is {_size(kernel.shape)} for {_size(x.shape)} and {_size(node.output.shape)}"
    if operator.bias and node.inputs[-1].shape != rows:
        yield f"'{node.inputs[-1].name}' is {_size(node.inputs[-1].shape)}"


@rule(ops.Conv, ops.DepthwiseConv)
def filters_fit(node: Node) -> Iterator[str]:
    """A filter has the input's channels, the bias an element per output channel, and one window fits."""
    x, kernel = node.inputs[:2]
    if len(x.shape) != 2 or len(kernel.shape) != (3 if isinstance(node.operator, ops.Conv) else 2):
        yield f"a filter of {_size(kernel.shape)} on {_size(x.shape)}"
        return
    deep = kernel.shape[2] == x.shape[1] if isinstance(node.operator, ops.Conv) else kernel.shape[1] % x.shape[1] == 0
    if not deep or node.output.shape[0] < 1:
        yield f"a filter of {_size(kernel.shape)} on {_size(x.shape)}"
    if len(node.inputs) > 2 and node.inputs[2].shape != node.output.shape[-1:]:
        yield f"a bias of {_size(node.inputs[2].shape)}"


@rule(*_PRODUCTS)
def products_have_types(node: Node) -> Iterator[str]:
    """A product is of floats, or of 8-bit or 16-bit integers by 8-bit ones; its bias has 32 or 64 bits."""
    operands, kernels, bias = _parts(node)
    for x, kernel in zip(operands, kernels, strict=True):
        allowed = ("float32", "float16", "int8") if x.dtype == "float32" else ("int8",)
        if x.dtype not in _NUMBERS or kernel.dtype not in allowed or x.dtype != operands[0].dtype:
            yield f"{x.dtype} by {kernel.dtype}"
        if kernel.data is None:
            yield f"'{kernel.name}', which is no constant"
    wanted = ("float32",) if operands[0].dtype == "float32" else ("int32", "int64")
    if bias and bias.dtype not in wanted:
        yield f"a bias of {bias.dtype} beside {operands[0].dtype}"


@rule(*_PRODUCTS)
def biases_are_in_units_of_the_product(node: Node) -> Iterator[str]:
    """An integer bias has the scale of input times kernel."""
    (x, *_), (kernel, *_), bias = _parts(node)
    if not bias or not (bias.quantization and x.quantization and kernel.quantization):
        return
    wanted = [x.quantization.scale * scale for scale in kernel.quantization.scales]
    for is_, should in zip(bias.quantization.scales, wanted, strict=False):
        if abs(is_ - should) > 1e-5 * should:
            yield f"{is_:g} instead of {should:g}"
            return
    if len(wanted) != len(bias.quantization.scales):
        yield f"{len(bias.quantization.scales)} scales instead of {len(wanted)}"


def _parts(node: Node) -> tuple[tuple[Value, ...], tuple[Value, ...], Value | None]:
    """Operands, kernels and bias of a product."""
    operator = node.operator
    assert isinstance(operator, _PRODUCTS)  # established by the caller
    count = operator.operands if isinstance(operator, ops.Affine) else 1
    bias = node.inputs[-1] if operator.bias else None
    return node.inputs[:count], node.inputs[count : 2 * count], bias


# --- elementwise and data movement ----------------------------------------------------------------------------------


@rule(ops.Binary, ops.Concat, ops.Stack)
def operands_are_alike(node: Node) -> Iterator[str]:
    """All operands have one type."""
    types = dict.fromkeys(value.dtype for value in node.inputs)
    if len(types) > 1:
        yield " and ".join(types)


@rule(ops.Binary, ops.Unary, ops.Softmax, ops.Reduce, ops.Pool)
def numbers_are_computed_with(node: Node) -> Iterator[str]:
    """Functions are of floats or of 8-bit or 16-bit integers."""
    yield from (f"'{value.name}', {value.dtype}" for value in node.inputs if value.dtype not in _NUMBERS)


@rule(ops.Concat, ops.Stack)
def parts_are_of_one_shape(node: Node) -> Iterator[str]:
    """What is joined differs in size along the axis only."""
    axis = node.operator.axis if isinstance(node.operator, ops.Concat) else None
    first = node.inputs[0].shape
    for value in node.inputs[1:]:
        same = [a == b or (axis is not None and k == axis % len(first)) for k, (a, b) in _pairs(first, value.shape)]
        if len(value.shape) != len(first) or not all(same):
            yield f"{_size(first)} and {_size(value.shape)}"


def _pairs(a: tuple[int, ...], b: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, int]]]:
    return iter(enumerate(zip(a, b, strict=False)))


@rule(ops.Slice, ops.Pad, ops.Transpose, ops.Broadcast)
def places_exist(node: Node) -> Iterator[str]:
    """What is cut, padded, reordered or repeated is there."""
    (x,), operator = node.inputs, node.operator
    match operator:
        case ops.Slice(begin=begin, end=end, stride=stride):
            sound = 0 <= begin < end <= x.shape[0] and stride > 0
        case ops.Pad(before=before, after=after):
            sound = min(before, after) >= 0
        case ops.Transpose(permutation=permutation):
            sound = sorted(permutation) == list(range(len(x.shape)))
        case ops.Broadcast(shape=shape):
            own = (1,) * (len(shape) - len(x.shape)) + x.shape
            sound = len(own) == len(shape) and all(a in (1, b) for a, b in zip(own, shape, strict=True))
        case _:
            return
    if not sound:
        yield f"{operator} of {_size(x.shape)}"


@rule(ops.Or, ops.Select)
def conditions_are_bools(node: Node) -> Iterator[str]:
    """A condition is a bool, and what is chosen from has one type."""
    conditions = node.inputs[:1] if isinstance(node.operator, ops.Select) else node.inputs
    yield from (f"'{value.name}', {value.dtype}" for value in conditions if value.dtype != "bool")
    if isinstance(node.operator, ops.Select) and node.inputs[1].dtype != node.inputs[2].dtype:
        yield f"{node.inputs[1].dtype} and {node.inputs[2].dtype}"


@rule(ops.Gather)
def tables_are_constants(node: Node) -> Iterator[str]:
    """Rows of a constant table are taken by int32 ids."""
    table, ids = node.inputs
    if table.data is None or len(table.shape) != 2 or ids.dtype != "int32":
        yield f"'{table.name}' {_size(table.shape)} by '{ids.name}', {ids.dtype}"


@rule(*_MOVES)
def moved_integers_keep_their_scale(node: Node) -> Iterator[str]:
    """Integers that are only moved keep their scale and zero point."""
    moved = node.inputs[1:] if isinstance(node.operator, ops.Select) else node.inputs
    yield from _other_scales(*(moved[:1] if isinstance(node.operator, ops.Gather) else moved), *node.outputs)


@rule(ops.Binary, ops.Reduce)
def compared_integers_have_one_scale(node: Node) -> Iterator[str]:
    """Integers that are compared have one scale and zero point, and so has the result."""
    operator = node.operator
    assert isinstance(operator, ops.Binary | ops.Reduce)  # the rule is registered for them
    if operator.function in ("maximum", "minimum", "max"):
        yield from _other_scales(*node.inputs, *node.outputs)


def _other_scales(first: Value, *others: Value) -> Iterator[str]:
    for value in others:
        if value.quantization != first.quantization:
            yield f"'{first.name}' has {_form(first)}, '{value.name}' {_form(value)}"


# --- loops ----------------------------------------------------------------------------------------------------------


@rule(ops.Scan)
def a_state_leaves_as_it_entered(node: Node) -> Iterator[str]:
    """A loop's state has one shape, type and scale: at the start, in the body, behind a step, and at the end."""
    scan = node.operator
    assert isinstance(scan, ops.Scan)  # the rule is registered for it
    for k, inside in enumerate(scan.body.inputs[: scan.carries]):
        for value in (node.inputs[k], scan.body.outputs[k], node.outputs[k]):
            if not _same(value, inside, inside.shape):
                yield f"'{inside.name}' is {_told(inside)}, '{value.name}' {_told(value)}"


@rule(ops.Scan)
def a_step_is_a_row_of_the_sequence(node: Node) -> Iterator[str]:
    """A loop has a step at least, and its sequences have a row per step, of the type and scale that its body knows."""
    scan = node.operator
    assert isinstance(scan, ops.Scan)  # the rule is registered for it
    if scan.steps < 1:
        yield f"{scan.steps} steps"
    given = zip(node.inputs[scan.carries :], scan.body.inputs[scan.carries :], strict=True)
    made = zip(node.outputs[scan.carries :], scan.body.outputs[scan.carries :], strict=True)
    for outside, inside in (*given, *made):
        if not _same(outside, inside, (scan.steps, *inside.shape)):
            yield f"'{outside.name}' is {_told(outside)}, a step of it {_told(inside)}"


def _same(value: Value, other: Value, shape: tuple[int, ...]) -> bool:
    return (value.shape, value.dtype, value.quantization) == (shape, other.dtype, other.quantization)


def _told(value: Value) -> str:
    return f"{value.dtype} {_size(value.shape)}{f' in {_form(value)}' if value.quantization else ''}"


def _form(value: Value) -> str:
    form = value.quantization
    return f"units of {form.scales[0]:g} from {form.zero_point}" if form else "no scale"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
